"""How far what was learnt on one device holds on another: orders of models, fronts, choices.

The lesson of TEA-DNN (Cai et al., arXiv 1811.12065), in its spirit: their networks that are best differ per
platform, so the hardware has to be asked. Here a report's own rows are asked the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from paretofleet_analysis.objectives import objective
from paretofleet_analysis.progress import reporting
from paretofleet_analysis.ranking.row_table import TABLE_FROM
from paretofleet_analysis.report.access import Row, label
from paretofleet_analysis.studies.answer import Answer, Cell, Chart, Verdict, left_out
from paretofleet_analysis.studies.drawn_times import DrawnTimes
from paretofleet_analysis.studies.places import Place, places_of, single_values
from paretofleet_analysis.studies.places_compared import NEAR, Pair, overlap, pairs_of, regret
from paretofleet_analysis.studies.rank_agreement import agreement, spearman
from paretofleet_analysis.studies.resampling import Interval, decide

STUDY = "devices"
#: Orders are called alike from here on: 95 % of all pairs of models stand in one order.
ALIKE = 0.9
#: Lines of a table; of more comparisons those that differ most are listed, and said so.
LINES_MAX = 200
#: Fewer comparisons take a second.
_REPORTED_FROM = 2000


def answers(
    report: pa.Table,
    *,
    top1_min: float | None = None,
    maxima: Mapping[str, float] | None = None,
    seed: int = 1,
) -> list[Answer]:
    """How the devices and runtimes of a `report` (`report.files.read`) differ, and what is best on each.

    `top1_min`: percent of accuracy that a model must have to be looked at. `maxima`: upper limits by column
    of the report, in its unit, for what is best on each device. `seed`: of all that is drawn. What cannot be
    asked is an answer that is "left out". Raises ReportError for a table that is no report, RequestError for
    a limit of what is no objective.
    """
    limits = {objective(name).name: limit for name, limit in (maxima or {}).items()}
    places, drawn_times = places_of(report), DrawnTimes(seed)
    pairs = pairs_of(places, top1_min=top1_min)
    across = [pair for pair in pairs if pair.origin.device != pair.other.device]
    within = [pair for pair in pairs if pair.origin.device == pair.other.device]
    given = [
        _orders("The order of models is the same from device to device", across, "two devices"),
        _orders(
            "The order of models is the same from runtime to runtime", within, "two runtimes of a device"
        ),
        _energy_orders(places, top1_min),
        _fronts(pairs, drawn_times),
        _regrets(pairs, drawn_times),
        _best(places, top1_min, limits),
    ]
    if top1_min is None:
        return given
    said = f" Models of at least {top1_min:g} % top-1."
    return [
        each if each.verdict == "left out" else replace(each, sentence=each.sentence + said) for each in given
    ]


def _orders(title: str, pairs: Sequence[Pair], needed: str) -> Answer:
    """Kendall's tau of each two places, in one direction."""
    once = [pair for pair in pairs if pair.origin.name < pair.other.name]
    if not once:
        return left_out(STUDY, title, f"no {needed} have two models in common at one batch size")
    intervals = [agreement(pair.origin_s, pair.other_s) for pair in _shown(once, "orders")]
    rows = [
        (
            *_named(pair),
            len(pair.models),
            each.estimate,
            each.lo,
            each.hi,
            _spearman(pair.origin_s, pair.other_s),
        )
        for pair, each in zip(once, intervals, strict=True)
    ]
    columns = (*_PAIR, "models", "Kendall's tau", "low", "high", "Spearman's rho")
    return _tau_answer(title, columns, rows, intervals, _rows_of(once))


def _energy_orders(places: Sequence[Place], top1_min: float | None) -> Answer:
    """Tau of time and energy of the same models at each place."""
    title = "The order of models by energy is that by time"
    rows: list[tuple[Cell, ...]] = []
    intervals, used = [], []
    for place in places:
        for size in place.batch_sizes:
            both = [row for row in place.at(size) if row["energy_j_per_item"] and _is_accurate(row, top1_min)]
            if len({row["model"] for row in both}) < 2:
                continue
            time = np.array([place.time_s(row) for row in both], dtype=float)
            energy = np.array([row["energy_j_per_item"] for row in both], dtype=float)
            each = agreement(time, energy)
            intervals.append(each)
            ends = (each.estimate, each.lo, each.hi, _spearman(time, energy))
            rows.append((place.name, size, len(both), *ends))
            used += both
    if not rows:
        return left_out(STUDY, title, "no place has two models with an energy at one batch size")
    columns = ("place", "batch size", "models", "Kendall's tau", "low", "high", "Spearman's rho")
    return _tau_answer(title, columns, rows, intervals, used)


def _tau_answer(
    title: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Cell, ...]],
    intervals: Sequence[Interval],
    used: Sequence[Row],
) -> Answer:
    decided = [decide(each, above=ALIKE) for each in intervals]
    verdict: Verdict = "fails" if False in decided else "cannot tell" if None in decided else "holds"
    order = sorted(range(len(rows)), key=lambda at: intervals[at].estimate)
    lowest, highest = intervals[order[0]], intervals[order[-1]]
    low, high = lowest.text(2), highest.text(2)
    spread = f"is {low}" if low == high else f"reaches from {low} to {high}"
    sentence = (
        f"Kendall's tau of {len(rows)} comparison{'s' * (len(rows) > 1)} {spread}; alike is {ALIKE} or more, "
        "which is 95 % of all pairs of models in one order. Intervals are for other models like these."
    )
    points = tuple(
        {"comparison": _comparison(rows[at]), "tau": each.estimate, "lo": each.lo, "hi": each.hi}
        for at in order
        for each in (intervals[at],)
    )
    chart = Chart("point", "comparison", "tau", None, points[:LINES_MAX], "comparison", "Kendall's tau")
    listed = tuple(rows[at] for at in order)
    return Answer(STUDY, title, verdict, sentence + single_values(used), columns, listed[:LINES_MAX], chart)


def _fronts(pairs: Sequence[Pair], drawn_times: DrawnTimes) -> Answer:
    title = "One place's front of accuracy and time is another's"
    is_many = _are_many(pairs)
    every = [(pair, overlap(pair, None if is_many else drawn_times)) for pair in _shown(pairs, "fronts")]
    compared = [(pair, each) for pair, each in every if each is not None]
    if not compared:
        return left_out(STUDY, title, "no two places have two models with an accuracy in common")
    compared.sort(key=lambda item: item[1].near)
    drawn = compared
    if is_many:
        again = [(pair, overlap(pair, drawn_times)) for pair, _ in compared[:LINES_MAX]]
        drawn = [(pair, each) for pair, each in again if each is not None]
        compared[:LINES_MAX] = drawn
    rows = [
        (*_named(pair), each.members, each.shared, each.near, each.near_lo, each.near_hi, each.worst)
        for pair, each in compared
    ]
    decided = [decide(Interval(each.near, each.near_lo, each.near_hi), above=ALIKE) for _, each in drawn]
    verdict: Verdict = "fails" if False in decided else "cannot tell" if None in decided else "holds"
    is_single = all(each.near_lo is None for _, each in compared)
    near = f"{100 * NEAR:g} %"
    (first, low), (_, high) = compared[0], compared[-1]
    between = f"{100 * low.near:.0f} % ({first.origin.name} at {first.other.name})"
    if high.near > low.near:
        between += f" to {100 * high.near:.0f} %"
    sentence = f"Of a front, {between} lie within {near} of the other place's; {100 * ALIKE:g} % would hold."
    sentence += _OF_MANY if is_many else ""
    columns = (
        *_PAIR,
        "on the front",
        "on both",
        f"share within {near}",
        "low",
        "high",
        "slowest by a factor",
    )
    return _compared(title, "told" if is_single else verdict, sentence, pairs, columns, rows)


def _regrets(pairs: Sequence[Pair], drawn_times: DrawnTimes) -> Answer:
    title = "What is fastest at one place is fastest at another"
    if not pairs:
        return left_out(STUDY, title, "no two places have two models in common at one batch size")
    is_many = _are_many(pairs)
    every = ((pair, regret(pair, None if is_many else drawn_times)) for pair in _shown(pairs, "choices"))
    compared = sorted(every, key=lambda item: -item[1].factor)
    drawn = compared
    if is_many:
        drawn = [(pair, regret(pair, drawn_times)) for pair, _ in compared[:LINES_MAX]]
        compared[:LINES_MAX] = drawn
    rows = [(*_named(pair), each.model, each.factor, each.lo, each.hi) for pair, each in compared]
    worst, cost = compared[0]
    decided = [decide(Interval(each.factor, each.lo, each.hi), above=1 + NEAR) for _, each in drawn]
    is_single = all(each.lo is None for _, each in compared)
    verdict: Verdict = "fails" if True in decided else "cannot tell" if None in decided else "holds"
    interval = Interval(cost.factor, cost.lo, cost.hi).text()
    sentence = (
        f"At worst the fastest of {worst.origin.name}, {cost.model}, is slower at {worst.other.name} than "
        f"the fastest there by a factor of {interval}; up to {1 + NEAR:g} would hold."
    )
    sentence += _OF_MANY if is_many else ""
    columns = (*_PAIR, "fastest at the first", "slower than the second's fastest by a factor", "low", "high")
    return _compared(title, "told" if is_single else verdict, sentence, pairs, columns, rows)


def _compared(
    title: str,
    verdict: Verdict,
    sentence: str,
    pairs: Sequence[Pair],
    columns: tuple[str, ...],
    rows: Sequence[tuple[Cell, ...]],
) -> Answer:
    """An answer on `pairs` of places, of which `rows` tell the first."""
    told = sentence + single_values(_rows_of(pairs))
    return Answer(STUDY, title, verdict, told, columns, tuple(rows[:LINES_MAX]))


def _best(places: Sequence[Place], top1_min: float | None, limits: Mapping[str, float]) -> Answer:
    """For each device the fastest, most frugal and most accurate row that keeps the limits."""
    kept_limits = "".join(f", {name} of at most {limit:g}" for name, limit in limits.items())
    title = f"The best of each device{kept_limits}"
    rows: list[tuple[Cell, ...]] = []
    for device in sorted({place.device for place in places}):
        kept = [
            (place, row)
            for place in places
            for row in place.rows
            if place.device == device and _is_accurate(row, top1_min) and _keeps(row, limits)
        ]
        for called, cost in _CRITERIA.items():
            able = [(value, place, row) for place, row in kept if (value := cost(place, row)) is not None]
            if kept and not able:
                continue
            if not able:
                rows.append((device, called, None, None, None, None))
                continue
            _, place, row = min(able, key=lambda each: each[0])
            energy_mj = None if row["energy_j_per_item"] is None else 1e3 * row["energy_j_per_item"]
            time_ms = 1e3 * (place.time_s(row) or math.nan)
            rows.append((device, called, label(row), row["top1"], time_ms, energy_mj))
    if all(row[2] is None for row in rows):
        return left_out(STUDY, title, "no row keeps the limits")
    none = sorted({str(row[0]) for row in rows if row[2] is None and row[1] == "fastest"})
    missing = f" Nothing on {', '.join(none)} keeps the limits." if none else ""
    count = len({row[0] for row in rows})
    sentence = f"The best of {count} device{'s' * (count > 1)} by each cost alone.{missing}"
    used = [row for place in places for row in place.rows]
    columns = ("device", "best", "configuration", "top-1, %", "time of an item, ms", "energy of an item, mJ")
    return Answer(STUDY, title, "told", sentence + single_values(used), columns, tuple(rows[:LINES_MAX]))


def _shown(pairs: Sequence[Pair], aspect: str) -> Iterator[Pair]:
    """The `pairs`, of which it is reported how far they are compared by their `aspect`."""
    return reporting(pairs, f"{aspect} of {len(pairs):,} comparisons", least=_REPORTED_FROM)


def _are_many(pairs: Sequence[Pair]) -> bool:
    """Whether only comparisons that are listed get an interval: of all of a large lab it takes minutes."""
    return len(pairs) > LINES_MAX and len(_rows_of(pairs)) >= TABLE_FROM


_OF_MANY = f" Intervals, and the verdict, are of the {LINES_MAX} comparisons that differ most."
_PAIR = ("from", "to", "batch size")
_CRITERIA: Mapping[str, Callable[[Place, Row], float | None]] = {
    "fastest": lambda place, row: place.time_s(row),
    "least energy": lambda _, row: row["energy_j_per_item"],
    "most accurate": lambda _, row: None if row["top1"] is None else -row["top1"],
}


def _named(pair: Pair) -> tuple[Cell, ...]:
    return pair.origin.name, pair.other.name, pair.batch_size


def _comparison(cells: tuple[Cell, ...]) -> str:
    return f"{cells[0]}, {cells[1]}" if isinstance(cells[1], str) else f"{cells[0]}, batch {cells[1]}"


def _spearman(x: np.ndarray, y: np.ndarray) -> float | None:
    rho = spearman(x, y) if np.ptp(x) and np.ptp(y) else math.nan
    return rho if math.isfinite(rho) else None


def _is_accurate(row: Row, top1_min: float | None) -> bool:
    return top1_min is None or (row["top1"] is not None and row["top1"] >= top1_min)


def _keeps(row: Row, limits: Mapping[str, float]) -> bool:
    return all(row.get(name) is not None and row[name] <= limit for name, limit in limits.items())


def _rows_of(pairs: Sequence[Pair]) -> list[Row]:
    """The rows of all places that are compared, each once."""
    places = {id(place): place for pair in pairs for place in (pair.origin, pair.other)}
    return [row for place in places.values() for row in place.rows]
