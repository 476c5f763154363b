"""The ranking: which configurations are on the Pareto frontier, and how sure that is.

Definitions are in DESIGN 7's words: `p_front` is the probability that no configuration is at least as good
in every objective and better in one; `p_near_front` that none is better by more than the margin in every
objective that the two do not have exactly in common. Both are about true means (`question="mean"`) unless
told otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from paretofleet_analysis import evidence, verdicts
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.frontier import near_identical, nondominated
from paretofleet_analysis.intervals import RUNS_MIN, Estimate, mean_interval
from paretofleet_analysis.objectives import OBJECTIVES, Margin, objective, parse_margin, parse_use
from paretofleet_analysis.probability import Probabilities, next_run_probability, probabilities
from paretofleet_analysis.report import conform
from paretofleet_analysis.selection import OF_POWER, Exclusion, Selection, Wish, label, samples, select

QUESTIONS = ("mean", "run")
#: Rows up to which verdicts are computed again without flagged runs and without each block.
SENSITIVITY_ROWS_MAX = 100


@dataclass(frozen=True)
class ObjectiveUse:
    """An objective as this ranking used it."""

    name: str
    direction: str
    unit: str
    margin: str


@dataclass(frozen=True)
class RankedRow:
    """A configuration in the ranking. `number` counts from 1 in the printed order; None is absent.

    `estimates`: of each objective the mean over runs with its 95 % interval. `group`: rows within the
    margins of each other share a number. `verdict`: front, near front, dominated or undecided; `sentence`
    says it plainly. `is_on_frontier_of_means` takes the means as certain, for comparison.
    """

    number: int
    label: str
    identity: Mapping[str, Any]
    estimates: Mapping[str, Estimate]
    runs: int
    p_near_front: float | None
    p_front: float | None
    p_front_next_run: float | None
    expected_dominators: float | None
    is_on_frontier_of_means: bool
    group: int | None
    verdict: str
    sentence: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Ranking:
    """Ranked rows in printed order, groups of equivalents (row numbers), exclusions, evidence."""

    use: str
    question: str
    objectives: tuple[ObjectiveUse, ...]
    rows: tuple[RankedRow, ...]
    groups: tuple[tuple[int, ...], ...]
    exclusions: tuple[Exclusion, ...]
    notes: tuple[str, ...]
    evidence: Mapping[str, Any]


def rank(
    report: pa.Table,
    *,
    use: str = "realtime",
    deadline_s: float | None = None,
    objectives: Sequence[str] | None = None,
    margins: Mapping[str, str | float] | None = None,
    question: str = "mean",
    allow_mixed_scopes: bool = False,
    power_scope: str | None = None,
    allow_simulated_mix: bool = False,
    maxima: Mapping[str, float] | None = None,
    seed: int = 1,
    command: str | None = None,
    report_sha256: Sequence[str] = (),
) -> Ranking:
    """Rank the rows of a report (`report.read`, or several joined by `report.concatenate`).

    `use`: "realtime", "offline", "deadline=30ms", or "deadline" with `deadline_s`; `objectives` replaces
    the use's own. `margins`: by objective, "2%" of the value or "0.2" in its unit; a float is of the
    objective's default kind. `maxima`: upper limits by column. `command` and `report_sha256` are only
    recorded. Probabilities come from 1,000 seeded draws. Raises `RankError`, a ValueError, with one
    sentence.
    """
    use, stated = parse_use(use) if use != "deadline" or deadline_s is None else (use, None)
    deadline_s = deadline_s if stated is None else stated
    if use == "deadline" and deadline_s is None:
        raise RankError("the use deadline needs a limit: write deadline=30ms")
    if question not in QUESTIONS:
        raise RankError(f"unknown question {question!r}: choose mean or run")
    wish = Wish(
        use, deadline_s, objectives, power_scope, allow_mixed_scopes, allow_simulated_mix, maxima or {}
    )
    table = conform(report, name="the report")
    chosen = select(table.to_pylist(), wish)
    tolerances = _margins(chosen.objectives, margins or {})
    field = _Field(chosen, tolerances, question, seed)
    rows, groups = field.ranked()
    return Ranking(
        use=use if deadline_s is None else f"deadline={deadline_s * 1e3:g}ms",
        question=question,
        objectives=tuple(_use_of(name, margin) for name, margin in tolerances.items()),
        rows=rows,
        groups=groups,
        exclusions=chosen.exclusions(),
        notes=(*chosen.notes, *field.notes()),
        evidence=evidence.collect(
            chosen,
            total=table.num_rows,
            found=field.found,
            seed=seed,
            changes=field.changes(),
            command=command,
            report_sha256=report_sha256,
        ),
    )


def _margins(names: Sequence[str], given: Mapping[str, str | float]) -> dict[str, Margin]:
    """A margin for each objective in use; a margin for anything else is refused."""
    for name in given:
        if objective(name).name not in names:
            raise RankError(f"there is a margin for {name}, which is no objective here: {', '.join(names)}")
    result = {}
    for name in names:
        default = OBJECTIVES[name].margin
        value = given.get(name)
        if value is None:
            result[name] = default
        elif isinstance(value, str):
            result[name] = parse_margin(value)
        else:
            result[name] = parse_margin(f"{value * 100:.12g}%" if default.relative else f"{value:.12g}")
    return result


def _use_of(name: str, margin: Margin) -> ObjectiveUse:
    known = OBJECTIVES[name]
    unit = "" if margin.relative else " points" if known.unit == "percent" else f" {known.unit}".rstrip()
    return ObjectiveUse(name, "maximize" if known.maximize else "minimize", known.unit, f"{margin}{unit}")


class _Field:
    """The configurations of one ranking with their runs, and everything that is computed from them."""

    def __init__(self, chosen: Selection, margins: Mapping[str, Margin], question: str, seed: int) -> None:
        self.selected, self.names, self.question, self.seed = chosen.rows, list(margins), question, seed
        self.margins = list(margins.values())
        self.maximize = [OBJECTIVES[name].maximize for name in self.names]
        self.runs = [samples(row, self.names) for row in self.selected]
        self.means = np.array([runs.mean(axis=0) for runs in self.runs])
        self.found, self.places = self._probabilities(self.runs)
        self.verdicts = self._verdicts(self.found, self.places)

    def _probabilities(self, runs: Sequence[np.ndarray]) -> tuple[Probabilities, dict[int, int]]:
        """Probabilities of the rows with enough runs, and where each row stands among them."""
        enough = [i for i, values in enumerate(runs) if len(values) >= RUNS_MIN]
        found = probabilities(
            [runs[i] for i in enough],
            maximize=self.maximize,
            margins=self.margins,
            question=self.question,
            seed=self.seed,
        )
        if self.question == "run":
            counts = np.array([len(runs[i]) for i in enough])
            found = found.replaced(front=next_run_probability(found.front, counts))
        return found, {i: place for place, i in enumerate(enough)}

    def _verdicts(self, found: Probabilities, places: Mapping[int, int]) -> list[str]:
        return [
            verdicts.UNDECIDED
            if i not in places
            else verdicts.verdict(
                p_front=float(found.front[places[i]]),
                p_near_front=float((found.front if self.question == "run" else found.near_front)[places[i]]),
            )
            for i in range(len(self.selected))
        ]

    def ranked(self) -> tuple[tuple[RankedRow, ...], tuple[tuple[int, ...], ...]]:
        """The rows in printed order, and the groups by row number."""
        order = sorted(range(len(self.selected)), key=self._order)
        numbers = {i: number for number, i in enumerate(order, start=1)}
        groups = verdicts.groups(self.means[order], self.margins)
        group_of = {member: k for k, group in enumerate(groups, start=1) for member in group}
        on_frontier = nondominated(self.means, maximize=self.maximize)
        rows = [self._row(i, numbers, group_of.get(numbers[i]), bool(on_frontier[i])) for i in order]
        return tuple(rows), tuple(groups)

    def _order(self, i: int) -> tuple[Any, ...]:
        place = self.places.get(i)
        near, front = (
            (-1.0, -1.0)
            if place is None
            else (float(self.found.near_front[place]), float(self.found.front[place]))
        )
        costs = np.where(self.maximize, -1.0, 1.0) * self.means[i]
        return (
            verdicts.ORDER.index(self.verdicts[i]),
            -front,
            -near,
            *costs,
            label(self.selected[i]),
            str(self.selected[i]["sweep"]),
        )

    def _row(self, i: int, numbers: Mapping[int, int], group: int | None, on_frontier: bool) -> RankedRow:
        row, place = self.selected[i], self.places.get(i)
        is_mean, found = self.question == "mean", self.found
        near = float(found.near_front[place]) if place is not None and is_mean else None
        front = float(found.front[place]) if place is not None else None
        return RankedRow(
            number=numbers[i],
            label=label(row),
            identity={name: row[name] for name in evidence.IDENTITY},
            estimates={name: self._estimate(i, k) for k, name in enumerate(self.names)},
            runs=len(self.runs[i]),
            p_near_front=near,
            p_front=front if is_mean else None,
            p_front_next_run=None if is_mean else front,
            expected_dominators=float(found.dominators[place]) if place is not None else None,
            is_on_frontier_of_means=on_frontier,
            group=group,
            verdict=self.verdicts[i],
            sentence=verdicts.sentence(
                self.verdicts[i],
                i,
                self.means,
                names=self.names,
                numbers=numbers,
                runs=len(self.runs[i]),
                p=front if not is_mean or self.verdicts[i] == verdicts.FRONT else near,
            ),
            flags=tuple(row["flags"] or ()),
        )

    def _estimate(self, i: int, k: int) -> Estimate:
        values = self.runs[i][:, k]
        if OBJECTIVES[self.names[k]].is_measured:
            return mean_interval(list(values))
        return Estimate(float(values[0]), None, None, len(values))

    def notes(self) -> list[str]:
        """Sentences about the objectives and about rows that are not compared."""
        found = [
            f"{self.names[a]} and {self.names[b]} order the rows almost alike (rank correlation {rho:.3f}): "
            "one of them adds little."
            for a, b, rho in near_identical(self.means, maximize=self.maximize)
        ]
        for k, name in enumerate(self.names):
            if len(self.means) > 1 and np.ptp(self.means[:, k]) == 0:
                found.append(f"{name} is the same in every row and decides nothing.")
        found += self._gain_note()
        few = len(self.selected) - len(self.places)
        if few:
            rows = "1 row has" if few == 1 else f"{few} rows have"
            found.append(f"{rows} fewer than {RUNS_MIN} runs: undecided, and nothing is compared with them.")
        return found

    def _gain_note(self) -> list[str]:
        """A sensor's gain is one unknown factor per device; across devices it is not in the probabilities."""
        sensors = {(row["device"], row["power_source"]) for row in self.selected}
        if not set(self.names) & set(OF_POWER) or len(sensors) < 2:
            return []
        gains = [row["energy_gain_uncertainty"] for row in self.selected]
        known = [gain for gain in gains if gain is not None]
        size = f"up to {100 * max(known):.2g} %" if len(known) == len(gains) else "partly unknown"
        return [f"Energy comes from {len(sensors)} sensors; their gain ({size}) is not in the probabilities."]

    def changes(self) -> list[str] | None:
        """Verdicts that change without flagged runs or without one block; None where not computed."""
        if len(self.selected) > SENSITIVITY_ROWS_MAX:
            return None
        found = []
        for what, without in evidence.left_out(self.selected):
            fewer = [
                samples(row, self.names, without=gone)
                for row, gone in zip(self.selected, without, strict=True)
            ]
            # A row that would become undecided for want of runs says nothing about the runs that went.
            runs = [
                few if len(few) >= RUNS_MIN else whole for few, whole in zip(fewer, self.runs, strict=True)
            ]
            again = self._verdicts(*self._probabilities(runs))
            changed = [
                f"{label(row)}: {before} to {after}"
                for row, before, after in zip(self.selected, self.verdicts, again, strict=True)
                if before != after
            ]
            found += [f"without {what}, {change}" for change in changed]
        return found
