"""A published table of 1,024 cells whose costs follow from what they hold; NAS-Bench-201's where it is."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from paretofleet_analysis.search.table import ColumnMap, Join, PublishedTable, read_table

#: Tables that are not ours to ship.
NAS = Path(__file__).parents[3] / "shared/data/nas"
CELLS = ["".join(cell) for cell in itertools.product("0123", repeat=5)]


def written(folder: Path) -> Path:
    """A table of cells; those with the same letters in the middle, turned round, are the same graph."""
    lines = ["cell,graph,accuracy,ms,mj,other_ms,broken,word"]
    for i, name in enumerate(CELLS):
        graph = min(i, CELLS.index(name[0] + name[1:4][::-1] + name[4]))
        cell = CELLS[graph]
        work = sum(
            (0.2, 0.6, 1.0, 3.0)[int(letter)] * weight
            for letter, weight in zip(cell, (1, 2, 1, 1, 2), strict=True)
        )
        power = 2.0 + 0.3 * cell.count("2") + 0.1 * int(cell[0])
        skill = sum((0.0, 3.0, 6.0, 8.0)[int(letter)] for letter in cell) - 2.0 * (cell[0] == cell[4])
        other = work if cell[1] != "3" else 2.5 * work
        broken = "1" if cell.count("3") >= 4 else ""
        costs = f"{work:.4f},{work * power:.4f},{other:.4f}"
        lines.append(f"{name},{graph},{50 + skill:.2f},{costs},{broken},net")
    path = folder / "cells.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def synthetic(folder: Path, *, devices: int = 1, failed: str = "") -> PublishedTable:
    """The table of cells as it is read, with one device or two."""
    of = {"board": ("ms", "mj"), "other": ("other_ms",)}
    used = dict(list(of.items())[:devices])
    columns = ColumnMap("accuracy", used, letters="cell", graph="graph", failed=failed)
    return read_table(written(folder), columns, worst_error=45.0)


def nas_table() -> PublishedTable:
    """NAS-Bench-201 on a Raspberry Pi 5 with ONNX Runtime; skips the test where the files are not."""
    if not NAS.is_dir():
        pytest.skip(f"{NAS} is not there")
    pi5 = Join(
        "pi5", NAS / "nb201_pi5_latency_energy.parquet", "same_graph_as", "arch_index", {"framework": "onnx"}
    )
    columns = ColumnMap(
        "cifar100_top1",
        {"pi5": ("pi5.latency_ms_median", "pi5.energy_mj")},
        letters="ops",
        graph="same_graph_as",
    )
    return read_table(NAS / "nb201_accuracy_training.csv.gz", columns, [pi5], worst_error=60.0)


def scores_at(searches, count: int) -> np.ndarray:
    """(seeds,) the scores on the only device after `count` trials."""
    return np.array([next(iter(each.scores.values()))[count - 1] for each in searches])
