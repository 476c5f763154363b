"""What a ranking rests on, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.present.timing_text import drift_lines
from paretofleet_analysis.ranking.block_components import block_spans
from paretofleet_analysis.ranking.evidence import UNKNOWN_CLASS
from paretofleet_analysis.ranking.result import RankedRow, Ranking
from paretofleet_analysis.ranking.sensitivity import SENSITIVITY_ROWS_MAX

#: From so many boards on a class may be spoken of.
UNITS_MIN = 3


def evidence_lines(ranking: Ranking) -> Iterator[str]:
    """What a `ranking` rests on, a line each; all but the first are indented."""
    evidence = ranking.evidence
    classes = ", ".join(
        f"{count} {name if name != UNKNOWN_CLASS else 'of unknown class'}"
        for name, count in evidence["devices_per_class"].items()
    )
    lines = [
        f"rows: {evidence['ranked_rows']} of {evidence['report_rows']}; devices: {classes}",
        *_unit_lines(ranking.rows),
        f"runs: {_runs(evidence)}; protocol {', '.join(evidence['protocols'])}",
        f"accuracy: {'; '.join(evidence['accuracy_sources']) or 'none'}; {evidence['accuracy_question']}",
        f"power: {', '.join(evidence['power_sources']) or 'none measured'}",
        f"flags: {_flags(evidence['flags']) or 'none'}",
        *_repeats_lines(evidence),
        *_probability_lines(evidence, has_any=any(has_probability(row) for row in ranking.rows)),
        "versions: " + ", ".join(f"{name} {text}" for name, text in evidence["versions"].items()),
    ]
    lines += [f"report SHA-256: {digest}" for digest in evidence["report_sha256"]]
    if evidence["command"]:
        lines.append(f"command: {evidence['command']}")
    yield "Evidence"
    yield from (f"  {line}" for line in lines)


def _unit_lines(rows: Sequence[RankedRow]) -> Iterator[str]:
    """Which boards are meant where a class has too few of them to be spoken of."""
    units: dict[str, set[str]] = {}
    for row in rows:
        units.setdefault(str(row.identity["device_class"]), set()).add(str(row.identity["device"]))
    few = {name: sorted(boards) for name, boards in sorted(units.items()) if len(boards) < UNITS_MIN}
    if few:
        boards = "; ".join(
            ", ".join(names) + f" (of class {name})" * (name != UNKNOWN_CLASS) for name, names in few.items()
        )
        yield f"speaks of the boards, not of a class with fewer than {UNITS_MIN} of them measured: {boards}"


def _runs(evidence: Mapping[str, Any]) -> str:
    """How many runs, over how many boots and days; nothing is known of the runs of what others published."""
    published = evidence["published_rows"]
    if published == evidence["ranked_rows"]:
        return f"unknown, all {published} rows are figures that others published without their runs"
    days = evidence["days"]
    span = f"{days[0]} to {days[-1]}" if len(days) > 1 else "".join(days) or "unknown day"
    runs = (
        f"{evidence['runs']} counted, {evidence['runs_set_aside']} set aside; "
        f"boots: {evidence['boots'] or 'unknown'}"
    )
    if evidence["boots"] == 1 and "within_one_boot" in evidence["flags"]:
        runs += " (within one boot, though more were asked for)"
    others = f"; unknown for {published} rows, which others published" if published else ""
    return f"{runs}; {span}{others}"


def _repeats_lines(evidence: Mapping[str, Any]) -> Iterator[str]:
    """What the repeats say of blocks, drift and stability, where there are any."""
    if evidence["published_rows"] == evidence["ranked_rows"]:
        yield "block effects, drift and stability: unknown without runs"
        return
    yield from _block_lines(evidence["block_effects"])
    yield from drift_lines(evidence["canary_drift"])
    yield _changes_line(evidence["verdicts_that_change"], evidence["ranked_rows"])


def _flags(flags: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count} {'row' if count == 1 else 'rows'})" for name, count in flags.items())


def _error(evidence: Mapping[str, Any]) -> str:
    parts = [f"seed {evidence['seed']}"]
    if evidence["replicates"]:
        parts.append(f"another seed moves the least certain by {_small(evidence['standard_error'])}")
    if evidence["common_factors_error"] is not None:
        parts.append(
            f"integrated over what is common to a device (error {_small(evidence['common_factors_error'])})"
        )
    if evidence["joint_accuracies_error"] is not None:
        error = _small(evidence["joint_accuracies_error"])
        parts.append(f"averaged over draws of all accuracies at once (standard error {error})")
    return ", ".join(parts)


def has_probability(row: RankedRow) -> bool:
    """Whether a `row` has runs enough for probabilities."""
    return row.p_front is not None or row.p_front_next_run is not None


def _probability_lines(evidence: Mapping[str, Any], *, has_any: bool) -> Iterator[str]:
    """How what is said of probabilities and efficiencies came about, where any row has them."""
    if not has_any:
        yield f"probabilities: {evidence['method']}"
        return
    yield f"probabilities: {evidence['method']}; {_error(evidence)}"
    yield "efficiency: the share of its costs with which another, at least as accurate, gets by; 95 %"


def _small(error: float) -> str:
    """An error of a probability, which is never nothing.

    >>> _small(0.0158), _small(0.00002)
    ('about 0.016', 'less than 0.001')
    """
    return f"about {error:.3f}" if error >= 0.001 else "less than 0.001"


def _block_lines(devices: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line a device that was corrected, and one for all devices that were left alone for one reason."""
    if not devices:
        yield "block effects: nothing measured to correct"
    for device in devices:
        if device["corrected"]:
            yield _correction_line(device)
    uncorrected: dict[str, list[str]] = {}
    for device in devices:
        if not device["corrected"]:
            uncorrected.setdefault(device["note"], []).append(device["device"])
    for note, names in uncorrected.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"block effects on {', '.join(names[:3])}{more}: {note}"


def _correction_line(device: Mapping[str, Any]) -> str:
    shares = ", ".join(
        f"{OBJECTIVES[name].short} {100 * share:.0f} % (largest {100 * device['largest'][name]:.1f} %)"
        for name, share in device["share_of_variance"].items()
    )
    left = ", ".join(map(str, device["blocks_left"]))
    kept = f"; kept in blocks with fewer than 3 configurations: {left}" if left else ""
    parts = " and ".join(map(block_spans, device["apart"]))
    stays = f"; not between blocks {parts}, which share no configuration" if parts else ""
    return f"block effects removed on {device['device']}, of the variance of repeats: {shares}{kept}{stays}"


def _changes_line(changes: Sequence[str] | None, rows: int) -> str:
    if changes is None:
        few = "too few runs to leave any out"
        return (
            f"stability: unknown, {'not computed for so many rows' if rows > SENSITIVITY_ROWS_MAX else few}"
        )
    if not changes:
        return "stability: no verdict changes when flagged runs or any one block are left out"
    more = f"; and {len(changes) - 4} more" if len(changes) > 4 else ""
    return f"stability: verdicts that change: {'; '.join(changes[:4])}{more}"
