"""Small projects whose reports are looked at in a browser: one that ships, one that cannot decide, one in which everybody is hostile."""

import json
import pathlib
import sys

HOSTILE = (
    "</div></details></section><script>document.title='owned'</script><img src=http://example.invalid/x onerror=\"document.title='owned'\"> "
    "<svg/onload=alert(1)> <style>*{display:none}</style> <a href=\"javascript:alert(1)\">y</a> {{ 7*7 }} <!-- "
    "\u001b]0;x\u0007\u202egnp\u2066 \u200bzero\u00ad\r\n::error::x\n" + "W" * 400 + " 日本語 العربية"
)

PAGE = """gatewright: 1
product: %(product)s
promise:
  does: Answer questions about colours from the colour book.
  for: painters
  evidence: the colour book
  when_not_ready: ask
tasks: {warm: Warm colours, cold: Cold colours}
failures:
  unsupported-claim: {severity: high, cost: 10 USD, owner: team, repair: "the colour book"}
owners:
  team: {name: %(team)s, contact: "#colour"}
decision: {question: "Release?", decided_by: team, standard: unbroken}
systems:
  candidate: {recorded: runs/candidate.jsonl}
%(production)sreference: [reference/*.jsonl]
criteria:
  right: {grader: {contains: {}}, fails_as: unsupported-claim}
gate:
%(gate)s
"""
PRODUCTION = "  production: {recorded: runs/production.jsonl}\n"
GUARD = "  - {id: no-task-breaks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: team}"
FLOOR = "  - {id: floor, require: right, from: [policy], at_least: 90 %, then: {violated: hold}, owner: team}"


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def project(folder, page, lost, say):
    """30 examples a task; the candidate loses the first `lost` warm ones, where it says `say`."""
    folder.mkdir(parents=True)
    (folder / "gatewright.yaml").write_text(page)
    ids = [f"{task}-{index:02}" for task in ("cold", "warm") for index in range(30)]
    hostile = say != "no idea"
    lines(folder / "reference/all.jsonl", (
        {"id": one, "input": f"{say if hostile else ''} what is {one}?", "segments": {"task": one[:4]}, "expect": {"contains": [one]},
         "sources": [{"id": "book" if not hostile else "<b>book</b>", "text": say if hostile else f"The colour book knows {one}."}],
         "provenance": {"kind": "policy", "added": "2026-10-01"}} for one in ids))
    lines(folder / "runs/production.jsonl", ({"example": one, "output": f"it is {one}"} for one in ids))
    lines(folder / "runs/candidate.jsonl", (
        {"example": one, "output": say if one in ids[30:30 + lost] else f"it is {one}"} for one in ids))


def main():
    root = pathlib.Path(sys.argv[1])
    usual = {"product": "colours", "team": "Colour team", "production": PRODUCTION, "gate": GUARD}
    project(root / "ship", PAGE % usual, 0, "no idea")
    project(root / "alone", (PAGE % (usual | {"production": "", "gate": FLOOR})).replace("unbroken", "shown"), 4, "no idea")
    project(root / "hostile", PAGE % (usual | {"product": "'<b>colours</b> \"&\"'", "team": "'<i>" + "x" * 120 + "</i>'"}), 12, HOSTILE)


main()
