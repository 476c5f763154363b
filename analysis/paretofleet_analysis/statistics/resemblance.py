"""Do a device's runs resemble the ones before them? Then few of them say less than they seem to.

Pooled over the rows of a device, because 8 runs of one row cannot tell. Each row's lag-one autocorrelation in
order of start, against the same of its runs in random orders: a permutation test, which takes no law of noise
for granted. An autocorrelated series' mean varies more and its own spread less than that of independent runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Fewer runs have too few neighbours.
RUNS_MIN = 4
#: Of devices without resemblance at most this share is called so.
FALSE_ALARMS = 0.05
_ORDERS = 999
_CORRELATION_MAX = 0.9
#: Of more rows so many are asked, evenly: they tell as much, and each costs a thousand random orders.
ROWS_MAX = 2_000


@dataclass(frozen=True)
class Resemblance:
    """Of a device: the `correlation` of a run with the one before it, 0 to 0.9, pooled over `rows`; the
    `p_value` that independent runs look so alike.
    """

    correlation: float
    p_value: float
    rows: int

    @property
    def is_found(self) -> bool:
        """Whether it is beyond chance."""
        return self.p_value <= FALSE_ALARMS

    def widening(self, runs: int) -> float:
        """By what the standard error of a mean of so many `runs` grows; 1 where nothing was found."""
        return widening(self.correlation, runs) if self.is_found else 1.0


def widening(correlation: float, runs: int) -> float:
    """By what the standard error of a mean of `runs` grows where each resembles the one before it.

    For a first-order autoregression with that `correlation` the variance of a mean is f / runs with f = 1 + 2
    sum (1 - k / runs) correlation**k, and the runs' own variance is expected (runs - f) / (runs - 1) of the
    true one. Source: Bayley and Hammersley 1946, The effective number of independent observations in an
    autocorrelated time series, J. R. Stat. Soc. Suppl. 8(2) 184.

    >>> round(widening(0.6, 8), 2), widening(0.0, 8)
    (2.09, 1.0)
    """
    if runs < 2:
        return 1.0
    lags = np.arange(1, runs)
    factor = 1.0 + 2.0 * float(((1 - lags / runs) * correlation**lags).sum())
    factor = min(factor, 0.9 * runs)
    return float(np.sqrt(factor * (runs - 1) / (runs - factor)))


def resemblance(rows: Sequence[np.ndarray], *, seed: int = 1) -> Resemblance | None:
    """The resemblance of a device's runs, or None where no row has 4 runs that differ.

    `rows`: of each row the logarithms of its runs' values, in order of start, without what blocks did to all.
    `seed`: of the random orders.

    >>> resemblance([np.array([1.0, 2.0])]) is None
    True
    """
    usable = [row for row in rows if len(row) >= RUNS_MIN and np.ptp(row) > 0]
    if not usable:
        return None
    rng = np.random.default_rng([seed, 11])
    seen, chance = 0.0, np.zeros(_ORDERS)
    expected = 0.0
    for row in usable:
        centred = row - row.mean()
        total = float(centred @ centred)
        seen += float(centred[1:] @ centred[:-1]) / total
        orders = rng.permuted(np.broadcast_to(centred, (_ORDERS, len(row))), axis=1)
        chance += (orders[:, 1:] * orders[:, :-1]).sum(axis=1) / total
        expected += 4.0 / len(row)
    p_value = (1 + int((chance >= seen).sum())) / (_ORDERS + 1)
    # of a short series around its own mean the estimate is low by about (1 + 4 correlation) / runs
    bias = expected / len(usable)
    mean = seen / len(usable) + bias / 4.0
    correlation = float(np.clip(mean / max(1.0 - bias, 0.25), 0.0, _CORRELATION_MAX))
    return Resemblance(correlation, p_value, len(usable))
