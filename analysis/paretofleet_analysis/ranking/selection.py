"""Which rows of a report are ranked, by which objectives, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES, PRESETS, objective, refuse_functions_of_each_other
from paretofleet_analysis.ranking.energy_rate import take_rate
from paretofleet_analysis.report.access import Row, label, samples
from paretofleet_analysis.report.schema import COLUMNS, MEASURES

#: Why a value may be absent, where the reason is one.
_HINTS = {
    "batch_latency_mean_s": ": throughput mode has no latencies, rank it by --for offline",
    "top1": ": give the model's accuracy, or rank by other objectives",
    "batch_latency_p90_s": ": fewer than 29 iterations a run",
    "batch_latency_p99_s": ": fewer than 299 iterations a run; sweep with --protocol sustained",
}
#: Objectives that are readings of a power sensor: they compare only within one scope.
OF_POWER = ("energy_j_per_item", "power_w")


@dataclass(frozen=True)
class Wish:
    """What the caller asked for, besides the report; the arguments of `rank.rank`."""

    use: str
    deadline_s: float | None
    objectives: Sequence[str] | None
    power_scope: str | None
    allow_mixed_scopes: bool
    allow_simulated_mix: bool
    maxima: Mapping[str, float]
    devices: Sequence[str] = ()
    rate_hz: float | None = None


@dataclass(frozen=True)
class Exclusion:
    """Rows that are not ranked, by what a table calls them, and the one reason."""

    reason: str
    rows: tuple[str, ...]


@dataclass
class Selection:
    """Rows and objectives to rank, with what was left out on the way."""

    rows: list[Row]
    objectives: list[str] = field(default_factory=list)
    excluded: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def keep(self, reasons: Sequence[str | None]) -> None:
        """Keep the rows without a reason, remember the others."""
        for row, reason in zip(self.rows, reasons, strict=True):
            if reason:
                self.excluded.append((reason, label(row)))
        self.rows = [row for row, reason in zip(self.rows, reasons, strict=True) if not reason]

    def exclusions(self) -> tuple[Exclusion, ...]:
        """The excluded rows by reason, the commonest first."""
        found: dict[str, list[str]] = {}
        for reason, name in self.excluded:
            found.setdefault(reason, []).append(name)
        ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
        return tuple(Exclusion(reason, tuple(names)) for reason, names in ordered)


def columns_of(wish: Wish) -> list[str]:
    """The columns of a report that a selection by this wish, or what is made of it, may read.

    Of the measures only what may be ranked or limited by, because turning columns into rows costs time.
    """
    named = {"time_per_item_s"} if wish.rate_hz is not None else set()
    named |= {
        *(wish.objectives or ()),
        *wish.maxima,
        *OF_POWER,
        "batch_latency_mean_s",
        "batch_latency_p99_s",
    }
    named |= {name for preset in PRESETS.values() for name in (*preset.speed, *preset.others)}
    dropped = {f"{measure.name}{end}" for measure in MEASURES for end in ("_lo", "_hi")}
    for measure in MEASURES:
        if measure.name not in named:
            dropped |= {measure.name, f"{measure.name}_runs"}
    if wish.power_scope is None and wish.rate_hz is None:
        dropped.add("energy")
    return [column.name for column in COLUMNS if column.name not in dropped]


def select(rows: Sequence[Row], wish: Wish) -> Selection:
    """The rows that can be compared and the objectives to compare them by.

    Raises `RankError` where what was asked for cannot be compared honestly, or where nothing is left.
    """
    chosen = Selection(list(rows))
    if not chosen.rows:
        raise RankError("the report has no rows: wait for the first run of the sweep to be sealed")
    _take_devices(chosen, wish.devices)
    chosen.keep([_state_reason(row) for row in chosen.rows])
    chosen.keep(_repeat_reasons(chosen.rows))
    _refuse_mixed_simulation(chosen, wish)
    preset = PRESETS[wish.use]
    if wish.objectives is None and preset.batch_size is not None:
        chosen.keep([_batch_reason(row, preset.batch_size) for row in chosen.rows])
    for name in ("timing_scope", "mode"):
        chosen.keep(_other_kind_reasons(chosen.rows, name))
    if wish.power_scope is not None:
        chosen.keep([_take_scope(row, wish.power_scope) for row in chosen.rows])
    if wish.rate_hz is not None:
        _take_rate(chosen, wish.rate_hz, wish.power_scope)
    limits = dict(wish.maxima)
    if wish.use == "deadline" and wish.deadline_s is not None:
        limits["batch_latency_p99_s"] = min(wish.deadline_s, limits.get("batch_latency_p99_s", np.inf))
    for name, limit in limits.items():
        chosen.keep([_limit_reason(row, name, limit) for row in chosen.rows])
    _choose_objectives(chosen, wish)
    chosen.keep([_value_reason(row, chosen.objectives) for row in chosen.rows])
    _refuse_nothing_left(chosen)
    refuse_functions_of_each_other(
        chosen.objectives, one_batch_size=len({row["batch_size"] for row in chosen.rows}) == 1
    )
    return chosen


def _take_devices(chosen: Selection, wanted: Sequence[str]) -> None:
    """Keep the rows of the devices asked for; each must have one."""
    known = sorted({row["device"] for row in chosen.rows})
    for name in wanted:
        if name not in known:
            raise RankError(f"no row of the report is of device {name!r}: choose from {', '.join(known)}")
    if wanted:
        reason = f"device is not {' or '.join(wanted)}"
        chosen.keep([None if row["device"] in wanted else reason for row in chosen.rows])


def _state_reason(row: Row) -> str | None:
    if row["status"] in ("ok", "partial") and row["runs"]:
        return None
    if row["status"] in ("ok", "partial"):
        return "no run of it counts"
    return f"status {row['status']}" + (f": {row['reason']}" if row["reason"] else "")


def _repeat_reasons(rows: Sequence[Row]) -> list[str | None]:
    """The same runs entered twice are one measurement."""
    seen: set[tuple[Any, ...]] = set()
    reasons: list[str | None] = []
    for row in rows:
        key = (row["configuration_id"], row["environment_id"], *row["run_ids"])
        reasons.append("the same runs are in the report twice" if key in seen else None)
        seen.add(key)
    return reasons


def _refuse_mixed_simulation(chosen: Selection, wish: Wish) -> None:
    simulated = sorted({row["device"] for row in chosen.rows if row["simulated"]})
    real = sorted({row["device"] for row in chosen.rows if not row["simulated"]})
    if not simulated or not real:
        return
    if not wish.allow_simulated_mix:
        raise RankError(
            f"simulated ({', '.join(simulated)}) and real devices ({', '.join(real)}) are not ranked "
            "together: choose with --device NAME, or allow it with --with-simulated"
        )
    chosen.notes.append(f"Simulated ({', '.join(simulated)}) and real devices are ranked together, as told.")


def _batch_reason(row: Row, batch_size: int) -> str | None:
    return None if row["batch_size"] == batch_size else f"batch size is not {batch_size}"


def _other_kind_reasons(rows: Sequence[Row], name: str) -> list[str | None]:
    """Reasons for the rows that differ from the commonest timing scope or mode (the default wins a tie)."""
    default = {"timing_scope": "copy+compute", "mode": "latency"}[name]
    counts = Counter(row[name] for row in rows)
    if len(counts) < 2:
        return [None] * len(rows)
    common = max(counts, key=lambda kind: (counts[kind], kind == default, str(kind)))
    words = name.replace("_", " ")
    return [None if row[name] == common else f"{words} is not {common}" for row in rows]


def _limit_reason(row: Row, name: str, limit: float) -> str | None:
    known = objective(name)
    value = row[name]
    if value is None:
        hint = _HINTS.get(name, "")
        return f"{name} is absent, so the limit of {limit:g} {known.unit} cannot be checked{hint}"
    return None if value <= limit else f"{name} is above {limit:g} {known.unit}"


def _take_scope(row: Row, scope: str) -> str | None:
    """Put the energy of that scope in place of the primary one; the reason where the row has none."""
    found = _rails(row, scope)
    if not found or any(entry["energy_j_per_item"] is None for entry in found):
        return f"no energy of scope {scope}"
    if len(found) > 1 and not found[0]["primary"]:
        return f"several sensors of scope {scope}, of which none is the total"
    row["power_scope"], row["power_source"] = scope, found[0]["source"]
    gains = [entry["gain_uncertainty"] for entry in found]
    row["energy_gain_uncertainty"] = None if None in gains else max(gains)
    for name in OF_POWER:
        columns = zip(*(entry[f"{name}_runs"] for entry in found), strict=True)
        row[name] = sum(entry[name] for entry in found)
        row[f"{name}_runs"] = [None if None in values else sum(values) for values in columns]
    return None


def _take_rate(chosen: Selection, rate_hz: float, scope: str | None) -> None:
    """Put the energy of items that come at a rate in place of that of items without a break."""
    if not 0 < rate_hz < np.inf:
        raise RankError(f"a rate of {rate_hz:g} items a second is none: give one like 5")
    chosen.keep([take_rate(row, rate_hz, _rails(row, scope)) for row in chosen.rows])
    chosen.notes.append(
        f"energy_j_per_item is that of {rate_hz:g} items a second: an item's own and, for the rest of its "
        "time, the idle power with the model loaded."
    )


def _rails(row: Row, scope: str | None) -> list[Row]:
    """The entries of a row's energy of that scope, the primary ones where there are any; None: any scope."""
    found = [entry for entry in row["energy"] or () if scope in (None, entry["scope"])]
    primary = [entry for entry in found if entry["primary"]]
    return primary if primary or scope is None else found


def _choose_objectives(chosen: Selection, wish: Wish) -> None:
    """The caller's objectives, checked, or the preset's as far as the rows have them; a note for each not."""
    if wish.objectives is not None:
        chosen.objectives = [objective(name).name for name in wish.objectives]
        if not chosen.objectives:
            raise RankError(f"no objectives are named: choose from {', '.join(OBJECTIVES)}")
        power = [name for name in chosen.objectives if name in OF_POWER]
        scopes = _scopes([row for row in chosen.rows if all(row[name] is not None for name in power)])
        if power and len(scopes) > 1 and not wish.allow_mixed_scopes:
            raise RankError(
                f"{power[0]} has scopes {' and '.join(scopes)}, which do not compare: choose one with "
                "--power-scope, or allow it with --allow-mixed-scopes"
            )
        if power and len(scopes) > 1:
            chosen.notes.append(f"Power of scopes {' and '.join(scopes)} is ranked together, as told.")
        return
    preset = PRESETS[wish.use]
    able = [row for row in chosen.rows if row["top1"] is not None]
    speed = next(
        (name for name in preset.speed if all(row[name] is not None for row in able)), preset.speed[-1]
    )
    if speed != preset.speed[0]:
        short = sum(row[preset.speed[0]] is None for row in able)
        chosen.notes.append(
            f"{preset.speed[0]} is absent in {short} of {len(able)} rows (too few iterations a run), "
            f"so {speed} takes its place."
        )
    chosen.objectives = ["top1", speed]
    _add_energy(chosen, wish, [row for row in able if row[speed] is not None])


def _scopes(rows: Sequence[Row]) -> list[str]:
    return sorted({str(row["power_scope"]) for row in rows if row["power_scope"] is not None})


def _add_energy(chosen: Selection, wish: Wish, rows: Sequence[Row]) -> None:
    """Energy joins a preset when every row has it in one scope, or in any when mixing is allowed."""
    name = "energy_j_per_item"
    without = sum(row[name] is None for row in rows)
    scopes = _scopes([row for row in rows if row[name] is not None])
    if without:
        chosen.notes.append(f"{name} is left out: {without} of {len(rows)} rows have no measured energy.")
        return
    if len(scopes) > 1 and not wish.allow_mixed_scopes:
        chosen.notes.append(
            f"{name} is left out: its scopes {' and '.join(scopes)} do not compare (choose one with "
            "--power-scope, or allow it with --allow-mixed-scopes)."
        )
        return
    if len(scopes) > 1:
        chosen.notes.append(f"Energy of scopes {' and '.join(scopes)} is ranked together, as told.")
    if rows:
        chosen.objectives.append(name)


def _value_reason(row: Row, names: Sequence[str]) -> str | None:
    for name in names:
        if row[name] is None:
            return f"{name} is absent" + _HINTS.get(name, "")
    values = samples(row, names)
    if not len(values):
        return f"no run has all of {', '.join(names)}"
    for k, name in enumerate(names):
        if not (np.isfinite(values[:, k]) & (values[:, k] > 0)).all():
            return f"{name} is not a positive number"
    return None


def _refuse_nothing_left(chosen: Selection) -> None:
    if chosen.rows:
        return
    reasons = "; ".join(f"{len(found.rows)} x {found.reason}" for found in chosen.exclusions()[:4])
    raise RankError(f"no row of the report can be ranked ({reasons}): change the sweep or the objectives")
