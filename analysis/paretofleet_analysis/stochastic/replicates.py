"""From runs to replicates of what they estimate: the question `mean`."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .samples import Floats, Samples

Statistic = Literal["mean", "median", "p99"]


def replicates(samples: Samples, *, statistic: Statistic = "mean", count: int, seed: int) -> list[Floats]:
    """N arrays (count, d): draws of the true `statistic` of each configuration, given its runs.

    Raises ValueError naming a configuration with fewer than 3 runs.
    """
    if statistic != "mean":
        raise ValueError(f"statistic {statistic!r} is not known")
    out = []
    for i, sample in enumerate(samples):
        runs = np.asarray(sample, dtype=np.float64)
        if len(runs) < 3:
            raise ValueError(
                f"configuration {i} has {len(runs)} runs; 3 are needed to say how sure its mean is"
            )
        rng = np.random.default_rng([seed, i])
        m = len(runs)
        logs = np.log(runs)
        weights = rng.standard_normal((count, m)) @ (logs - logs.mean(axis=0)) / np.sqrt(m * (m - 1))
        scale = np.sqrt((m - 1) / rng.chisquare(m - 1, count))
        out.append(runs.mean(axis=0) * np.exp(weights * scale[:, None]))
    return out
