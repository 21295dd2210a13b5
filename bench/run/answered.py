#!/usr/bin/env python3
"""The examples whose answer is in the log of a run, one id a line: answered.py RUN.DB EXAMPLES.JSONL

The log is read from a copy, with its write-ahead log beside it: looking at a killed run must not repair it.
"""
import json
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

log, examples = Path(sys.argv[1]), Path(sys.argv[2])
names = [json.loads(line)["id"] for line in open(examples)]
with tempfile.TemporaryDirectory() as folder:
    for end in ("", "-wal"):
        part = log.with_name(log.name + end)
        if part.exists():
            shutil.copy(part, folder)
    connection = sqlite3.connect(Path(folder) / log.name)
    for (body,) in connection.execute("SELECT body FROM event WHERE kind = 'ended' ORDER BY seq"):
        event = json.loads(body)
        if event["end"]["ended"] == "answered":
            print(names[event["attempt"]["example"]])
    connection.close()
