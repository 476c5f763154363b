"""The four findings of Canziani, Paszke and Culurciello as tests on a place's own rows.

In the spirit of arXiv 1605.07678 (version 4), whose board was a Jetson TX1: power does not depend on
network and batch size; accuracy and time are in a hyperbolic relation; energy bounds accuracy; operations
foretell the time. On another device each may fail, and then that is the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.report.access import Row
from paretofleet_analysis.studies.answer import Answer, Cell, Verdict, left_out
from paretofleet_analysis.studies.places import Place, log_error, single_values
from paretofleet_analysis.studies.rank_agreement import spearman
from paretofleet_analysis.studies.resampling import MODELS_MIN, Interval, decide, over_models
from paretofleet_analysis.studies.upper_bound import upper_line

STUDY = "canziani"
#: A power that varies by less than this over networks and batch sizes is called independent of them (the
#: paper's: 0.7 W of 11.8 W, 6 %), and operations reliable that explain so much of the time's variance.
POWER_SPREAD_MAX, EXPLAINED_MIN = 0.10, 0.80
#: Larger tables are bootstrapped by a sample of so many rows, and less often.
_ROWS_MAX, _MANY, _REPLICATES_OF_MANY = 1000, 100, 60
#: Fewer models are no line.
MODELS_OF_A_LINE = 3
#: Batch sizes that a sentence names.
_SHOWN = 4
_FEW = f" Fewer than {MODELS_MIN} models give no interval."
_COLUMNS = ("batch size", "models", "quantity", "estimate", "low", "high")


@dataclass(frozen=True)
class _Claim:
    """What is computed of cost and `need` within a batch size, and the value `above` which it holds."""

    title: str
    need: str
    quantity: str
    statistic: Callable[[np.ndarray], float]
    cost: str
    above: float
    sentence: str


def findings(place: Place) -> list[Answer]:
    """The four findings at a `place`, each an answer with estimates, intervals and a verdict."""
    return [_power(place), _hyperbola(place), _energy(place), _operations(place)]


def has_idle(rows: Sequence[Row]) -> bool:
    """Whether the power above idle is known of all `rows`."""
    return bool(rows) and all(row["idle_power_w"] is not None for row in rows)


def _power(place: Place) -> Answer:
    title = f"Power does not depend on network and batch size: {place.name}"
    rows = [row for row in place.rows if row["power_w"]]
    if len({row["model"] for row in rows}) < 2:
        return left_out(STUDY, title, "fewer than two models have a power")
    is_net = has_idle(rows)
    watts = [row["power_w"] - (row["idle_power_w"] if is_net else 0.0) for row in rows]
    called = "power above idle" if is_net else "power (idle is not known of every row, so not above it)"
    columns = np.array(
        [watts, [row["batch_size"] for row in rows], [row["macs"] or math.nan for row in rows]]
    ).T
    errors = np.array([[log_error(row, "power_w"), 0.0, 0.0] for row in rows])
    spread = _interval(rows, columns, errors, _spread)
    listed: list[tuple[Cell, ...]] = [_cells("all", rows, "standard deviation over mean", spread)]
    if len(place.batch_sizes) > 1:
        slope = _interval(rows, columns, errors, _per_doubling)
        listed.append(_cells("all", rows, "change as the batch doubles", slope))
    if np.isfinite(columns[:, 2]).all():
        listed.append(
            _cells(
                "all",
                rows,
                "rank correlation with operations",
                _interval(rows, columns, errors, _rank_correlation),
            )
        )
    is_wide = decide(spread, above=POWER_SPREAD_MAX)
    limit = f"{100 * POWER_SPREAD_MAX:g} %"
    sentence = (
        f"The {called} of {len(rows)} rows is {np.mean(watts):.3g} W and varies by "
        f"{spread.percent()} over networks and batch sizes ({limit} or less would hold)."
    )
    few = _FEW if is_wide is None and spread.lo is None else ""
    verdict: Verdict = "cannot tell" if is_wide is None else "fails" if is_wide else "holds"
    return Answer(STUDY, title, verdict, f"{sentence}{few}{single_values(rows)}", _COLUMNS, tuple(listed))


def _hyperbola(place: Place) -> Answer:
    claim = _Claim(
        title="Accuracy and time are in a hyperbolic relation",
        need="top1",
        quantity="AIC of a line less AIC of a hyperbola",
        statistic=_line_less_hyperbola,
        cost=place.time,
        above=0.0,
        sentence="The bound on accuracy is better drawn by a hyperbola in the time than by a line where the "
        "difference of their AIC is above 0 (regression of the 95 % quantile)",
    )
    return _by_batch_size(place, claim)


def _energy(place: Place) -> Answer:
    claim = _Claim(
        title="Energy bounds the accuracy that can be reached",
        need="top1",
        quantity="points of accuracy that the bound gains as energy doubles",
        statistic=lambda columns: upper_line(np.log2(columns[:, 0]), columns[:, 1])[1],
        cost="energy_j_per_item",
        above=0.0,
        sentence="Less energy means less accuracy at best where the bound rises with energy",
    )
    return _by_batch_size(place, claim)


def _operations(place: Place) -> Answer:
    share = f"{100 * EXPLAINED_MIN:g} %"
    claim = _Claim(
        title="Operations foretell the time",
        need="macs",
        quantity="share of the time's variance explained (R^2)",
        statistic=lambda columns: float(np.corrcoef(columns[:, 0], columns[:, 1])[0, 1] ** 2),
        cost=place.time,
        above=EXPLAINED_MIN,
        sentence=f"A line in the operations is called reliable where it explains {share} of the variance of "
        "the time within a batch size",
    )
    return _by_batch_size(place, claim)


def _by_batch_size(place: Place, claim: _Claim) -> Answer:
    title = f"{claim.title}: {place.name}"
    listed: list[tuple[Cell, ...]] = []
    intervals: list[Interval] = []
    seen: list[Row] = []
    for batch_size in place.batch_sizes:
        rows = [row for row in place.at(batch_size) if row[claim.need] and row[claim.cost]]
        if len({row["model"] for row in rows}) < MODELS_OF_A_LINE:
            continue
        columns = np.array([[row[claim.cost], row[claim.need]] for row in rows], dtype=float)
        errors = np.array([[log_error(row, claim.cost), 0.0] for row in rows])
        intervals.append(_interval(rows, columns, errors, claim.statistic))
        listed.append(_cells(batch_size, rows, claim.quantity, intervals[-1]))
        seen += rows
    if not listed:
        lacking = f"no batch size has {MODELS_OF_A_LINE} models with {claim.need} and {claim.cost}"
        return left_out(STUDY, title, lacking)
    decided = [decide(interval, above=claim.above) for interval in intervals]
    verdict: Verdict = "fails" if False in decided else "cannot tell" if None in decided else "holds"
    shown = list(zip(listed, intervals, strict=True))[:_SHOWN]
    estimates = "; ".join(f"batch {row[0]}: {interval.text()}" for row, interval in shown)
    if len(listed) > _SHOWN:
        estimates += f"; {len(listed) - _SHOWN} more batch sizes are in the table"
    few = _FEW if any(interval.lo is None for interval in intervals) else ""
    sentence = f"{claim.sentence}. {claim.quantity[0].upper()}{claim.quantity[1:]}: {estimates}.{few}"
    return Answer(STUDY, title, verdict, f"{sentence}{single_values(seen)}", _COLUMNS, tuple(listed))


def _interval(
    rows: Sequence[Row], columns: np.ndarray, errors: np.ndarray, statistic: Callable[[np.ndarray], float]
) -> Interval:
    """The statistic with its interval; of many rows by fewer replicates, of very many by a sample of them."""
    models = np.array([row["model"] for row in rows])
    count = len(models)
    if count > _ROWS_MAX:
        kept = np.random.default_rng(1).choice(count, _ROWS_MAX, replace=False)
        models, columns, errors = models[kept], columns[kept], errors[kept]
    replicates = 200 if count <= _MANY else _REPLICATES_OF_MANY
    return over_models(columns, errors, statistic, models=models, replicates=replicates)


def _cells(batch: int | str, rows: Sequence[Row], quantity: str, interval: Interval) -> tuple[Cell, ...]:
    return batch, len({row["model"] for row in rows}), quantity, interval.estimate, interval.lo, interval.hi


def _spread(columns: np.ndarray) -> float:
    """Standard deviation over mean of the powers in the first column."""
    return float(columns[:, 0].std(ddof=1) / columns[:, 0].mean())


def _per_doubling(columns: np.ndarray) -> float:
    """By which share the power in the first column changes as the batch size in the second doubles."""
    doublings = np.log2(columns[:, 1])
    if np.ptp(doublings) == 0 or (columns[:, 0] <= 0).any():
        return math.nan
    return float(2 ** np.polyfit(doublings, np.log2(columns[:, 0]), 1)[0] - 1)


def _rank_correlation(columns: np.ndarray) -> float:
    """Spearman's, of the powers in the first column with the operations in the third."""
    if np.ptp(columns[:, 0]) == 0 or np.ptp(columns[:, 2]) == 0:
        return math.nan
    return spearman(columns[:, 0], columns[:, 2])


def _line_less_hyperbola(columns: np.ndarray) -> float:
    """AIC of accuracy bounded by a line in the time, less that of a line in its inverse.

    Both have two parameters, so by the asymmetric Laplace likelihood it is 2 n times the log ratio of losses.
    """
    time, top1 = columns[:, 0], columns[:, 1]
    line, hyperbola = upper_line(time, top1)[2], upper_line(1 / time, top1)[2]
    if not line > 0 or not hyperbola > 0:
        return math.nan
    return 2 * len(time) * math.log(line / hyperbola)
