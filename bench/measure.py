#!/usr/bin/env python3
"""Runs one command and prints {"wall_s", "cpu_s", "rss_mib", "exit"} as one JSON line: measure.py COMMAND...

The command's output goes to stderr. Wall time is from before the start to after the end of the process, what a user waits for.
"""
import json
import os
import sys
import time

start = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - start
unit = 1024 if sys.platform != "darwin" else 1024 * 1024
print(json.dumps({"wall_s": round(wall, 3), "cpu_s": round(usage.ru_utime + usage.ru_stime, 3), "rss_mib": round(usage.ru_maxrss / unit, 1), "exit": os.waitstatus_to_exitcode(status)}))
