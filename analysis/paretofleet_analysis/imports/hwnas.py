"""Tables of NAS-Bench-201 on hardware as a report: a row for each cell, device and runtime.

Three forms are known by their columns: long (`arch_index`, `framework`, latency, energy: a Raspberry Pi 5),
wide (a column of milliseconds for each device), and accuracies of the cells, which are joined to the wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.imports.foreign_table import (
    Columns,
    check_present,
    numbers,
    read_columns,
    whole_numbers,
)
from paretofleet_analysis.report.published import UNKNOWN, Imported, published_report

DATASETS = ("cifar10", "cifar100", "imagenet16_120")
_LONG = ("arch_index", "framework", "latency_ms_median", "energy_mj", "accuracy")
#: What the tables do not say themselves; the command prints it.
MAPPING = {
    "model": "arch_index (or arch), as nb201-INDEX",
    "batch_size": "1",
    "batch_latency_p50_s": "latency_ms_median / 1000 (long form)",
    "energy_j_per_item": "energy_mj / 1000 (long form), scope pmic-rails-net-of-idle",
    "batch_latency_mean_s": "a device's milliseconds / 1000 (wide form)",
    "top1": "accuracy, or DATASET_top1 of the table of accuracies; none where it is chance (1 % or less)",
}
#: Percent; a report takes an accuracy of others up to 1 for a share and refuses it.
_CHANCE = 1.0


@dataclass(frozen=True)
class _Device:
    name: str
    runtime: str = UNKNOWN
    precision: str = UNKNOWN


#: Columns of the wide form, by the device that they are of.
DEVICES: Mapping[str, _Device] = {
    "jetson_tx2_tensorrt_ms": _Device("jetson-tx2", "tensorrt"),
    "edgetpu_ms": _Device("edgetpu"),
    "raspi4_ms": _Device("raspi4"),
    "pixel3_ms": _Device("pixel3"),
    "jetson_nano_fp32_ms": _Device("jetson-nano", precision="fp32"),
    "jetson_nano_fp16_ms": _Device("jetson-nano", precision="fp16"),
    "gtx1080ti_ms": _Device("gtx1080ti"),
    "eagle_edgetpu_ms": _Device("eagle-edgetpu"),
    "snapdragon855_cpu_ms": _Device("snapdragon855-cpu"),
    "snapdragon855_gpu_ms": _Device("snapdragon855-gpu"),
    "snapdragon855_dsp_ms": _Device("snapdragon855-dsp"),
    "nnmeter_adreno630_ms": _Device("adreno630"),
    "nnmeter_adreno640_ms": _Device("adreno640"),
    "nnmeter_cortexa76_ms": _Device("cortex-a76"),
    "nnmeter_myriad_vpu_ms": _Device("myriad-vpu"),
    "ms_raspi4": _Device("raspi4"),
    "ms_pixel3": _Device("pixel3"),
    "ms_1080ti_1": _Device("gtx1080ti"),
    "ms_gold_6226": _Device("xeon-gold-6226"),
    "ms_titan_rtx_1": _Device("titan-rtx"),
}
#: Columns that are left out, and why.
NOT_TAKEN = {
    **dict.fromkeys(("fpga_ms", "eyeriss_ms", "ms_fpga", "ms_eyeriss"), "an estimate, not a measurement"),
    "i7_7820x_ms": "it agrees with gtx1080ti_ms within 1 %: one of both is named wrongly",
}


def import_hwnas(paths: Sequence[Path], *, dataset: str = "cifar100", device: str = "") -> Imported:
    """The report of the tables at `paths` (CSV, CSV.gz or Parquet).

    `dataset` of `DATASETS`: whose accuracy the cells of the wide form get, where a table has it. `device`
    names the one of the long form; "raspberry-pi-5" where it is empty. Raises ReportError for tables of
    no known form, and where a column is missing or doubled.
    """
    if dataset not in DATASETS:
        raise ReportError(f"unknown dataset {dataset!r}: choose {', '.join(DATASETS)}")
    tables = {path: _columns(path) for path in paths}
    accuracies: dict[int, float | None] = {}
    for path, columns in tables.items():
        if f"{DATASETS[0]}_top1" in columns:
            check_present(path, columns, ("arch_index", f"{dataset}_top1"))
            tops = numbers(path, columns, f"{dataset}_top1")
            accuracies |= dict(zip(_indices(path, columns), tops, strict=True))
    reports, notes = [], []
    for path, columns in tables.items():
        if f"{DATASETS[0]}_top1" in columns:
            continue
        if "framework" in columns:
            reports.append(_long(path, columns, device or "raspberry-pi-5"))
        else:
            wide, note = _wide(path, columns, accuracies)
            reports += wide
            notes += note
    if not reports:
        raise ReportError(
            "no table holds latencies: name one with latency_ms_median or a column for a device"
        )
    return Imported(pa.concat_tables(reports), tuple(notes))


def _columns(path: Path) -> Columns:
    if path.suffix != ".parquet":
        return read_columns(path)
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ReportError(f"{path} is no readable Parquet file") from error
    return {
        name: ["" if x is None else str(x) for x in table[name].to_pylist()] for name in table.column_names
    }


def _long(path: Path, columns: Columns, device: str) -> pa.Table:
    check_present(path, columns, _LONG)
    index = _indices(path, columns)
    latency = numbers(path, columns, "latency_ms_median", scale=1e-3)
    energy = numbers(path, columns, "energy_mj", scale=1e-3)
    return published_report(
        {
            **_cells(index, numbers(path, columns, "accuracy")),
            "device": [device] * len(index),
            "target": ["cpu"] * len(index),
            "runtime": [name or UNKNOWN for name in columns["framework"]],
            "batch_latency_p50_s": latency,
            "energy_j_per_item": energy,
            "power_scope": ["pmic-rails-net-of-idle"] * len(index),
        },
        source=path.name,
    )


def _wide(
    path: Path, columns: Columns, accuracies: Mapping[int, float | None]
) -> tuple[list[pa.Table], list[str]]:
    index = _indices(path, columns)
    reports, notes = [], []
    for name, device in DEVICES.items():
        if name not in columns:
            continue
        values = [
            value if value and value > 0 else None for value in numbers(path, columns, name, scale=1e-3)
        ]
        ran = [at for at, value in enumerate(values) if value is not None]
        if not ran:
            continue
        cells = [index[at] for at in ran]
        reports.append(
            published_report(
                {
                    **_cells(cells, [accuracies.get(cell) for cell in cells]),
                    "device": [device.name] * len(ran),
                    "runtime": [device.runtime] * len(ran),
                    "precision": [device.precision] * len(ran),
                    "batch_latency_mean_s": [values[at] for at in ran],
                    "time_per_item_s": [values[at] for at in ran],
                },
                source=path.name,
            )
        )
    if not reports:
        raise ReportError(f"{path} has no time in any of the columns of a device: {', '.join(DEVICES)}")
    notes += [
        f"{path.name}: {name} is left out, {why}." for name, why in NOT_TAKEN.items() if name in columns
    ]
    return reports, notes


def _cells(index: Sequence[int], top1: Sequence[float | None]) -> dict[str, list[Any]]:
    known = [None if value is not None and value <= _CHANCE else value for value in top1]
    return {
        "model": [f"nb201-{at}" for at in index],
        "batch_size": [1] * len(index),
        "top1": known,
        "top1_source": [None if value is None else "published-same-weights" for value in known],
        "accuracy_group": [f"nb201-{at}" for at in index],
    }


def _indices(path: Path, columns: Columns) -> list[int]:
    name = "arch" if "arch" in columns else "arch_index"
    check_present(path, columns, [name])
    indices = [index for index in whole_numbers(path, columns, name) if index is not None]
    if len(indices) < len(columns[name]):
        raise ReportError(f"{path}: {name} is empty in a row, and says which cell a row is of")
    return indices
