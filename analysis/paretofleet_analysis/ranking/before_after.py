"""What changed from one sweep to another, such as by a new driver: each configuration that both measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import pyarrow as pa

from paretofleet_analysis.diagnostics.paired import FALSE_DISCOVERY_RATE, benjamini_hochberg
from paretofleet_analysis.diagnostics.shift import BootSpread, Shift, Side, boot_spread, shifts
from paretofleet_analysis.errors import RankError, RequestError
from paretofleet_analysis.objectives import OBJECTIVES, Margin, objective
from paretofleet_analysis.ranking.energy_scope import OF_POWER
from paretofleet_analysis.ranking.exclusion_reasons import state_reason, work_reason
from paretofleet_analysis.report.access import Row, by_block, label
from paretofleet_analysis.report.environment import ChangedFact, changed_facts, untold_devices
from paretofleet_analysis.report.fed import fed_parts
from paretofleet_analysis.report.files import conform

LATENCY, ENERGY, THROUGHPUT = "batch_latency_mean_s", "energy_j_per_item", "throughput_items_s"
#: What is compared unless other measures are asked for; the throughput only where there is no latency.
COMPARED = (LATENCY, ENERGY, THROUGHPUT)
FASTER, SLOWER, LESS, MORE = "faster", "slower", "less", "more"
SAME, OPEN = "same within margin", "cannot tell"
#: Of what is taken for granted: degrees of freedom that are as good as no end of them, and the most.
_SURE, _BOOT_SHARE_MAX = 1_000_000, 0.5
#: Measures whose verdict is of speed; of others it is how much there is.
_OF_SPEED = ("s", "1/s")


@dataclass(frozen=True)
class Change:
    """A measure of a configuration that both reports hold: its rows `before` and `after`, and the `shift`.

    `blocks`, `boots`: how many of each side; `verdict`: one of the words above; `why`: of "cannot tell".
    """

    before: Row
    after: Row
    measure: str
    shift: Shift
    blocks: tuple[int, int]
    boots: tuple[int, int]
    verdict: str
    why: str = ""

    @property
    def fed(self) -> dict[str, str]:
        """By axis or input what it was fed where that was asked for."""
        return fed_parts(self.before["inputs"])

    @property
    def is_worse(self) -> bool:
        """Whether it is a regression: surely slower, or surely more of a cost."""
        if self.verdict in (SAME, OPEN):
            return False
        return (self.shift.log_ratio > 0) != OBJECTIVES[self.measure].maximize


@dataclass(frozen=True)
class BeforeAfter:
    """What changed: `facts` of the devices' environments, `changes`, the worst first; `unmatched`, sentences
    about what only one report holds or what cannot be compared; `notes`; `margins` by measure.
    """

    facts: tuple[ChangedFact, ...]
    changes: tuple[Change, ...]
    unmatched: tuple[str, ...]
    notes: tuple[str, ...]
    margins: Mapping[str, Margin]
    rate: float = FALSE_DISCOVERY_RATE

    @property
    def is_worse(self) -> bool:
        """Whether anything is a regression."""
        return any(change.is_worse for change in self.changes)


def compare_reports(
    before: pa.Table,
    after: pa.Table,
    *,
    measures: Sequence[str] | None = None,
    margins: Mapping[str, Margin] | None = None,
    boot_share: float = 0.0,
) -> BeforeAfter:
    """Compare the configurations that the reports `before` and `after` both hold, in whatever environment.

    `measures`: report columns with a value for each run; by default latency, energy, or throughput where
    there is no latency. `margins`: how large a change counts, as a share, by measure. `boot_share`: by how
    much a reboot is taken to shift all of a device (standard deviation, as a share), where the reports do not
    tell. A change is called one where it is surely beyond its margin; of all that are called so 5 % are
    expected to be none. Raises RankError where the reports have no configuration in common, RequestError for
    a measure, margin or share that cannot be used.
    """
    if not 0.0 <= boot_share <= _BOOT_SHARE_MAX:
        raise RequestError(f"a reboot is taken to shift {boot_share:.3g}: give a share from 0 to 50 %")
    used = used_margins(measures, margins or {})
    sides = [conform(table, name=name).to_pylist() for table, name in ((before, "A"), (after, "B"))]
    unmatched: list[str] = []
    old, new = (_usable(rows, name, unmatched) for rows, name in zip(sides, "AB", strict=True))
    unmatched += [*_only_in(old, new, "A"), *_only_in(new, old, "B")]
    pairs = {key: (old[key], new[key]) for key in old if key in new}
    if not pairs:
        raise RankError(
            "the reports have no configuration in common that ran in both: the same sweep file on the same "
            "device, submitted twice, has"
        )
    assumed = BootSpread(math.log1p(boot_share) ** 2, _SURE if boot_share else 0)
    moved = [*_shifted(pairs, used, assumed, default=measures is None)]
    return BeforeAfter(
        facts=changed_facts(*sides),
        changes=tuple(sorted(_judged(moved, used), key=_order)),
        unmatched=(*_other_scopes(pairs.values(), used), *unmatched),
        notes=tuple(_notes(sides, moved, boot_share)),
        margins={name: margin for name, margin in used.items() if any(c.measure == name for c in moved)},
    )


def used_margins(measures: Sequence[str] | None, given: Mapping[str, Margin]) -> dict[str, Margin]:
    """A margin for each of the `measures` that are compared, by default COMPARED: as `given`, or its own.

    Raises RequestError for a measure or margin that cannot be used.
    """
    used = {}
    for name in measures or COMPARED:
        if not objective(name).is_measured:
            raise RequestError(f"{name} is no measure of runs: the model fixes it, so it cannot change")
        used[name] = given.get(name, OBJECTIVES[name].margin)
        if not used[name].relative:
            raise RequestError(
                f"the margin of {name} is {used[name]}: changes are ratios, give a share like 2%"
            )
    for name in given:
        if name not in used:
            raise RequestError(f"there is a margin for {name}, which is not compared: {', '.join(used)}")
    return used


def _usable(rows: Sequence[Row], side: str, unmatched: list[str]) -> dict[str, Row]:
    """By configuration the row of its environment with the most runs; what is left out is said."""
    chosen: dict[str, Row] = {}
    others: Counter[str] = Counter()
    for row in rows:
        reason = state_reason(row) or work_reason(row)
        if reason:
            unmatched.append(f"{label(row)}: not compared in {side}: {reason}")
            continue
        best = chosen.setdefault(str(row["configuration_id"]), row)
        if best is not row:
            others[str(row["device"])] += 1
            if row["runs"] > best["runs"]:
                chosen[str(row["configuration_id"])] = row
    for device, count in sorted(others.items()):
        unmatched.append(
            f"{side} holds {count} more row{'s' * (count > 1)} of {device} in other environments or sweeps: "
            "of each configuration the row with the most runs is compared"
        )
    return chosen


def _only_in(rows: Mapping[str, Row], others: Mapping[str, Row], side: str) -> list[str]:
    return [f"{label(row)}: only in {side}" for key, row in rows.items() if key not in others]


def _shifted(
    pairs: Mapping[str, tuple[Row, Row]],
    margins: Mapping[str, Margin],
    assumed: BootSpread,
    *,
    default: bool,
) -> Iterator[Change]:
    """Each measure of each pair with its shift, not judged yet; `assumed` of boots where nothing tells."""
    devices: dict[str, list[tuple[Row, Row]]] = {}
    for pair in pairs.values():
        devices.setdefault(str(pair[0]["device"]), []).append(pair)
    for name in margins:
        chosen = {
            device: [pair for pair in members if _has(pair, name, default=default)]
            for device, members in devices.items()
        }
        sides = {
            device: tuple(_side([pair[at] for pair in members], name) for at in (0, 1))
            for device, members in chosen.items()
            if members
        }
        fleet = boot_spread([side for both in sides.values() for side in both])
        fleet = fleet if fleet.freedom else assumed
        for device, (old, new) in sides.items():
            own = boot_spread([old, new])
            boots = own if own.freedom else fleet
            for at, (pair, shift) in enumerate(zip(chosen[device], shifts(old, new, boots), strict=True)):
                yield Change(
                    *pair,
                    measure=name,
                    shift=shift,
                    blocks=(len(old.values[at]), len(new.values[at])),
                    boots=(len(set(old.boots.values())), len(set(new.boots.values()))),
                    verdict=OPEN,
                )


def _has(pair: tuple[Row, Row], name: str, *, default: bool) -> bool:
    """Whether both rows of a `pair` have the measure, of one scope, and their latency does not say it."""
    if default and name == THROUGHPUT and all(row[LATENCY] is not None for row in pair):
        return False
    return not _has_other_scope(pair, name) and all(any(_by_place(row, name)) for row in pair)


def _has_other_scope(pair: tuple[Row, Row], name: str) -> bool:
    """Whether the measure is of power, which the two rows of a `pair` measured of unlike things."""
    return name in OF_POWER and pair[0]["power_scope"] != pair[1]["power_scope"]


def _other_scopes(pairs: Iterable[tuple[Row, Row]], names: Iterable[str]) -> Iterator[str]:
    """Of each device and measure how many configurations have their power of another scope in B."""
    apart = Counter(
        (str(old["device"]), name, old["power_scope"], new["power_scope"])
        for name in names
        for old, new in pairs
        if _has_other_scope((old, new), name) and old[name] is not None and new[name] is not None
    )
    for (device, name, before, after), count in apart.items():
        yield (
            f"{device}: {name} of {count} configuration{'s' * (count > 1)} is not compared: its power is of "
            f"{before or 'no scope'} in A and of {after or 'no scope'} in B"
        )


def _by_place(row: Row, name: str) -> dict[tuple[str, int], float]:
    return {(str(row["sweep"]), block): value for block, value in by_block(row, name).items()}


def _side(rows: Sequence[Row], name: str) -> Side:
    """The rows of one device in one report; blocks of several sweeps follow each other."""
    values = [_by_place(row, name) for row in rows]
    number = {place: at for at, place in enumerate(sorted({place for each in values for place in each}))}
    boots: dict[int, str] = {}
    for row in rows:
        for block, boot in zip(row["run_blocks"], row["run_boots"], strict=True):
            place = (str(row["sweep"]), block)
            if place in number and boot is not None:
                boots.setdefault(number[place], str(boot))
    numbered = [{number[place]: value for place, value in each.items()} for each in values]
    steps = [(row.get(f"{name}_resolution") or 0.0) / row[name] for row in rows]
    return Side(numbered, boots, steps)


def _judged(changes: Sequence[Change], margins: Mapping[str, Margin]) -> Iterator[Change]:
    """The same with their verdicts: first what is surely beyond its margin, of all together."""
    p_values = [change.shift.p_value(margins[change.measure].value) for change in changes]
    for change, is_beyond in zip(changes, benjamini_hochberg(p_values), strict=True):
        verdict, why = _verdict(change, margins[change.measure].value, is_beyond=is_beyond)
        yield replace(change, verdict=verdict, why=why)


def _verdict(change: Change, margin: float, *, is_beyond: bool) -> tuple[str, str]:
    interval = change.shift.interval
    if interval is None:
        return OPEN, "too few blocks" if max(change.blocks) < 2 else "its runs do not differ"
    if is_beyond:
        is_more = change.shift.log_ratio > 0
        if OBJECTIVES[change.measure].unit not in _OF_SPEED:
            return MORE if is_more else LESS, ""
        return FASTER if is_more == OBJECTIVES[change.measure].maximize else SLOWER, ""
    if 1 / (1 + margin) <= interval[0] and interval[1] <= 1 + margin:
        return SAME, ""
    return OPEN, "more blocks would narrow its interval"


def _order(change: Change) -> tuple[str, bool, bool, float]:
    """The worst of each device first, what is the same or open last."""
    is_settled = change.verdict in (SAME, OPEN)
    return str(change.before["device"]), not change.is_worse, is_settled, -abs(change.shift.log_ratio)


def _notes(sides: Sequence[Sequence[Row]], changes: Sequence[Change], boot_share: float) -> Iterator[str]:
    """What a reader must know beside the table."""
    untold = sorted({device for rows in sides for device in untold_devices(rows)})
    if untold:
        yield (
            f"A report does not hold what the environment of {', '.join(untold)} was: pull it again with "
            "`paretofleet report pull` to see what changed."
        )
    is_untold = all(max(change.boots) == 1 for change in changes)
    if is_untold and boot_share:
        yield (
            f"Each side is one boot, and a reboot is taken to shift all of a device by {boot_share:.2%}: "
            "that was not measured, and is in the intervals."
        )
    elif is_untold:
        yield from _boot_notes([change for change in changes if not _shares_boot(change)])
    if any(row["simulated"] for rows in sides for row in rows):
        yield "Some of these numbers are of simulated devices."


def _boot_notes(changes: Sequence[Change]) -> Iterator[str]:
    """That nothing tells what a reboot did to each device, and by how much its configurations moved."""
    moved: dict[tuple[str, str], list[float]] = {}
    for change in changes:
        moved.setdefault((str(change.before["device"]), change.measure), []).append(change.shift.log_ratio)
    for (device, measure), logs in moved.items():
        short, factor = OBJECTIVES[measure].short, math.exp(median(logs))
        yield (
            f"Each side of {device} is one boot, and nothing here tells what a reboot alone does: no "
            f"interval of {short} has it, which is {factor:.3f} times as much in the median; "
            "`repeats: {boots: 3}` would tell, `--boot-spread 1%` takes so much for granted."
        )


def _shares_boot(change: Change) -> bool:
    return bool(set(change.before["run_boots"]) & set(change.after["run_boots"]) - {None})
