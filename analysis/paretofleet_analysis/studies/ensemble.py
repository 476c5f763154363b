"""Draws from a density that is known up to a factor, by an ensemble of walkers.

The stretch move of Goodman and Weare 2010: its steps follow the ensemble's own shape, so that scales and
correlations of the parameters do not matter.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Floats = np.ndarray
#: The longest stretch; 2 is what the authors use.
_STRETCH = 2.0


def sample(
    log_density: Callable[[Floats], Floats], start: Floats, *, steps: int, keep: int, seed: int
) -> Floats:
    """(keep * W, p) draws: all walkers at the last `keep` of evenly spaced moments after half the `steps`.

    `log_density` takes (W, p) points and gives (W,) values, -inf where there is nothing; `start` (W, p) holds
    an even number of walkers, more than 2 p, all where the density is above 0; `seed` is of the steps.
    """
    rng = np.random.default_rng(seed)
    walkers = start.copy()
    density = log_density(walkers)
    count, size = walkers.shape
    halves = np.arange(0, count, 2), np.arange(1, count, 2)
    kept = []
    moments = set(np.linspace(steps // 2, steps - 1, keep).astype(int).tolist())
    for step in range(steps):
        for moving, others in (halves, halves[::-1]):
            stretch = (1.0 + (_STRETCH - 1.0) * rng.random(len(moving))) ** 2 / _STRETCH
            toward = walkers[rng.choice(others, len(moving))]
            proposed = toward + stretch[:, None] * (walkers[moving] - toward)
            there = log_density(proposed)
            gain = (size - 1) * np.log(stretch) + there - density[moving]
            is_taken = np.log(rng.random(len(moving))) < gain
            walkers[moving[is_taken]] = proposed[is_taken]
            density[moving[is_taken]] = there[is_taken]
        if step in moments:
            kept.append(walkers.copy())
    return np.concatenate(kept)
