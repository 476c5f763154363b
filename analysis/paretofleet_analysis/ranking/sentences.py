"""The verdict of a row in plain sentences, and probabilities as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.numbers import two_significant_digits
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.ranking.verdicts import BEATEN, FRONT, SURE, UNDECIDED


@dataclass(frozen=True)
class RowAhead:
    """The best row whose means beat those of another: its printed `number`, and by `names` of objectives
    its means, `better` (d,), and the other row's, `worse` (d,).
    """

    number: int
    names: Sequence[str]
    better: np.ndarray
    worse: np.ndarray


def verdict_sentence(
    verdict: str,
    ahead: RowAhead | None,
    *,
    runs: int,
    question: str,
    p: float | None,
    p_meets: float | None = None,
    is_published: bool = False,
) -> str:
    """The `verdict` of a row with so many `runs`, in plain English; None is `ahead` where nobody is.

    `is_published`: its values are others', of runs that nobody counted.

    `p`: that nobody beats it, in its next run under the `question` "run"; None with too few runs.
    `p_meets`: that it keeps the limits, None where there are none.
    """
    if p is None:
        return _few_runs_sentence(ahead, runs, is_published)
    if p_meets is None:
        return _verdict_sentence(verdict, ahead, question, p)
    kept = f"The limits are kept with a probability of {_percent(p_meets)}"
    if p_meets <= 1 - SURE:
        return f"{kept}."
    return f"{_verdict_sentence(verdict, ahead, question, p)} {kept}, which is part of that."


def alone_sentence(p_meets: float | None) -> str:
    """What is said of the only row of a ranking; `p_meets`: that it keeps the limits, None without any."""
    alone = "The only row: with nothing to compare it with, nothing is said of a frontier."
    kept = "" if p_meets is None else f" The limits are kept with a probability of {_percent(p_meets)}."
    return alone + kept


def _few_runs_sentence(ahead: RowAhead | None, runs: int, is_published: bool) -> str:
    """Where a row stands by its mean alone."""
    place = "On the frontier of means"
    if ahead is not None:
        place = f"Not on the frontier of means: row {ahead.number} is better there ({_gains(ahead)})"
    if is_published:
        return f"{place}. A published value of an unknown number of runs does not say how sure that is."
    few = "1 run does" if runs == 1 else f"{runs} runs do"
    return f"{place}. {few} not say how sure that is; 3 do."


def _verdict_sentence(verdict: str, ahead: RowAhead | None, question: str, p: float) -> str:
    sure = _percent(p)
    if question == "run":
        return f"With a probability of {sure} one more run of each shows it unbeaten."
    if verdict == BEATEN and ahead is not None:
        return f"Row {ahead.number} is better: {_gains(ahead)}."
    looks = "None looks better" if ahead is None else f"Row {ahead.number} looks better ({_gains(ahead)})"
    return {
        FRONT: f"None gains more than it loses, counted in margins ({sure} sure).",
        UNDECIDED: f"{looks}, but the runs leave it open ({sure} that none beats it).",
        BEATEN: f"Together the others leave it behind ({sure} that none beats it).",
    }[verdict]


def format_probability(p: float) -> str:
    """The probability `p` for a table: two digits, rounded towards one half, never 0 or 1.

    So nothing is shown surer than it is: what is below 0.95 never reads 0.95.

    >>> [format_probability(p) for p in (0.998, 0.949, 0.051, 0.3, 0.004)]
    ['>0.99', '0.94', '0.06', '0.30', '<0.01']
    """
    if not 0.01 <= p <= 0.99:
        return ">0.99" if p > 0.5 else "<0.01"
    return f"{_hundredths(p) / 100:.2f}"


def probability_bounds(p: float) -> tuple[float, float]:
    """The ends between which the probability `p` lies by what `format_probability` shows of it.

    >>> [probability_bounds(p) for p in (0.998, 0.949, 0.051, 0.004)]
    [(0.99, 1.0), (0.94, 0.95), (0.05, 0.06), (0.0, 0.01)]
    """
    if not 0.01 <= p <= 0.99:
        return (0.99, 1.0) if p > 0.5 else (0.0, 0.01)
    shown = _hundredths(p)
    return (shown / 100, (shown + 1) / 100) if p > 0.5 else ((shown - 1) / 100, shown / 100)


def _hundredths(p: float) -> int:
    """Of a probability, rounded towards one half."""
    return int(np.floor(100 * p + 1e-9) if p > 0.5 else np.ceil(100 * p - 1e-9))


def _percent(p: float) -> str:
    """A probability in a sentence, rounded as `format_probability` does.

    >>> _percent(0.9999), _percent(0.984), _percent(0.0)
    ('more than 99 %', '98 %', 'less than 1 %')
    """
    if not 0.01 <= p <= 0.99:
        return "more than 99 %" if p > 0.5 else "less than 1 %"
    return f"{_hundredths(p)} %"


def _gains(ahead: RowAhead) -> str:
    """What the row ahead is better in, and what it gives up for that."""
    gains: list[str] = []
    losses: list[str] = []
    for better, worse, name in zip(ahead.better, ahead.worse, ahead.names, strict=True):
        is_worse = better < worse if OBJECTIVES[name].maximize else better > worse
        if better != worse:
            (losses if is_worse else gains).append(_gain(better, worse, name))
    lost = f" at the price of {', '.join(losses)}" if losses else ""
    return ", ".join(gains) + lost


def _gain(better: float, worse: float, name: str) -> str:
    """How unlike the two are in an objective, seen from the worse row."""
    objective = OBJECTIVES[name]
    more = "more" if better > worse else "less"
    if not objective.margin.relative:
        unit = "points " if objective.unit == "percent" else ""
        return f"{objective.short} {two_significant_digits(abs(better - worse))} {unit}{more}"
    share, factor = abs(better / worse - 1), max(better / worse, worse / better)
    if share >= (1 if better > worse else 0.5):
        return f"{objective.short} {more} by a factor {factor:.{1 if factor < 10 else 0}f}"
    return f"{objective.short} {two_significant_digits(100 * share)} % {more}"
