"""The efficiency of every unit in every draw of its runs, by free disposal or by envelopment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from paretofleet_analysis.studies import dea

Floats = np.ndarray
Method = Literal["fdh", "dea"]
_CELLS = 4_000_000


def fdh_scores(draws: Floats, *, maximize: Sequence[bool]) -> Floats:
    """(..., N) how far all costs of a unit could shrink before one that gains as much matches them.

    `draws` (..., N, d) positive values, one column at least a cost; `maximize` (d,) says which are gains. The
    score by costs of the free disposal hull (Deprins, Simar, Tulkens 1984): 1 where nobody that gains at
    least as much costs less of everything. `pareto.efficiency` has the exact law where all are costs.

    >>> fdh_scores(np.array([[2.0, 2.0], [1.0, 1.5]]), maximize=[False, False]).tolist()
    [0.75, 1.0]
    >>> fdh_scores(np.array([[2.0, 70.0], [1.0, 60.0]]), maximize=[False, True]).tolist()
    [1.0, 1.0]
    """
    is_gain = np.asarray(maximize, dtype=bool)
    flat = np.log(draws).reshape(-1, *draws.shape[-2:])
    out = np.empty(flat.shape[:2])
    step = max(1, _CELLS // max(flat.shape[1] ** 2 * flat.shape[2], 1))
    for at in range(0, len(flat), step):
        part = flat[at : at + step]
        apart = part[:, None, :, :] - part[:, :, None, :]
        worst = apart[..., ~is_gain].max(axis=3)
        gains_less = (apart[..., is_gain] < 0).any(axis=3)
        out[at : at + step] = np.exp(np.where(gains_less, np.inf, worst).min(axis=2))
    return out.reshape(draws.shape[:-1])


def dea_scores(draws: Floats, *, maximize: Sequence[bool], returns: dea.Returns = "variable") -> Floats:
    """(..., N) the efficiency of `dea` in each of the `draws` (..., N, d), by costs; `maximize` tells gains.

    Without a gain every unit gives one unit of work, with which only variable returns make sense.
    """
    is_gain = np.asarray(maximize, dtype=bool)
    flat = draws.reshape(-1, *draws.shape[-2:])
    gains = flat[:, :, is_gain] if is_gain.any() else np.ones((*flat.shape[:2], 1))
    return dea.efficiency_of_draws(flat[:, :, ~is_gain], gains, returns=returns).reshape(draws.shape[:-1])
