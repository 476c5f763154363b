"""A search as a collector and this machine keep it: 16 members, on devices that rank them differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.model.searches import (
    FINISHED,
    SearchBatch,
    SearchDetail,
    SearchTraining,
    SearchTrial,
    SearchView,
)
from paretofleet_collector.planning.parsing import spec_from_mapping
from paretofleet_collector.searches.reading import report_path
from paretofleet_collector.searches.specification import SearchSpecification, TrainCommand
from paretofleet_collector.searches.stored import stored_json

ANCHOR = "anchor"
PARAMETERS = {"width": [8, 16, 32, 64], "depth": [1, 2, 3, 4]}
#: Wide ones are slow on one device, deep ones on the other; the last eight are chosen, wide and deep.
MEMBERS = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (3, 0), (0, 3)]
MEMBERS += [(3, 3), (2, 2), (3, 1), (1, 3), (2, 3), (3, 2), (1, 2), (2, 1)]


def write_stored(
    folder: Path, devices: Sequence[str], *, trials: int = 16, simulated: Sequence[str] = ()
) -> SearchDetail:
    """A search `edge1` with so many trials on these devices, whose reports lie in its `folder`."""
    from test_rank import configuration

    specification = SearchSpecification(
        name="edge1",
        module=Path("/space.py"),
        parameters=PARAMETERS,
        train=TrainCommand(("train",)),
        measure=spec_from_mapping({"models": [f"zoo:{ANCHOR}"], "repeats": 3, "protocol": "quick"}),
        objectives=("top1", "batch_latency_p90_s"),
        start=8,
    )
    kinds = ["start"] * 8 + ["best"] * 8
    of_trials, batches = [], []
    for number, codes in enumerate(MEMBERS[:trials]):
        model = f"edge1-{number}@file"
        of_trials.append(SearchTrial(number, codes, f"g{number}", model, devices[0], kinds[number]))
    for begin in range(0, trials, 4):
        numbers = tuple(range(begin, min(begin + 4, trials)))
        batch = SearchBatch(begin // 4, numbers, tuple(devices), f"edge1-{begin // 4}")
        rows = []
        for device in devices:
            timed = [(ANCHOR, 0.01), *((f"edge1-{at}", _time_s(device, MEMBERS[at])) for at in numbers)]
            for model, seconds in timed:
                row = replace(configuration(model, seconds, 50.0), device=device, variant="file")
                rows.append(replace(row, simulated=device in simulated, sweep=batch.sweep))
        path = report_path(folder, batch.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(build_report(rows), path)
        batches.append(batch)
    trainings = [
        SearchTraining(
            number, 1, "validation", top1=60.0 + 3 * sum(codes), top1_n=10_000, wall_s=36.0, cpu_s=36.0
        )
        for number, codes in enumerate(MEMBERS[:trials])
    ]
    view = SearchView(
        "s1", "edge1", FINISHED, "all trials are done", stored_json(specification, tuple(devices)), "d", 1,
        0.0, trials, 3600.0, 1e9, 1e9, 1e9, trials, trials,
    )  # fmt: skip
    return SearchDetail(view, tuple(of_trials), tuple(batches), tuple(trainings))


def _time_s(device: str, codes: tuple[int, int]) -> float:
    width, depth = codes
    slow = width if device.startswith("wide") else depth
    return 0.01 * (1 + 2 * slow + 0.1 * (width + depth))
