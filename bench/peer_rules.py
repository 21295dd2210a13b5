#!/usr/bin/env python3
"""The Python way: peer_rules.py FOLDER. The ten checks of bench/rules/gatewright.yaml on every answer, with `re` and `json`, patterns compiled once.

Prints how many answers pass each, as JSON: the other side must say the same.
"""
import json
import re
import sys

folder = sys.argv[1]
SUM = re.compile(r"\b[0-9]+ USD\b")
NUMBER = re.compile(r"[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")
WORD = re.compile(r"\w+")
BULLET = re.compile(r"^[-*+] ", re.MULTILINE)
CANNOT = re.compile(r"\bcannot\b", re.IGNORECASE)
decoder = json.JSONDecoder()


def numbers(text):
    for found in NUMBER.findall(text):
        yield float(found.replace(",", "").replace("−", "-"))


def documents(text):
    at = 0
    while (at := min((i for i in (text.find("{", at), text.find("[", at)) if i >= 0), default=-1)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
            yield value
        except ValueError:
            at += 1


def holds(value):
    if isinstance(value, dict):
        return value.get("status") == "ok" or any(map(holds, value.values()))
    return isinstance(value, list) and any(map(holds, value))


def checks(text, expected):
    lower = text.lower()
    stripped = text.strip()
    yield "says-days", "days" in text or "policy" in text
    yield "no-apology", "sorry" not in lower and "unfortunately" not in lower
    yield "names-sum", SUM.search(text) is not None
    yield "right-sum", any(abs(number - expected) <= 0.5 for number in numbers(text))
    yield "greets", stripped.startswith(("Dear", "Hello"))
    yield "closes", stripped.lower().endswith("regards")
    yield "brief", len(WORD.findall(text)) <= 60
    yield "steps", len(BULLET.findall(text)) >= 2
    yield "machine", any(map(holds, documents(text)))
    yield "not-sorry-and-short", sum(1 for line in text.splitlines() if line.strip()) <= 9 and not CANNOT.search(text)


expected = {}
with open(f"{folder}/reference/examples.jsonl") as rows:
    for line in rows:
        row = json.loads(line)
        expected[row["id"]] = row["expect"]["answer"]
passed = {}
count = 0
with open(f"{folder}/responses.jsonl") as rows:
    for line in rows:
        row = json.loads(line)
        count += 1
        for name, good in checks(row["output"], expected[row["example"]]):
            passed[name] = passed.get(name, 0) + good
print(json.dumps({"answers": count, "passed": passed}, sort_keys=True))
