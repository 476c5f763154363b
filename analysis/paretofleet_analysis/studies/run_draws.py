"""What another run of each unit may show: draws under replicates of what is not known of its runs' law."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Floats = np.ndarray
#: With fewer runs the spread of a unit is a guess.
RUNS_MIN = 3


def draw_runs(runs: Sequence[Floats], *, replicates: int, draws: int, seed: int) -> Floats:
    """(R, M, N, d): `draws` M further runs of N units under each of `replicates` R.

    `runs` holds for each unit (n, d) positive values, n of `RUNS_MIN` or more. Runs are taken as normal on
    the log scale, with the covariance of the unit's own; a replicate draws the covariance by the chi-squared
    law of its freedom and the mean given that. ValueError for other values.

    >>> draw_runs([np.array([[1.0], [1.1], [0.9]])], replicates=2, draws=5, seed=1).shape
    (2, 5, 1, 1)
    """
    rng = np.random.default_rng(seed)
    out = []
    for unit, values in enumerate(runs):
        if values.ndim != 2 or len(values) < RUNS_MIN:
            raise ValueError(f"unit {unit} has the runs {values.shape}; give {RUNS_MIN} or more")
        if not np.isfinite(values).all() or (values <= 0).any():
            raise ValueError(f"unit {unit} has runs that are not finite and positive")
        logs = np.log(values)
        count = len(logs)
        root = (logs - logs.mean(axis=0)) / np.sqrt(count - 1)
        scale = np.sqrt((count - 1) / rng.chisquare(count - 1, size=(replicates, 1, 1)))
        means = logs.mean(axis=0) + scale * (rng.normal(size=(replicates, 1, count)) @ root) / np.sqrt(count)
        noise = rng.normal(size=(replicates, draws, count)) @ root
        out.append(np.exp(means + scale * noise))
    return np.stack(out, axis=2)
