#!/usr/bin/env python3
"""Writes examples and a million recorded answers of 200 to 500 bytes: gen_rules.py FOLDER [ANSWERS]"""
import json
import os
import random
import sys

folder = sys.argv[1]
answers = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
examples = 1000
draw = random.Random(20261126)
words = "the refund of your invoice is paid back within some days when the plan ends and we follow policy for every account on record today".split()
os.makedirs(f"{folder}/reference", exist_ok=True)
with open(f"{folder}/reference/examples.jsonl", "w") as out:
    for i in range(examples):
        out.write(json.dumps({"id": f"ex-{i:04d}", "input": f"Question {i}: what do I get back?", "segments": {"task": ["refund", "invoice"][i % 2]}, "expect": {"answer": i}, "provenance": {"kind": "traffic"}}) + "\n")
with open(f"{folder}/responses.jsonl", "w") as out:
    for i in range(answers):
        example = i % examples
        lines = [draw.choice(["Dear customer", "Hello", "Good day"])]
        lines.append(" ".join(draw.choices(words, k=draw.randint(15, 50))) + ".")
        lines.append(f"You get {example if draw.random() < 0.8 else example + 7} USD.")
        if draw.random() < 0.1:
            lines.append(draw.choice(["We are sorry for that.", "Unfortunately we cannot pay more."]))
        if draw.random() < 0.5:
            lines.extend(["", *(f"- {draw.choice(words)} {draw.choice(words)}" for _ in range(draw.randint(1, 4))), ""])
        if draw.random() < 0.3:
            lines.append(json.dumps({"status": draw.choice(["ok", "failed"]), "sum": example}))
        lines.append(draw.choice(["Kind regards", "Best Regards", "Bye"]))
        out.write(json.dumps({"example": f"ex-{example:04d}", "trial": i // examples, "output": "\n".join(lines)}) + "\n")
