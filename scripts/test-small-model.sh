#!/usr/bin/env bash
# scripts/test-small-model.sh BINARY   the example small-model to its decision on a real model: asked, tripped, confirmed, graded, decided.
# The answers are sampled, so no number is fixed; what must hold of any such run is checked. Three minutes on two cores.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")

code=0
"$scripts/small-model.sh" --install || code=$?
if [ "$code" = 3 ]; then
  echo "note: there is no model for this machine: the run on a real model is left out"
  exit 0
elif [ "$code" != 0 ]; then
  exit "$code"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -R "$scripts/../examples/small-model/." "$folder/"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed -i "s/127.0.0.1:18135/127.0.0.1:$port/" "$folder/gatewright.yaml" "$folder/judged.yaml"
cd "$folder"
"$scripts/small-model.sh" --port "$port" -- \
  "$binary" gate --repeat 2 --allow-host "127.0.0.1:$port" -o decision.json || code=$?
# Two prompts of which one breaks what the other does: hold. Anything else is looked at.
[ "$code" = 100 ] || { echo "error: expected exit code 100 (hold), got $code"; exit 1; }
python3 - "$folder" <<'PY'
import json, sqlite3, glob, sys
folder = sys.argv[1]
report = json.load(open(f"{folder}/decision.json"))
assert report["answer"] == "hold", report["answer"]
log = sqlite3.connect(glob.glob(f"{folder}/.gatewright/runs/*/run.db")[0])
ends = log.execute("SELECT example, system, trial, body FROM event WHERE kind = 'ended'").fetchall()
assert len({row[:3] for row in ends}) == len(ends), "an attempt ended twice"
first = [row for row in ends if row[2] < 2]
fresh = [row for row in ends if row[2] >= 2]
assert len(first) == 60 * 2 * 2, len(first)
assert fresh and len(fresh) % 10 == 0, f"{len(fresh)} fresh trials: five an example on both systems"
answers = [json.loads(row[3])["end"] for row in ends]
answered = [end["response"] for end in answers if end["ended"] == "answered"]
assert len(answered) >= 0.99 * len(ends), "a server on this machine answers"
assert all(answer["latency_ms"] > 0 and answer["usage"]["output_tokens"] > 0 for answer in answered)
by_example = {}
for row in first:
    by_example.setdefault(row[:2], set()).add(json.loads(row[3])["end"].get("response", {}).get("output"))
noisy = sum(len(outputs) > 1 for outputs in by_example.values())
assert noisy > 10, f"{noisy}: trials of a sampled model differ"
print(f"small-model: {len(ends)} answers, {len(fresh)} of them fresh, {noisy} of 120 cells with run noise: HOLD")
PY

# The same model as a judge of eight examples: every answer gets a verdict by the schema or none, and its canaries say whether it may be believed.
mkdir "$folder/judge"
cp -R "$folder/judged.yaml" "$folder/rubrics" "$folder/judge/"
mkdir "$folder/judge/reference"
head -n 8 "$folder/reference/city.jsonl" > "$folder/judge/reference/city.jsonl"
cd "$folder/judge"
code=0
"$scripts/small-model.sh" --port "$port" -- \
  "$binary" gate -c judged.yaml --quiet --allow-host "127.0.0.1:$port" -o decision.json >judge.txt 2>&1 || code=$?
[ "$code" = 0 ] || [ "$code" = 100 ] || [ "$code" = 110 ] || { cat judge.txt; echo "error: no decision, exit code $code"; exit 1; }
python3 - <<'PY'
import json
report = json.load(open("decision.json"))
[judge] = report["judges"]
judged = [judge[kind]["n"] + judge[kind].get("missing", 0) for kind in ("wrong", "injected", "again")]
assert judge["judged"] + judge["unreadable"] >= 16, judge
assert min(judged) >= 5, f"canaries of each kind, and answers asked again: {judged}"
passed = judge["wrong"]["count"] + judge["injected"]["count"]
assert passed == 0 or judge.get("unfit"), "a judge that passes canaries may not gate"
[watch] = [one for one in report["findings"] if one["rule"] == "judged-right"]
assert watch["deciding"] is False, "nobody calibrated it: it only watches"
print(f"small-model as judge: {judge['judged']} answers; passed {judge['wrong']['count']} of {judge['wrong']['n']} wrong answers and {judge['injected']['count']} of "
      f"{judge['injected']['n']} that told it to; changed {judge['again']['count']} of {judge['again']['n']} verdicts; unfit: {judge.get('unfit')}")
PY
