"""Statistics by NumPy and SciPy, for test/experiments.

Run from the repository root: python scripts/oracle/statistics.py
Writes test/fixtures/statistics.json: quantiles, bootstrap intervals of a mean and of a ratio of sums, phi, Fisher's exact
test and the hypergeometric distribution, a permutation test of the overlap within layers, with the versions that made them.
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(5)
hits = rng.integers(0, 2, 48)
edits, words = rng.integers(0, 4, 40), rng.integers(3, 9, 40)


def interval(data, statistic, paired=False):
    found = stats.bootstrap(data, statistic, n_resamples=100_000, method="percentile", paired=paired, vectorized=False, random_state=1)
    return [float(found.confidence_interval.low), float(found.confidence_interval.high)]


def masks(layers, heads, a, b):
    """Two masks that share more heads in the first layers."""
    x = rng.random((layers, heads)) < a
    y = np.where(rng.random((layers, heads)) < 0.3, x, rng.random((layers, heads)) < b)
    return x, y


def within_layers(x, y, times=200_000):
    """How often permuting each layer of y shares at least as many heads."""
    seen = (x & y).sum()
    shuffled = rng.permuted(np.broadcast_to(y, (times, *y.shape)), axis=2)
    return float(((shuffled & x).sum((1, 2)) >= seen).mean())


def pair(x, y):
    table = [[(x & y).sum(), (x & ~y).sum()], [(~x & y).sum(), (~x & ~y).sum()]]
    return {
        "a": x.astype(int).tolist(),
        "b": y.astype(int).tolist(),
        "phi": float(np.corrcoef(x.ravel(), y.ravel())[0, 1]),
        "fisher": float(stats.fisher_exact(table, alternative="greater").pvalue),
        "withinLayers": within_layers(x, y),
    }


fixture = {
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__},
    "quantiles": {
        "values": (values := rng.normal(size=21).round(6).tolist()),
        "q": (q := [0, 0.025, 0.5, 0.8, 0.975, 1]),
        "expected": np.quantile(values, q).tolist(),
    },
    "mean": {"values": hits.tolist(), "interval": interval((hits,), np.mean), "deviation": float(np.std(hits, ddof=1))},
    "ratio": {
        "edits": edits.tolist(),
        "words": words.tolist(),
        "interval": interval((edits, words), lambda e, w: e.sum() / w.sum(), paired=True),
    },
    "hypergeometric": {"n": 64, "a": 36, "b": 25, "expected": stats.hypergeom(64, 36, 25).pmf(np.arange(26)).tolist()},
    "pairs": [pair(*masks(8, 8, 0.5, 0.4)), pair(*masks(40, 40, 0.95, 0.96)), pair(*masks(4, 6, 0.3, 0.8))],
}
Path("test/fixtures/statistics.json").write_text(json.dumps(fixture) + "\n")
