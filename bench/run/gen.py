#!/usr/bin/env python3
"""Writes N prompts in each tool's form, the same ones on every machine: gen.py FOLDER N

  examples.jsonl   Gatewright     prompts.jsonl   Inspect, aiohttp     prompts.csv   promptfoo

The endpoint always says "The answer is 42."; every fifth target is 17, so the pass rate is exactly 0.80 with every tool. N is a multiple of 5.
"""
import csv
import json
import os
import sys

folder, count = sys.argv[1], int(sys.argv[2])
assert count % 5 == 0, "the pass rate must be exact"
TOPICS = ["billing", "shipping", "returns", "login", "refunds", "privacy", "warranty", "pricing"]
os.makedirs(folder, exist_ok=True)
with open(f"{folder}/prompts.jsonl", "w") as prompts, open(f"{folder}/prompts.csv", "w", newline="") as table, open(f"{folder}/examples.jsonl", "w") as examples:
    rows = csv.writer(table)
    rows.writerow(["input", "__expected"])
    for i in range(count):
        name, topic, target = f"ex-{i:06d}", TOPICS[i % 8], "42" if i % 5 else "17"
        question = f"Question {name} about {topic}: what is six times seven? Answer with a number."
        prompts.write(json.dumps({"id": name, "input": question, "target": target}) + "\n")
        rows.writerow([question, f"contains:{target}"])
        examples.write(json.dumps({
            "id": name, "input": question, "segments": {"task": topic}, "expect": {"contains": [target]}, "provenance": {"kind": "benchmark"},
        }) + "\n")
