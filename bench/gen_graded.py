#!/usr/bin/env python3
"""Writes the benchmark's data from fixed seeds into a folder: gen_graded.py FOLDER [EXAMPLES]

One table of graded pairs (default 125,000 examples x 8 criteria = 1,000,000 rows, 25,000 clusters, 40 segments), in two forms:

  wide.jsonl      one row a pair: example_id, cluster_id, segment, criterion, cand, prod, cand_ms, prod_ms. What a data frame likes
  examples.jsonl  one row an example: id, input, cluster, segments.  labels.jsonl  one row a verdict: example, system, criterion, label. What
                  Gatewright reads: twice the rows, the same verdicts
"""
import os
import sys

import numpy as np

CRITERIA = 8
CLUSTERS_PER_EXAMPLE = 0.2
SEGMENTS = 40


def table(examples):
    """The columns; the same numbers on every machine."""
    r = np.random.default_rng(20260101)
    clusters = int(examples * CLUSTERS_PER_EXAMPLE)
    cluster_of = r.integers(0, clusters, examples)
    segment_of = r.integers(0, SEGMENTS, clusters)  # a cluster lies in one segment
    example = np.repeat(np.arange(examples), CRITERIA)
    criterion = np.tile(np.arange(CRITERIA), examples)
    cluster = cluster_of[example]
    segment = segment_of[cluster]
    of_cluster = r.normal(0, 0.8, clusters)[cluster]
    of_example = r.normal(0, 0.6, examples)[example]
    base = 1.2 - 0.1 * criterion + 0.02 * (segment - 20) + of_cluster + of_example
    effect = np.where(segment < 4, -0.15, 0.05) + r.normal(0, 0.25, clusters)[cluster]
    rows = examples * CRITERIA
    chance = lambda z: 1 / (1 + np.exp(-z))
    prod = (r.random(rows) < chance(base)).astype("int8")
    cand = (r.random(rows) < chance(base + effect)).astype("int8")
    prod_ms = r.lognormal(6, 0.5, examples)[example]
    cand_ms = prod_ms * r.lognormal(-0.05, 0.2, rows)
    return example, cluster, segment, criterion, cand, prod, cand_ms, prod_ms


def main():
    folder = sys.argv[1]
    examples = int(sys.argv[2]) if len(sys.argv) > 2 else 125_000
    os.makedirs(folder, exist_ok=True)
    columns = [column.tolist() for column in table(examples)]
    word = ("fail", "pass")
    with open(f"{folder}/wide.jsonl", "w") as wide, open(f"{folder}/labels.jsonl", "w") as labels:
        for e, g, s, k, c, p, cm, pm in zip(*columns):
            wide.write(
                f'{{"example_id":"e{e:06d}","cluster_id":"g{g:05d}","segment":"s{s:02d}","criterion":"c{k}",'
                f'"cand":{c},"prod":{p},"cand_ms":{cm:.1f},"prod_ms":{pm:.1f}}}\n'
            )
            labels.write(
                f'{{"example":"e{e:06d}","system":"candidate","criterion":"c{k}","label":"{word[c]}"}}\n'
                f'{{"example":"e{e:06d}","system":"production","criterion":"c{k}","label":"{word[p]}"}}\n'
            )
    with open(f"{folder}/examples.jsonl", "w") as out:
        step = slice(0, None, CRITERIA)
        for e, g, s in zip(columns[0][step], columns[1][step], columns[2][step]):
            out.write(
                f'{{"id":"e{e:06d}","input":"Question {e:06d}","cluster":"g{g:05d}",'
                f'"segments":{{"task":"answer","area":"s{s:02d}"}},"provenance":{{"kind":"benchmark"}}}}\n'
            )


if __name__ == "__main__":
    main()
