"""A grader program: reads one answer a line, says whether its tone is fit for a customer.

Use it as `grader: {program: {command: [python3, graders/tone.py]}}`. Copy the loop at the bottom and write your own `grade`.
"""

import json
import re
import sys

RUDE = re.compile(r"\b(stupid|idiot|your fault|obviously|calm down)\b", re.IGNORECASE)


def grade(answer):
    """Takes what docs/judges.md calls `input`; returns the verdict's fields."""
    found = RUDE.search(answer["output"])
    if found:
        return {"verdict": "fail", "symptom": "rude", "why": f"says {found.group(0)!r}"}
    return {"verdict": "pass"}


def main():
    for line in sys.stdin:
        request = json.loads(line)
        try:
            verdict = grade(request["input"])
        except Exception as error:  # one answer that cannot be graded must not end the program
            verdict = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"id": request["id"], **verdict}), flush=True)


if __name__ == "__main__":
    main()
