"""The same prompts as an Inspect task: inspect eval peer_inspect.py -T prompts=PROMPTS.JSONL"""
from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


@task
def bench(prompts: str):
    return Task(dataset=json_dataset(prompts, FieldSpec(input="input", target="target", id="id")), solver=generate(), scorer=includes())
