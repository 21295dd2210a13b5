#!/usr/bin/env python3
"""What is on the disk of a project that was killed, as JSON: look.py PROJECT SEED

Independent of Gatewright: the logs are read with Python's SQLite from a copy, with their write-ahead logs beside them, as
looking must not repair anything. Keys are those of the scripted provider: what the user said last, and the seed sent with it.
"""
import hashlib
import json
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

project, seed = Path(sys.argv[1]), sys.argv[2]
texts = {}
for line in open(project / "examples.jsonl"):
    example = json.loads(line)
    said = example["input"]
    texts[example["id"]] = said["turns"] if isinstance(said, dict) else [said]


def rows(file, query):
    with tempfile.TemporaryDirectory() as folder:
        for end in ("", "-wal"):
            part = file.with_name(file.name + end)
            if part.exists():
                shutil.copy(part, folder)
        connection = sqlite3.connect(Path(folder) / file.name)
        try:
            check = connection.execute("PRAGMA integrity_check").fetchone()[0]
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "event" not in tables:
                return [], {}, check
            blobs = {}
            if "blob" in tables:
                for digest, packed, size, kept in connection.execute("SELECT digest, packed, size, bytes FROM blob"):
                    whole = packed or (len(kept) == size and hashlib.sha256(kept).digest() == digest)
                    blobs[digest.hex()] = bool(whole)
            return connection.execute(query).fetchall(), blobs, check
        finally:
            connection.close()


def key(role, example, trial, step):
    digest = hashlib.sha256(f"gatewright-trial|{seed}|{role}|{example}|{trial}".encode()).digest()
    number = int.from_bytes(digest[:8], "big") >> 11
    return f"{texts[example][step]} #{number & 0x7FFFFFFF}"


def read(folder):
    found, blobs, check = rows(folder / "run.db", "SELECT seq, id, body FROM event ORDER BY seq")
    wrong = [] if check == "ok" else [f"integrity_check: {check}"]
    wrong += [f"bytes of {digest} do not match" for digest, whole in blobs.items() if not whole]
    run = {"name": folder.name, "events": len(found), "sealed": False, "rounds": [], "proposed": [],
           "ended": [], "done": {"candidate": [], "production": []}, "exchanges": {"candidate": 0, "production": 0}}
    names, started, ended, turns = {}, {}, {}, {}
    for place, (seq, id, body) in enumerate(found, 1):
        if seq != place:
            wrong.append(f"event {place} has the number {seq}")
        if id.removeprefix("sha256:") != hashlib.sha256(body.encode() if isinstance(body, str) else body).hexdigest():
            wrong.append(f"event {seq} is not what its id says")
        event = json.loads(body)
        what = event["event"]
        attempt = event.get("attempt")
        where = attempt and (attempt["example"], attempt["system"], attempt["trial"])
        exchange = event.get("exchange")
        if exchange:
            run["exchanges"][where[1]] += 1
            for named in ("request", "response"):
                digest = exchange.get(named)
                if digest and digest.removeprefix("sha256:") not in blobs:
                    wrong.append(f"event {seq} names bytes that are not there")
        if what == "sealed":
            run["sealed"] = True
        elif what == "examples":
            names.update({event["first"] + index: id for index, (id, _) in enumerate(event["examples"])})
        elif what == "started":
            started[where] = started.get(where, 0) + 1
        elif what == "withdrawn":
            started[where] = started.get(where, 0) - 1
        elif what == "exchanged" and event.get("response"):
            turns[where] = exchange.get("step", 0) + 1
        elif what == "ended":
            if started.get(where, 0) < 1:
                wrong.append(f"event {seq} ends an attempt that was never started")
            ended[where] = ended.get(where, 0) + 1
            end = event["end"]
            response = end.get("response", {})
            said = [turn.get("output") for turn in response.get("turns", [])]
            run["ended"].append([*where, end["ended"], response.get("output"), said])
        elif what == "confirming":
            run["rounds"].append(event["round"])
        elif what == "proposed":
            run["proposed"].append(event["answer"])
    for where in ended:
        turns[where] = len(texts[names[where[0]]])
    for (example, role, trial), steps in turns.items():
        run["done"][role] += [key(role, names[example], trial, step) for step in range(steps)]
    run["ended"].sort(key=lambda one: one[:3])
    run["open"] = sum(times > 0 and where not in ended for where, times in started.items())
    lease = folder / "run.lease"
    run["given_back"] = lease.exists() and lease.stat().st_size == 0
    run["wrong"] = wrong
    return run


state = project / ".gatewright"
runs = [read(folder) for folder in sorted((state / "runs").glob("*-*")) if (folder / "run.db").exists()]
ledger, wrong = [], []
if (state / "project.db").exists():
    found, _, check = rows(state / "project.db", "SELECT seq, id, body FROM event ORDER BY seq")
    wrong += [] if check == "ok" else [f"project.db: integrity_check: {check}"]
    for seq, id, body in found:
        event = json.loads(body)
        if event["event"] == "attempted":
            ledger.append([event["run"], event["answer"]])
print(json.dumps({"runs": runs, "ledger": ledger, "wrong": wrong}))
