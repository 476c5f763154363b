"""Why rows of a report are not ranked: a reason for each row, None for one that may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from paretofleet_analysis.objectives import objective
from paretofleet_analysis.report.access import Row, samples
from paretofleet_analysis.report.flags import FLAGS
from paretofleet_analysis.report.work_bound import NO_WORK
from paretofleet_analysis.statistics.intervals import RUNS_MIN, mean_interval

#: How sure it must be that a row is above a limit for it to be left out.
_SURELY = 0.998
#: A flag of rows whose items came faster than the device works: they have no latencies.
NOT_KEPT = "pace_not_kept"
#: The mode of rows whose iterations are steps of an optimiser, and the objective that only they have.
TRAINING, STEP = "training", "step_s"
ENERGY = "energy_j_per_item"
#: Columns that say where a cost of training is from, the objectives of that cost, and the column in words.
_ORIGINS = (
    (
        "training_device",
        {"training_s", "training_cpu_s", "training_energy_j"},
        "the device of the training",
    ),
    (
        "training_compute_source",
        {"training_compute_tflops_days"},
        "the source of the training compute",
    ),
)
#: Why a value may be absent, where the reason is one.
_HINTS = {
    "batch_latency_mean_s": ": throughput mode has no latencies, rank it by --for offline",
    "top1": ": give the model's accuracy, or rank by other objectives",
    **dict.fromkeys(
        ("training_s", "training_cpu_s", "training_energy_j"),
        ": nobody measured it of this model; `paretofleet train` does, or a sweep in mode training with "
        "`models set --training-epochs --training-samples`",
    ),
    "training_compute_tflops_days": ": nobody published it; give it with `models set --training-compute`",
    "step_s": ": only rows of mode training have steps",
    "batch_latency_p90_s": ": fewer than 29 iterations a run",
    "batch_latency_p99_s": ": fewer than 299 iterations a run; sweep with --protocol sustained",
}


def state_reason(row: Row) -> str | None:
    """That no run of the `row` counts, or how it ended instead."""
    if row["status"] in ("ok", "partial") and row["runs"]:
        return None
    if row["status"] in ("ok", "partial"):
        return "no run of it counts"
    return f"status {row['status']}" + (f": {row['reason']}" if row["reason"] else "")


def repeat_reasons(rows: Sequence[Row]) -> list[str | None]:
    """Of the `rows` which hold the same runs as one before: entered twice they are one measurement."""
    seen: set[tuple[Any, ...]] = set()
    reasons: list[str | None] = []
    for row in rows:
        key = (row["configuration_id"], row["environment_id"], *row["run_ids"])
        reasons.append("the same runs are in the report twice" if key in seen else None)
        seen.add(key)
    return reasons


def work_reason(row: Row) -> str | None:
    """That the `row` is of a model that does not do its work."""
    if NO_WORK not in (row["flags"] or ()):
        return None
    return f"it does no work (flag {NO_WORK}); --with-no-work ranks it all the same"


def batch_reason(row: Row, batch_size: int) -> str | None:
    """That the `row` is of another `batch_size`, in items."""
    return None if row["batch_size"] == batch_size else f"batch size is not {batch_size}"


def other_kind_reasons(kinds: Sequence[str], name: str, *, default: str) -> list[str | None]:
    """Which of the `kinds` of rows, each its "timing scope" or "mode" (`name`), are not the commonest.

    The `default` wins a tie.
    """
    counts = Counter(kinds)
    if len(counts) < 2:
        return [None] * len(kinds)
    common = max(counts, key=lambda kind: (counts[kind], kind == default, kind))
    return [None if kind == common else f"{name} is not {common}" for kind in kinds]


def training_reasons(rows: Sequence[Row], objectives: Sequence[str]) -> list[str | None]:
    """Which of the `rows` are of steps of a training among rows of inferences, or the other way round.

    They are ranked together never: steps are where the `objectives` ask for their time, or where there are
    no others.
    """
    of_steps = [row["mode"] == TRAINING for row in rows]
    if STEP in objectives:
        return [None if is_step else "mode is not training" for is_step in of_steps]
    if all(of_steps):
        return [None] * len(of_steps)
    why = f"mode is training, which is no inference: rank it by {STEP}"
    return [why if is_step else None for is_step in of_steps]


def other_origin_reasons(rows: Sequence[Row], objectives: Sequence[str]) -> list[str | None]:
    """Which of the `rows` have a training that cannot be compared with the others' by the `objectives`.

    Seconds and joules of one device are not those of another, and compute was published of trainings to one
    accuracy. The commonest stay.
    """
    reasons: list[str | None] = [None] * len(rows)
    for column, costs, name in _ORIGINS:
        if not costs & set(objectives):
            continue
        origins = [str(row[column] or "unknown") for row in rows]
        others = other_kind_reasons(origins, name, default="unknown")
        reasons = [before or reason for before, reason in zip(reasons, others, strict=True)]
    return reasons


def limit_reason(row: Row, name: str, limit: float) -> str | None:
    """That column `name` of the `row` is absent, or surely above the `limit`, which is in its unit.

    What its runs leave open is part of the question.
    """
    unit = objective(name).unit
    value = row[name]
    if value is None:
        hint = _HINTS.get(name, "")
        return f"{name} is absent, so the limit of {limit:g} {unit} cannot be checked{hint}"
    if value <= limit:
        return None
    runs: list[float] = samples(row, [name])[:, 0].tolist() if objective(name).is_measured else []
    if len(runs) >= RUNS_MIN and min(runs) > 0:
        lo = mean_interval(runs, confidence=_SURELY, resolution=row.get(f"{name}_resolution")).lo
        if lo is not None and lo <= limit:
            return None
    return f"{name} is above {limit:g} {unit}"


def energy_absence(row: Row) -> str:
    """Why a `row` has no energy: its flags, or that no power sensor was read; and what to do."""
    why = [name for name in row["flags"] or () if name in FLAGS and "energy" in FLAGS[name].nulls]
    if why:
        return f"{ENERGY} is absent by its flags: {', '.join(why)}"
    return (
        f"{ENERGY} is absent: no power sensor was read; `paretofleet-agent probe` on the device says why and "
        "the fix; without a sensor leave --rate and energy out"
    )


def value_reason(row: Row, names: Sequence[str]) -> str | None:
    """That the `row`, or all its runs, lack one of the objectives `names`, or that one is not positive."""
    for name in names:
        if row[name] is None and NOT_KEPT in (row["flags"] or ()):
            kept_hz, rate_hz = row["throughput_items_s"], row["items_s"]
            return f"it keeps {kept_hz:.3g} items a second, not {rate_hz:g}"
        if row[name] is None:
            return energy_absence(row) if name == ENERGY else f"{name} is absent" + _HINTS.get(name, "")
    values = samples(row, names)
    if not len(values):
        return f"no run has all of {', '.join(names)}"
    for k, name in enumerate(names):
        if not (np.isfinite(values[:, k]) & (values[:, k] > 0)).all():
            return f"{name} is not a positive number"
    return None
