#!/usr/bin/env python3
"""The Python way: peer_pandas.py WIDE.JSONL default|pyarrow [OUT.JSON]

Paired difference with a cluster-robust standard error and a 95 % interval in every segment x criterion cell: pandas reads, statsmodels fits.
`pyarrow` uses pandas' faster JSON reader, which somebody who looks for it finds.
"""
import json
import sys

import numpy as np
import pandas as pd
import statsmodels.api as sm

path, reader = sys.argv[1], sys.argv[2]
options = {"engine": "pyarrow"} if reader == "pyarrow" else {}
d = pd.read_json(path, lines=True, **options)
d["y"] = d["cand"].astype(float) - d["prod"]
cells = []
for (segment, criterion), g in d.groupby(["segment", "criterion"], sort=True):
    groups = g["cluster_id"].astype("category").cat.codes.to_numpy()
    fit = sm.OLS(g["y"].to_numpy(), np.ones(len(g))).fit(cov_type="cluster", cov_kwds={"groups": groups})
    low, high = fit.conf_int()[0]
    cells.append({"segment": segment, "criterion": criterion, "n": len(g), "estimate": float(fit.params[0]), "se": float(fit.bse[0]), "low": float(low), "high": float(high)})
if len(sys.argv) > 3:
    with open(sys.argv[3], "w") as out:
        json.dump(cells, out)
print(len(cells), "cells")
