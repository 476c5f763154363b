"""Which rows of a report are ranked, by which objectives, and why the others are not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np

from paretofleet_analysis.errors import RankError, RequestError
from paretofleet_analysis.objectives import PRESETS, objective, refuse_functions_of_each_other
from paretofleet_analysis.ranking import exclusion_reasons as reasons
from paretofleet_analysis.ranking.energy_scope import OF_POWER, take_scope
from paretofleet_analysis.ranking.objective_choice import choose_objectives
from paretofleet_analysis.ranking.paced_rows import PACED, pace_of, rows_at_rate
from paretofleet_analysis.ranking.request import RankingRequest
from paretofleet_analysis.report.access import Row, label
from paretofleet_analysis.report.schema import COLUMNS, MEASURES


@dataclass(frozen=True)
class Exclusion:
    """Rows that are not ranked, by what a table calls them, and the one reason."""

    reason: str
    rows: Sequence[str]


@dataclass(frozen=True)
class Selection:
    """Rows and objectives to rank, with what was left out on the way.

    `excluded`: the reason and the label of each row that is not ranked.
    """

    rows: tuple[Row, ...]
    objectives: tuple[str, ...] = ()
    excluded: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def exclude(self, reasons: Sequence[str | None]) -> Self:
        """The same without the rows that have one of the `reasons`, which are those of its rows in order."""
        pairs = list(zip(self.rows, reasons, strict=True))
        excluded = [(reason, label(row)) for row, reason in pairs if reason]
        rows = tuple(row for row, reason in pairs if not reason)
        return replace(self, rows=rows, excluded=(*self.excluded, *excluded))

    @property
    def excluded_count(self) -> int:
        """How many rows were left out."""
        return len(self.excluded)

    def labels(self, chosen: Sequence[bool]) -> list[str]:
        """What sentences call the `chosen` of the rows (N,)."""
        return [label(row) for row, is_chosen in zip(self.rows, chosen, strict=True) if is_chosen]

    def repeat_reasons(self) -> list[str | None]:
        """Of each row that it holds the runs of one before, as `exclusion_reasons` says it."""
        return reasons.repeat_reasons(self.rows)

    def limit_reasons(self, name: str, limit: float) -> list[str | None]:
        """Of each row that it is surely above the `limit` of column `name`, in its unit."""
        return [reasons.limit_reason(row, name, limit) for row in self.rows]

    def value_reasons(self, names: Sequence[str]) -> list[str | None]:
        """Of each row that it lacks one of the objectives `names`."""
        return [reasons.value_reason(row, names) for row in self.rows]

    def ranked(self) -> Sequence[Row]:
        """The rows that are left, with all their values."""
        return self.rows

    def with_notes(self, *notes: str) -> Self:
        """The same with more `notes`."""
        return replace(self, notes=(*self.notes, *notes))

    def exclusions(self) -> tuple[Exclusion, ...]:
        """The excluded rows by reason, the commonest first."""
        by_reason: dict[str, list[str]] = {}
        for reason, name in self.excluded:
            by_reason.setdefault(reason, []).append(name)
        ordered = sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0]))
        return tuple(Exclusion(reason, tuple(names)) for reason, names in ordered)


_Selected = TypeVar("_Selected", bound=Selection)


def columns_of(request: RankingRequest) -> list[str]:
    """The columns of a report that a selection by this `request`, or what is made of it, may read.

    Of the measures only what may be ranked or limited by, because turning columns into rows costs time.
    """
    read = {"time_per_item_s", "batch_latency_p50_s"} if request.rate_hz is not None else set()
    read |= {
        *(request.objectives or ()),
        *(request.maxima or ()),
        *OF_POWER,
        "batch_latency_mean_s",
        "batch_latency_p99_s",
    }
    read |= {name for preset in PRESETS.values() for name in (*preset.speed, *preset.others)}
    dropped = {"environment", "sweep_note", "sweep_labels"} | {
        f"{measure.name}{end}" for measure in MEASURES for end in ("_lo", "_hi")
    }
    for measure in MEASURES:
        if measure.name not in read:
            dropped |= {measure.name, f"{measure.name}_runs", f"{measure.name}_resolution"}
    if request.power_scope is None and request.rate_hz is None:
        dropped.add("energy")
    return [column.name for column in COLUMNS if column.name not in dropped]


def select(rows: Sequence[Row], request: RankingRequest) -> Selection:
    """Those of the `rows` that can be compared, and the objectives to compare them by.

    The energies of `rows` become those of the scope or the rate that the `request` names. Raises RankError
    where what was asked for cannot be compared honestly, or where nothing is left.
    """
    return select_from(Selection(tuple(rows)), request)


def select_from(selection: _Selected, request: RankingRequest) -> _Selected:
    """The same of all rows that a `selection` begins with, by the `request`; raises RankError."""
    if not selection.rows:
        raise RankError("the report has no rows: wait for the first run of the sweep to be sealed")
    selection = _of_devices(selection, request.devices)
    selection = selection.exclude([reasons.state_reason(row) for row in selection.rows])
    selection = selection.exclude(selection.repeat_reasons())
    selection = selection.with_notes(*_simulation_notes(selection, request))
    selection = _with_work(selection, request)
    batch_size = PRESETS[request.use].batch_size
    if request.objectives is None and batch_size is not None:
        selection = selection.exclude([reasons.batch_reason(row, batch_size) for row in selection.rows])
    scopes = [str(row["timing_scope"]) for row in selection.rows]
    selection = selection.exclude(reasons.other_kind_reasons(scopes, "timing scope", default="copy+compute"))
    selection = selection.exclude(reasons.training_reasons(selection.rows, request.objectives or ()))
    selection = _of_modes(selection, request.rate_hz)
    selection = _with_energy_as_requested(selection, request)
    for name, limit in _limits(request).items():
        selection = selection.exclude(selection.limit_reasons(name, limit))
    objectives, notes = choose_objectives(selection.rows, request)
    selection = replace(selection, objectives=objectives).with_notes(*notes)
    needed = list(dict.fromkeys([*objectives, *measured_limits(request)]))
    selection = selection.exclude(selection.value_reasons(needed))
    selection = selection.exclude(reasons.other_origin_reasons(selection.rows, objectives))
    _refuse_nothing_left(selection)
    sizes = {row["batch_size"] for row in selection.rows}
    refuse_functions_of_each_other(objectives, one_batch_size=len(sizes) == 1)
    return selection


def _of_devices(selection: _Selected, devices: Sequence[str]) -> _Selected:
    """Only the rows of the devices asked for, if any; each must have one."""
    check_devices(devices, {row["device"] for row in selection.rows})
    if not devices:
        return selection
    reason = f"device is not {' or '.join(devices)}"
    return selection.exclude([None if row["device"] in devices else reason for row in selection.rows])


def check_devices(devices: Sequence[str], present: Collection[str]) -> None:
    """Raises RankError where one of the `devices` is not among those that are `present` in a report."""
    for name in devices:
        if name not in present:
            there = ", ".join(sorted(present))
            raise RankError(f"no row of the report is of device {name!r}: choose from {there}")


def _simulation_notes(selection: Selection, request: RankingRequest) -> list[str]:
    """That simulated and real devices are ranked together; RankError where that was not allowed."""
    simulated = sorted({row["device"] for row in selection.rows if row["simulated"]})
    real = sorted({row["device"] for row in selection.rows if not row["simulated"]})
    if not simulated or not real:
        return []
    if not request.allow_simulated_mix:
        raise RankError(
            f"simulated ({', '.join(simulated)}) and real devices ({', '.join(real)}) are not ranked "
            "together: choose with --device NAME, or allow it with --with-simulated"
        )
    return [f"Simulated ({', '.join(simulated)}) and real devices are ranked together, as told."]


def _of_modes(selection: _Selected, rate_hz: float | None) -> _Selected:
    """Only rows whose items come in one way; with a rate, in 1/s, its paced rows stay to be looked at."""
    if rate_hz is None:
        paces = [pace_of(row) for row in selection.rows]
        return selection.exclude(reasons.other_kind_reasons(paces, "mode", default="latency"))
    unpaced = [str(row["mode"]) for row in selection.rows if row["mode"] != PACED]
    others = iter(reasons.other_kind_reasons(unpaced, "mode", default="latency"))
    return selection.exclude([None if row["mode"] == PACED else next(others) for row in selection.rows])


def _with_work(selection: _Selected, request: RankingRequest) -> _Selected:
    """Without the rows whose model does not do its work, or with a note that they are ranked."""
    idle = [reasons.work_reason(row) for row in selection.rows]
    if not request.with_no_work:
        return selection.exclude(idle)
    names = selection.labels([reason is not None for reason in idle])
    notes = [f"Ranked as told, with the flag no_work: {', '.join(names)}."] if names else []
    return selection.with_notes(*notes)


def _with_energy_as_requested(selection: _Selected, request: RankingRequest) -> _Selected:
    """The energies of the scope, and of the rate in 1/s, that are asked for; rows without are excluded."""
    scope, rate_hz = request.power_scope, request.rate_hz
    if scope is not None:
        selection = selection.exclude([take_scope(row, scope) for row in selection.rows])
    if rate_hz is None:
        return selection
    if not 0 < rate_hz < np.inf:
        raise RequestError(f"a rate of {rate_hz:g} items a second is none: give one like 5")
    at_rate = rows_at_rate(selection.rows, rate_hz, scope)
    return selection.exclude(at_rate.reasons).with_notes(*at_rate.notes)


def _limits(request: RankingRequest) -> dict[str, float]:
    """Upper limits by column: those of the request, and its deadline in seconds."""
    limits = dict(request.maxima or {})
    if request.use == "deadline" and request.deadline_s is not None:
        limits["batch_latency_p99_s"] = min(request.deadline_s, limits.get("batch_latency_p99_s", np.inf))
    return limits


def measured_limits(request: RankingRequest) -> dict[str, float]:
    """The limits of the `request` that are part of the question: of columns that have a value per run."""
    return {name: limit for name, limit in _limits(request).items() if objective(name).is_measured}


def _refuse_nothing_left(selection: Selection) -> None:
    if selection.rows:
        return
    largest = selection.exclusions()[:4]
    causes = "; ".join(f"{len(exclusion.rows)} x {exclusion.reason}" for exclusion in largest)
    raise RankError(f"no row of the report can be ranked ({causes}): change the sweep or the objectives")
