"""The configurations of one ranking with their runs, and everything that is computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from paretofleet_analysis.diagnostics.paired import compare_rows
from paretofleet_analysis.diagnostics.variance_levels import advice
from paretofleet_analysis.objectives import OBJECTIVES, Margin
from paretofleet_analysis.pareto.deterministic import near_identical, nondominated
from paretofleet_analysis.ranking import evidence, verdicts
from paretofleet_analysis.ranking.accuracy import shared_accuracy
from paretofleet_analysis.ranking.block_correction import BlockEffects, stretches, without_block_effects
from paretofleet_analysis.ranking.common_factors import Factors, common_factors
from paretofleet_analysis.ranking.dominance_counts import RANKS
from paretofleet_analysis.ranking.explanation import Explanation, explain
from paretofleet_analysis.ranking.probability import (
    RUNS_TO_FORETELL,
    Probabilities,
    next_run_probability,
    probabilities,
    through,
)
from paretofleet_analysis.ranking.result import Efficient, RankedRow
from paretofleet_analysis.ranking.selection import OF_POWER, Selection
from paretofleet_analysis.report.access import label, measured_again, sampled
from paretofleet_analysis.statistics.intervals import RUNS_MIN, Estimate, log_reach
from paretofleet_analysis.statistics.moments import moments


class Field:
    """The rows of a selection, corrected for blocks, with their probabilities and verdicts."""

    def __init__(
        self,
        chosen: Selection,
        margins: Mapping[str, Margin],
        *,
        question: str,
        accuracy_question: str,
        seed: int,
    ) -> None:
        self.rows, self.names, self.question, self.seed = chosen.rows, list(margins), question, seed
        self.margins = list(margins.values())
        self.known = [OBJECTIVES[name] for name in self.names]
        self.maximize = [known.maximize for known in self.known]
        self.is_random = [accuracy_question != "fixed" and name == "top1" for name in self.names]
        self.raw, self.blocks = zip(*(sampled(row, self.names) for row in self.rows), strict=True)
        self.stretches = stretches(self.rows)
        self.corrected = self._correct(self.raw, self.blocks)
        self.runs = self.corrected.runs
        self.means = moments(self.runs).means
        self.found, self.places = self._probabilities(self.corrected)
        self.verdicts = self._verdicts(self.found, self.places)
        self.order = sorted(range(len(self.rows)), key=self._place)
        self.numbers: list[int] = (np.argsort(self.order) + 1).tolist()

    def _correct(self, runs: Sequence[np.ndarray], blocks: Sequence[Sequence[int]]) -> BlockEffects:
        return without_block_effects(
            runs,
            blocks=blocks,
            devices=self.stretches,
            names=self.names,
            is_measured=[known.is_measured for known in self.known],
            environments=[row["environment_id"] for row in self.rows],
        )

    def _probabilities(
        self, corrected: BlockEffects, *, is_whole: bool = True
    ) -> tuple[Probabilities, dict[int, int]]:
        """Probabilities of the rows with enough runs, and where each row stands among them."""
        enough = [i for i, values in enumerate(corrected.runs) if len(values) >= RUNS_MIN]
        own = [k for k, is_random in enumerate(self.is_random) if not is_random]
        ask = partial(
            probabilities,
            [corrected.runs[i][:, own] for i in enough],
            maximize=[self.maximize[k] for k in own],
            margins=[self.margins[k] for k in own],
            question=self.question,
            seed=self.seed,
            factors=self._factors(corrected, enough, own),
            is_held=[self.known[k].unit == "percent" for k in own],
            is_whole=is_whole,
        )
        shared = None
        if len(own) < len(self.names) and enough:
            shared = shared_accuracy([self.rows[i] for i in enough], self.margins[self.is_random.index(True)])
        found = ask(shared=shared)
        if self.question == "run":
            counts = np.array([len(corrected.runs[i]) for i in enough])
            found = found.replaced(front=next_run_probability(found.front, counts))
        return found, {i: place for place, i in enumerate(enough)}

    def _factors(self, corrected: BlockEffects, enough: list[int], own: list[int]) -> Factors | None:
        """What is unknown but common to a device's rows; None where it cancels."""
        of_power = [self.names[k] in OF_POWER for k in own]
        # Drift makes all objectives worse, or all better: more of one that is maximised, less of the others.
        worse = np.where([self.maximize[k] for k in own], -1.0, 1.0)
        return common_factors(
            [corrected.parts[i] for i in enough],
            [self._gain(i) if any(of_power) else None for i in enough],
            of_power=of_power,
            drifts={part: effects[:, own] for part, effects in corrected.drifts.items()},
            seed=self.seed,
            unknown={part: worse * deviations[own] for part, deviations in corrected.unknown.items()},
        )

    def _gain(self, i: int) -> tuple[str, float | None]:
        """The sensor of a row and how uncertain its gain is, None where that is not known."""
        row = self.rows[i]
        return f"{row['device']} {row['power_source']}", row["energy_gain_uncertainty"]

    def _verdicts(self, found: Probabilities, places: Mapping[int, int]) -> list[str]:
        return [
            verdicts.UNDECIDED
            if i not in places
            else verdicts.verdict(
                p_front=float(found.front[places[i]]),
                p_near_front=float((found.front if self.question == "run" else found.near_front)[places[i]]),
            )
            for i in range(len(self.rows))
        ]

    def ranked(self) -> tuple[tuple[RankedRow, ...], tuple[tuple[int, ...], ...]]:
        """The rows in printed order, and the groups by row number."""
        order, numbers = self.order, self.numbers
        groups = verdicts.groups(self.means[order], self.margins)
        group_of = {member: k for k, group in enumerate(groups, start=1) for member in group}
        on_frontier = nondominated(self.means, maximize=self.maximize)
        ahead = self._ahead()
        estimates = self._estimates()
        able = list(self.places)
        again = {able[a]: able[b] for a, b in measured_again([self.rows[i] for i in able]).items()}
        measured = {known.name: known.maximize for known in self.known if known.is_measured}
        picked = verdicts.picked(estimates, measured, again=again)
        rows = [
            self._row(
                i,
                estimates=estimates[i],
                ahead=ahead.get(i),
                group=group_of.get(numbers[i]),
                is_on_frontier_of_means=bool(on_frontier[i]),
                selected=picked[i].selected,
                confirmed=picked[i].confirmed,
            )
            for i in order
        ]
        return tuple(rows), tuple(groups)

    def _ahead(self) -> dict[int, int]:
        """The best row whose means dominate a row's, where there is one; of rows with enough runs only."""
        able = list(self.places)
        if not able:
            return {}
        best = verdicts.best_dominators(self.means[able], self.maximize)
        return {i: able[one] for i, one in zip(able, best, strict=True) if one is not None}

    def _place(self, i: int) -> tuple[Any, ...]:
        place = self.places.get(i)
        near, front = (
            (-1.0, -1.0)
            if place is None
            else (float(self.found.near_front[place]), float(self.found.front[place]))
        )
        costs = np.where(self.maximize, -1.0, 1.0) * self.means[i]
        # Rows whose nearness is settled are told apart by the frontier itself, the others by nearness.
        is_near = self.verdicts[i] in (verdicts.FRONT, verdicts.NEAR_FRONT) or self.question == "run"
        return (
            verdicts.ORDER.index(self.verdicts[i]),
            *((-front, -near) if is_near else (-near, -front)),
            *costs,
            label(self.rows[i]),
            str(self.rows[i]["sweep"]),
        )

    def _row(
        self,
        i: int,
        *,
        estimates: Mapping[str, Estimate],
        ahead: int | None,
        **more: Any,
    ) -> RankedRow:
        row, place = self.rows[i], self.places.get(i)
        is_mean = self.question == "mean"
        near = float(self.found.near_front[place]) if place is not None and is_mean else None
        front = float(self.found.front[place]) if place is not None else None
        return RankedRow(
            number=self.numbers[i],
            label=label(row),
            identity={name: row[name] for name in evidence.IDENTITY},
            estimates=estimates,
            corrected_means=self._corrected_means(i),
            runs=len(self.runs[i]),
            p_near_front=near,
            p_front=front if is_mean else None,
            p_front_next_run=None if is_mean else front,
            **self._standing(place),
            verdict=self.verdicts[i],
            sentence=verdicts.sentence(
                self.verdicts[i],
                None if ahead is None else (self.numbers[ahead], self.means[ahead], self.means[i]),
                names=self.names,
                runs=len(self.runs[i]),
                question=self.question,
                p=front if not is_mean or self.verdicts[i] == verdicts.FRONT else near,
            ),
            flags=tuple(row["flags"] or ()),
            **more,
        )

    def _standing(self, place: int | None) -> dict[str, Any]:
        """Expected dominators, rank interval and efficiency of a row; None where it has too few runs."""
        found = self.found
        if place is None or found.dominators is None or found.ranks is None:
            return {"expected_dominators": None, "rank_interval": None, "efficiency": None}
        low, high = (int(rank) for rank in found.ranks[place])
        efficient = None
        if found.efficiency is not None:
            median, lo, hi = (
                float(x[place]) for x in (found.efficiency.median, found.efficiency.lo, found.efficiency.hi)
            )
            efficient = Efficient(median, *((None, None) if np.isnan(lo) else (lo, hi)))
        return {
            "expected_dominators": float(found.dominators[place]),
            "rank_interval": (low, None if high > RANKS + 1 else high),
            "efficiency": efficient,
        }

    def _corrected_means(self, i: int) -> dict[str, float] | None:
        """Means without block effects; None where the row's device was not corrected."""
        if self.corrected.parts[i] not in self.corrected.drifts:
            return None
        measured = [(k, known) for k, known in enumerate(self.known) if known.is_measured]
        return {known.name: float(self.means[i, k]) for k, known in measured}

    def _estimates(self) -> list[dict[str, Estimate]]:
        """Of each row and objective the mean with its interval, as the report has it."""
        found: list[dict[str, Estimate]] = [{} for _ in self.rows]
        measured = _mean_intervals(self.raw)
        for k, known in enumerate(self.known):
            if known.is_measured:
                column = measured[k]
            else:
                column = [Estimate(float(values[0, k]), None, None, len(values)) for values in self.raw]
            for one, estimate in zip(found, column, strict=True):
                one[known.name] = estimate
        return found

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
        found += self.corrected.notes()
        found += self._gain_note()
        found += self._incomplete_note()
        found += self._next_run_note()
        few = len(self.rows) - len(self.places)
        if few:
            rows = "1 row has" if few == 1 else f"{few} rows have"
            found.append(f"{rows} fewer than {RUNS_MIN} runs: undecided, and nothing is compared with them.")
        return found

    def _incomplete_note(self) -> list[str]:
        """Counted runs that lack an objective cannot be compared, and which rows and objectives they are."""
        rows = [
            (row, sum(row["run_counted"]) - len(values))
            for row, values in zip(self.rows, self.raw, strict=True)
            if sum(row["run_counted"]) > len(values)
        ]
        if not rows:
            return []
        lacking = [
            known.name
            for known in self.known
            if known.is_measured
            and any(
                is_counted and value is None
                for row, _ in rows
                for value, is_counted in zip(row[f"{known.name}_runs"], row["run_counted"], strict=True)
            )
        ]
        count = sum(count for _, count in rows)
        runs = "1 counted run lacks" if count == 1 else f"{count} counted runs lack"
        more = f" and {len(rows) - 2} more rows" if len(rows) > 2 else ""
        named = "; ".join(label(row) for row, _ in rows[:2])
        return [f"{runs} {' or '.join(lacking)} and {'is' if count == 1 else 'are'} left out: {named}{more}."]

    def _next_run_note(self) -> list[str]:
        """Why rows that look settled are undecided where the next run is asked for."""
        counts = np.array([len(values) for values in self.runs])
        if self.question != "run" or not (few := counts < RUNS_TO_FORETELL).any():
            return []
        clear = f"{few.sum()} of {len(counts)} rows are undecided for that, however clear they look."
        return [f"Fewer than {RUNS_TO_FORETELL} runs cannot foretell the next with 95 %: {clear}"]

    def _gain_note(self) -> list[str]:
        """What a sensor's unknown gain, one factor per device, does to the probabilities."""
        sensors = {(row["device"], row["power_source"]) for row in self.rows}
        if not set(self.names) & set(OF_POWER) or len(sensors) < 2:
            return []
        gains = [row["energy_gain_uncertainty"] for row in self.rows]
        known = [gain for gain in gains if gain is not None]
        if not known:
            return [f"Energy comes from {len(sensors)} sensors of unknown gain: taken as exact."]
        size = f"up to {100 * max(known):.2g} %"
        rest = "" if len(known) == len(gains) else "; where it is unknown it is taken as exact"
        within = f"Energy comes from {len(sensors)} sensors; their gain ({size}) is integrated over in the"
        return [f"{within} probabilities, not in efficiencies and ranks{rest}."]

    def changes(self) -> list[str] | None:
        """Verdicts that change without flagged runs or without one block; None where none can be left out."""
        if len(self.rows) > evidence.SENSITIVITY_ROWS_MAX:
            return None
        found, is_tried = [], False
        for what, without in evidence.left_out(self.rows):
            fewer = [
                sampled(row, self.names, without=gone) for row, gone in zip(self.rows, without, strict=True)
            ]
            whole = list(zip(self.raw, self.blocks, strict=True))
            # A row that would become undecided for want of runs says nothing about the runs that went.
            kept = [a if len(a[0]) >= RUNS_MIN else b for a, b in zip(fewer, whole, strict=True)]
            if all(len(a[0]) == len(b[0]) for a, b in zip(kept, whole, strict=True)):
                continue
            is_tried = True
            again, places = self._probabilities(
                self._correct([runs for runs, _ in kept], [blocks for _, blocks in kept]), is_whole=False
            )
            words = self._verdicts(self._calibrated(again), places)
            changed = [
                f"{label(row)}: {before} to {after}"
                for row, before, after in zip(self.rows, self.verdicts, words, strict=True)
                if before != after
            ]
            found += [f"without {what}, {change}" for change in changed]
        return found if is_tried else None

    def _calibrated(self, again: Probabilities) -> Probabilities:
        """Raw probabilities by the map that the whole fleet's went through."""
        if self.question == "run" or not len(again.front):
            return again
        front = through(self.found.raw_front, self.found.front, again.raw_front)
        near = through(self.found.raw_near, self.found.near_front, again.raw_near)
        return again.replaced(front=front, near_front=np.maximum(front, near))

    def why(self, number: int) -> Explanation:
        """Who is ahead of the row of that number, how surely, and how many more runs would decide."""
        own = self.order[number - 1]
        measured = [known.name for known in self.known if known.is_measured]
        told = explain(
            own,
            self.runs,
            numbers=self.numbers,
            names=self.names,
            margins=self.margins,
            seed=self.seed,
            paired=compare_rows(self.rows[own], dict(enumerate(self.rows)), measured),
        )
        return replace(told, advice=advice(self.rows[own]))


def _mean_intervals(samples: Sequence[np.ndarray]) -> list[list[Estimate]]:
    """`intervals.mean_interval` of each column of many (m_i, d) arrays of positive values at once."""
    found = moments(samples)
    counts = found.counts.tolist()
    spreads = moments([np.log(values) for values in samples]).spreads
    columns = []
    for means, spread in zip(found.means.T, spreads.T, strict=True):
        reach = np.exp(log_reach(spread, np.maximum(found.counts, 2)))
        columns.append(
            [
                Estimate(mean, mean / own, mean * own, count)
                if count >= RUNS_MIN
                else Estimate(mean, None, None, count)
                for mean, own, count in zip(means.tolist(), reach.tolist(), counts, strict=True)
            ]
        )
    return columns
