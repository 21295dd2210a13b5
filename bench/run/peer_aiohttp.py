#!/usr/bin/env python3
"""The leanest script that somebody would write: peer_aiohttp.py PROMPTS.JSONL PORT CONNECTIONS. One line of JSON a result, and the pass rate."""
import asyncio
import json
import sys

import aiohttp

prompts, port, connections = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rows = [json.loads(line) for line in open(prompts)]


async def main():
    waiting, passed = iter(rows), 0
    with open("aiohttp.jsonl", "w") as out:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
            async def worker():
                nonlocal passed
                for row in waiting:
                    body = {"model": "mock", "messages": [{"role": "user", "content": row["input"]}]}
                    async with session.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body) as response:
                        text = (await response.json())["choices"][0]["message"]["content"]
                    good = row["target"] in text
                    passed += good
                    out.write(json.dumps({"id": row["id"], "output": text, "pass": good}) + "\n")

            await asyncio.gather(*(worker() for _ in range(connections)))
    print(f"pass rate {passed / len(rows):.4f}")


asyncio.run(main())
