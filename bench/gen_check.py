#!/usr/bin/env python3
"""Writes a reference set of 100,000 complete examples (about 1 KiB each) for `gatewright check`: gen_check.py FOLDER [EXAMPLES]"""
import json
import os
import sys

folder = sys.argv[1]
examples = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
tasks = ["refund", "invoice", "plan", "payment", "cancel"]
quality = ["current", "stale", "conflicting", "missing"]
text = "The customer may ask for the money back within fourteen days of the invoice, in writing, once for each billing period. " * 4
os.makedirs(f"{folder}/reference", exist_ok=True)
for part in range(10):
    with open(f"{folder}/reference/part-{part}.jsonl", "w") as out:
        for i in range(part, examples, 10):
            out.write(json.dumps({
                "id": f"ex-{i:06d}",
                "input": f"Question {i}: I was charged {i % 97} USD on the {i % 28 + 1}th and want to know why, and whether I get it back.",
                "segments": {"task": tasks[i % 5], "source_quality": quality[i % 4]},
                "expect": {"behaviour": "answer" if i % 3 else "escalate", "must_cite": [f"policy-{i % 12}"], "contains": [f"{i % 97} USD"]},
                "sources": [{"id": f"policy-{i % 12}", "text": text, "version": "2026-10"}],
                "cluster": f"conversation-{i // 3}",
                "provenance": {"kind": "traffic", "ref": f"log-{i}", "added": "2026-10-15", "by": "sampler", "why": "weekly sample"},
            }) + "\n")
