"""Intervals of what is computed over models: other models of the kind, and other runs of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Floats = np.ndarray
#: With fewer models an interval over models is a guess.
MODELS_MIN = 5
_CONFIDENCE = 0.95
_FINITE_MIN = 0.9


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its 95 % interval, None where there is none."""

    estimate: float
    lo: float | None
    hi: float | None

    def text(self, digits: int = 3) -> str:
        """The estimate with its interval in brackets, to so many significant `digits`.

        >>> Interval(0.5, 0.25, 0.75).text(), Interval(0.5, None, None).text()
        ('0.5 [0.25, 0.75]', '0.5')
        """
        ends = "" if self.lo is None or self.hi is None else f" [{self.lo:.{digits}g}, {self.hi:.{digits}g}]"
        return f"{self.estimate:.{digits}g}{ends}"

    def percent(self) -> str:
        """A share as percent, with its interval.

        >>> Interval(0.5, 0.25, 0.75).percent()
        '50 % [25, 75]'
        """
        lo, hi = (None if end is None else 100 * end for end in (self.lo, self.hi))
        number, bracket, ends = Interval(100 * self.estimate, lo, hi).text().partition(" [")
        return f"{number} %{bracket}{ends}"


def over_models(
    columns: Floats,
    log_errors: Floats,
    statistic: Callable[[Floats], float],
    *,
    models: Floats,
    replicates: int = 200,
    seed: int = 1,
) -> Interval:
    """A `statistic` of the `columns` (n, k) with a percentile interval, for other `models` of the kind.

    `models` (n,) names the model of each row. Each of the `replicates` of a bootstrap draws as many models
    with replacement, with all their rows (Efron 1979; `seed`), and multiplies each value by what its runs
    leave open: `log_errors` (n, k) are standard errors of logarithms, 0 for what is fixed. There is no
    interval below `MODELS_MIN` models, nor where the statistic is undefined too often; few models make it
    somewhat narrow.

    >>> values = np.arange(1.0, 21.0)[:, None]
    >>> found = over_models(values, 0 * values, lambda x: float(x.mean()), models=values[:, 0])
    >>> found.estimate, found.lo < 10.5 < found.hi
    (10.5, True)
    """
    estimate = statistic(columns)
    names, of_row = np.unique(models, return_inverse=True)
    members = [np.flatnonzero(of_row == at) for at in range(len(names))]
    if len(names) < MODELS_MIN or not np.isfinite(estimate):
        return Interval(float(estimate), None, None)
    rng = np.random.default_rng(seed)
    values = np.empty(replicates)
    for at in range(replicates):
        drawn = np.concatenate([members[at] for at in rng.integers(len(names), size=len(names))])
        noise = np.exp(log_errors[drawn] * rng.standard_normal((len(drawn), columns.shape[1])))
        values[at] = statistic(columns[drawn] * noise)
    finite = values[np.isfinite(values)]
    if len(finite) < _FINITE_MIN * replicates:
        return Interval(float(estimate), None, None)
    lo, hi = np.percentile(finite, [50 * (1 - _CONFIDENCE), 50 * (1 + _CONFIDENCE)])
    return Interval(float(estimate), float(lo), float(hi))


def decide(interval: Interval, *, above: float) -> bool | None:
    """Whether the `interval` lies `above` that value, or below it; None where it leaves that open.

    >>> decide(Interval(0.9, 0.8, 1.0), above=0.5), decide(Interval(0.4, 0.3, 0.6), above=0.5)
    (True, None)
    """
    if interval.lo is None or interval.hi is None:
        return None
    return True if interval.lo > above else False if interval.hi < above else None
