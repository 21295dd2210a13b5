#!/usr/bin/env python3
"""The Python way: peer_bootstrap.py VALUES CLUSTERS REPLICATES resamples whole clusters, vectorised as far as numpy goes.

Sums by cluster once, then many replicates in one array operation; the chunk is what was fastest here among 1 to 256 replicates.
"""
import json
import sys

import numpy as np

values = np.fromfile(sys.argv[1], dtype="<f8")
clusters = np.fromfile(sys.argv[2], dtype="<u4")
replicates = int(sys.argv[3])
chunk = int(sys.argv[4]) if len(sys.argv) > 4 else 16
sums = np.bincount(clusters, weights=values)
rows = np.bincount(clusters).astype(float)
count = len(sums)
rng = np.random.default_rng(1)
means = np.empty(replicates)
for start in range(0, replicates, chunk):
    size = min(chunk, replicates - start)
    draw = rng.integers(0, count, size=(size, count), dtype=np.int32)
    means[start : start + size] = sums[draw].sum(axis=1) / rows[draw].sum(axis=1)
low, high = np.quantile(means, [0.025, 0.975])
print(json.dumps({"low": low, "high": high, "se": means.std(ddof=1)}))
