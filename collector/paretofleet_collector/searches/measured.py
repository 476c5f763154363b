"""What the report of a batch says of its trials: values, beside the anchor's, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paretofleet_analysis.objectives import OBJECTIVES

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.searches import SearchBatch, SearchTrial
from paretofleet_collector.searches.specification import TOP1, SearchSpecification

#: Units of what drifts with a device's clocks, and so is divided by the anchor's.
DRIFTING = frozenset({"s", "J", "W", "1/s"})
#: Reasons for which a trial is not measured yet, as if it had not been sent.
_ABSENT = frozenset({"offline", "cancelled"})
#: Fewer members may lack a value by their own nature.
_FIRST_MIN = 3


@dataclass(frozen=True)
class TrialMeasurement:
    """A trial on a device in an environment: its `values` by column as the report has them, `anchors` those
    of the anchor beside it, `errors` the standard errors of log10 of value and anchor together. `reason`: why
    it failed there; empty where it did not. `scope`: what its power is of, such as module, empty for none.
    """

    trial: int
    device: str
    environment: str
    batch: int
    values: Mapping[str, float]
    anchors: Mapping[str, float]
    errors: Mapping[str, float]
    reason: str = ""
    is_simulated: bool = False
    scope: str = ""


def measurements(
    rows: Iterable[Mapping[str, Any]],
    batch: SearchBatch,
    trials: Sequence[SearchTrial],
    anchor: str,
    columns: Collection[str],
    *,
    needed: Collection[str] = (),
    is_lenient: bool = False,
) -> list[TrialMeasurement]:
    """What the `rows` of the report of a `batch` say of its `trials` in these `columns`, by device.

    `anchor`: the name of its model. A device that was away, or whose environment or scope of power changed,
    has measured what is in the anchor's alone. Raises Refused where the anchor itself failed, or a device
    has no value of what is `needed`, of the anchor or of anything in the first batch; `is_lenient` leaves
    such a device's values as they are.
    """
    numbers = {trial.model: trial.number for trial in trials if trial.number in batch.trials}
    by_device: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_device.setdefault(row["device"], []).append(row)
    result: list[TrialMeasurement] = []
    for device, of_device in by_device.items():
        anchors = [row for row in of_device if row["model"] == anchor]
        good = [row for row in anchors if row["status"] in ("ok", "partial")]
        if not good:
            if not is_lenient:
                _check_anchor(anchors, anchor, device)
            continue
        beside = max(good, key=lambda row: row["runs"])
        if not is_lenient:
            _check_values(beside, device, needed)
        variances = {name: _variance(of_device, name) for name in columns}
        before = len(result)
        for row in of_device:
            number = numbers.get(f"{row['model']}@{row['variant']}")
            is_there = row["environment_id"] in (beside["environment_id"], None)
            is_there = is_there and row.get("power_scope") in (beside.get("power_scope"), None)
            if (
                number is not None
                and is_there
                and row["reason"] not in _ABSENT
                and row["status"] != "pending"
            ):
                result.append(_measurement(number, row, beside, batch.number, variances))
        if batch.number == 0 and not is_lenient:
            _check_first(result[before:], needed)
    return result


def _check_anchor(rows: Sequence[Mapping[str, Any]], anchor: str, device: str) -> None:
    failed = [row for row in rows if row["reason"] not in _ABSENT]
    if failed:
        raise Refused(
            f"The anchor {anchor} failed on {device} ({failed[0]['reason'] or failed[0]['status']}), so its "
            "batches cannot be compared; name a smaller `measure.anchor` in a new search."
        )


def _check_values(anchor: Mapping[str, Any], device: str, needed: Collection[str]) -> None:
    """Refuses a `device` whose `anchor` lacks a value of what is `needed`: nothing compares then."""
    absent = next((name for name in needed if anchor.get(name) is None), None)
    if absent is None:
        return
    lacking = f"{device} gives no {absent} of the anchor {anchor['model']}"
    if OBJECTIVES[absent].unit == "s":
        calls = (anchor.get("iterations") or 0) // max(anchor["runs"], 1)
        raise Refused(
            f"{lacking}, whose runs of {calls} calls are too short for it; name a quicker `measure.anchor`, "
            "a longer `measure.protocol` or batch_latency_mean_s in a new search."
        )
    raise Refused(f"{lacking}; leave out that objective or that device in a new search.")


def _check_first(measured: Sequence[TrialMeasurement], needed: Collection[str]) -> None:
    """Refuses a device on which no member of the first batch has a value of what is `needed`.

    The anchor has it; members that are over much sooner, such as for a slow sensor, never would.
    """
    for name in needed:
        if len(measured) >= _FIRST_MIN and all(each.reason == f"no {name}" for each in measured):
            raise Refused(
                f"{measured[0].device} gives no {name} of any of its first {len(measured)} members, which "
                "are over too soon for it; take a longer `measure.protocol`, or leave out that objective or "
                "that device, in a new search."
            )


def _measurement(
    trial: int,
    row: Mapping[str, Any],
    anchor: Mapping[str, Any],
    batch: int,
    variances: Mapping[str, float],
) -> TrialMeasurement:
    present = {name: float(row[name]) for name in variances if row.get(name) is not None}
    missing = [name for name in variances if name not in present and anchor.get(name) is not None]
    is_measured = row["status"] in ("ok", "partial")
    reason = "" if is_measured else row["reason"] or row["status"]
    if is_measured and missing:
        reason = f"no {missing[0]}"
    errors = {
        name: math.sqrt(variance * (1 / max(row["runs"], 1) + _of_anchor(anchor, name)))
        for name, variance in variances.items()
        if name in present
    }
    return TrialMeasurement(
        trial=trial,
        device=row["device"],
        environment=anchor["environment_id"],
        batch=batch,
        values=present,
        anchors={name: float(anchor[name]) for name in variances if anchor.get(name) is not None},
        errors=errors,
        reason=reason,
        is_simulated=bool(row.get("simulated")),
        scope=anchor.get("power_scope") or "",
    )


def _of_anchor(anchor: Mapping[str, Any], name: str) -> float:
    """What the mean of an anchor's runs adds to the variance of a ratio, in variances of a run."""
    return 1 / max(anchor["runs"], 1) if OBJECTIVES[name].unit in DRIFTING else 0.0


def _variance(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    """The variance of log10 of a run's value, pooled over the rows of a device: three runs know too little.

    0 where the model fixes it; NaN where no row has two runs.
    """
    if not OBJECTIVES[name].is_measured:
        return 0.0
    squares = freedom = 0.0
    for row in rows:
        counted = row.get("run_counted") or [True] * len(row.get(f"{name}_runs") or ())
        runs = zip(row.get(f"{name}_runs") or (), counted, strict=True)
        logs = [math.log10(value) for value, counts in runs if counts and value is not None and value > 0]
        if len(logs) > 1:
            middle = math.fsum(logs) / len(logs)
            squares += math.fsum((each - middle) ** 2 for each in logs)
            freedom += len(logs) - 1
    return squares / freedom if freedom else math.nan


def report_measurements(
    report: Path,
    batch: SearchBatch,
    trials: Sequence[SearchTrial],
    specification: SearchSpecification,
    *,
    is_lenient: bool = False,
) -> list[TrialMeasurement]:
    """The `measurements` of a `batch` of `trials` in its sweep's `report`, a file.

    In the columns that the `specification` ranks by or limits. Raises Refused where the anchor failed,
    unless `is_lenient`.
    """
    from paretofleet_analysis.report import files

    columns = dict.fromkeys((*specification.objectives, *specification.limits))
    columns.pop(TOP1, None)
    anchor = specification.anchor.removeprefix("zoo:").partition("@")[0]
    needed = [name for name in specification.objectives if name != TOP1]
    rows = files.read(report).to_pylist()
    return measurements(rows, batch, trials, anchor, tuple(columns), needed=needed, is_lenient=is_lenient)
