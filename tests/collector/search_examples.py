"""A small search for tests: its specification, its trials, and what a report says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paretofleet_collector.model.searches import SearchBatch, SearchTrial
from paretofleet_collector.planning.parsing import spec_from_mapping
from paretofleet_collector.searches.measured import TrialMeasurement, measurements
from paretofleet_collector.searches.specification import SearchSpecification, TrainCommand

COLUMNS = ("batch_latency_p90_s", "energy_j_per_item", "memory_peak_bytes")
MEASURE = spec_from_mapping({"models": ["zoo:anchor"], "repeats": 3, "protocol": "quick"})
SPECIFICATION = SearchSpecification(
    name="edge",
    module=Path("/space.py"),
    parameters={"width": [8, 16, 32, 64], "depth": [1, 2]},
    train=TrainCommand(("train",)),
    measure=MEASURE,
    objectives=("top1", *COLUMNS[:2]),
    limits={"top1": 60.0, "batch_latency_p90_s": 0.05, "memory_peak_bytes": 5e8},
    start=0,
)
TRIALS = tuple(
    SearchTrial(number, (number % 4, number // 4), f"g{number}", f"edge-{number}@file", "box", "start")
    for number in range(4)
)
BATCH = SearchBatch(0, (0, 1), ("box", "tx2"), "edge-0")
SPREAD = (0.99, 1.0, 1.01)


def row(model: str, seconds: float, device: str = "box", **changed: Any) -> dict[str, Any]:
    """A row of a report whose three runs lie around a time; energy goes with it."""
    values = {"batch_latency_p90_s": seconds, "energy_j_per_item": 5 * seconds, "memory_peak_bytes": 1e8}
    runs = {f"{name}_runs": [value * each for each in SPREAD] for name, value in values.items()}
    fixed = {"status": "ok", "reason": None, "environment_id": f"env-{device}", "runs": 3}
    where = {"model": model, "variant": "file", "device": device, "run_counted": [True] * 3}
    return {**where, **fixed, **values, **runs, **changed}


def failed(model: str, reason: str, status: str = "failed", device: str = "box") -> dict[str, Any]:
    """A row of a report without any value."""
    nothing = dict.fromkeys((*COLUMNS, *(f"{name}_runs" for name in COLUMNS), "run_counted"))
    return {**row(model, 1.0, device), **nothing, "status": status, "reason": reason, "runs": 0}


def read(*rows: dict[str, Any], batch: SearchBatch = BATCH) -> list[TrialMeasurement]:
    """What these rows say of the trials of a batch."""
    return measurements(rows, batch, TRIALS, "anchor", COLUMNS)
