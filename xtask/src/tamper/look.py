#!/usr/bin/env python3
"""Whether two versions of a record's files say the same: look.py BEFORE AFTER

Independent of Gatewright. Of a database every row of every table is compared, with its position and its types; of an envelope what it
decodes to. It prints `same` or `other`: a changed byte that leaves everything as it was is no evidence.
"""
import base64
import json
import sqlite3
import sys


def rows(file):
    connection = sqlite3.connect(f"file:{file}?immutable=1", uri=True)
    connection.text_factory = bytes
    said = []
    for table in ("event", "blob"):
        try:
            found = connection.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid").fetchall()
        except sqlite3.OperationalError as error:
            found = str(error)
        said.append((table, found))
    return said


def envelope(file):
    def plain(text):
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)

    read = json.load(open(file, "rb"))
    signatures = [(one["keyid"], plain(one["sig"])) for one in read["signatures"]]
    return sorted(read), read["payloadType"], plain(read["payload"]), signatures


before, after = sys.argv[1], sys.argv[2]
say = envelope if before.endswith(".json") else rows
try:
    same = say(before) == say(after)
except Exception as error:
    print("other", error)
else:
    print("same" if same else "other")
