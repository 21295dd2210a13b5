#!/usr/bin/env python3
"""A million rows in 10,000 clusters: gen_bootstrap.py FOLDER writes values.f64 and clusters.u32, little-endian."""
import pathlib
import sys

import numpy as np

folder = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(7)
clusters = np.repeat(np.arange(10_000, dtype="<u4"), 100)
effect = rng.normal(0.0, 0.3, 10_000)[clusters]
values = (rng.random(1_000_000) < 0.02 + 0.02 * np.tanh(effect)).astype("<f8") - (rng.random(1_000_000) < 0.03)
order = rng.permutation(1_000_000)
values[order].astype("<f8").tofile(folder / "values.f64")
clusters[order].tofile(folder / "clusters.u32")
