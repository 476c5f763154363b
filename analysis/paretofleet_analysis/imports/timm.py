"""The benchmark tables of timm (huggingface/pytorch-image-models, `results/`) as a report.

A file of inference times names architectures, a file of accuracies sets of weights. They are joined by the
architecture and the size of the image; of several sets of weights the most accurate is taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.imports.foreign_table import (
    Columns,
    check_present,
    numbers,
    read_columns,
    whole_numbers,
)
from paretofleet_analysis.report.published import UNKNOWN, Imported, published_report

#: Report column: column of timm, as the command prints it.
MAPPING = {
    "model": "model (architecture)",
    "variant": "model (weights, the most accurate of the architecture at that image size)",
    "batch_size": "infer_batch_size",
    "batch_latency_mean_s": "infer_step_time / 1000",
    "time_per_item_s": "infer_step_time / 1000 / infer_batch_size",
    "throughput_items_s": "infer_samples_per_sec",
    "parameters": "param_count, millions with two decimals",
    "macs": "infer_gmacs, billions",
    "top1": "top1 of the results file, published for the same weights",
    "device, precision, runtime_version": "the name of the benchmark's file",
}
_TIMES = ("infer_img_size", "infer_samples_per_sec", "infer_step_time", "infer_batch_size", "param_count")
_NAME = re.compile(
    r"benchmark-infer-(?P<precision>[a-z0-9_]+)-(?P<layout>nchw|nhwc)-(?P<version>pt\d+)-"
    r"(?:cu\d+-)?(?P<device>.+?)(?P<compiled>-dynamo)?"
)


#: An architecture and the size of its images in pixels.
_Key = tuple[str, float | None]


def import_timm(paths: Sequence[Path]) -> Imported:
    """The report of the files at `paths`: one of accuracies (`results-*.csv`) and inference benchmarks.

    Raises ReportError where there is none of one kind, two of accuracies, or a column is missing.
    """
    results: list[tuple[Path, Columns]] = []
    benchmarks: list[tuple[Path, Columns]] = []
    for path in paths:
        columns = read_columns(path)
        if "train_samples_per_sec" in columns:
            raise ReportError(
                f"{path} holds times of training, for which a report has no column: leave it out"
            )
        (benchmarks if "infer_step_time" in columns else results).append((path, columns))
    if not benchmarks:
        raise ReportError("no file holds inference times (infer_step_time): name a benchmark-infer-*.csv too")
    if len(results) != 1:
        counted = "no file holds" if not results else f"{len(results)} files hold"
        raise ReportError(f"{counted} accuracies: name one results-*.csv beside the benchmarks")
    best = _most_accurate(*results[0])
    tables, notes = [], []
    for path, columns in benchmarks:
        table, note = _benchmark(path, columns, best)
        tables.append(table)
        notes.append(note)
    return Imported(pa.concat_tables(tables), tuple(notes))


def _most_accurate(path: Path, columns: Columns) -> dict[_Key, tuple[float, str]]:
    """By architecture and image size the best top-1 in percent, and the weights that have it."""
    check_present(path, columns, ("model", "img_size", "top1"))
    best: dict[_Key, tuple[float, str]] = {}
    sizes, accuracies = (numbers(path, columns, name) for name in ("img_size", "top1"))
    for name, size, top1 in zip(columns["model"], sizes, accuracies, strict=True):
        architecture, _, weights = name.partition(".")
        if size is not None and top1 is not None:
            key = (architecture, size)
            best[key] = max(best.get(key, (top1, weights)), (top1, weights))
    return best


def _benchmark(path: Path, columns: Columns, best: dict[_Key, tuple[float, str]]) -> tuple[pa.Table, str]:
    """The rows of one benchmark that have an accuracy, and a sentence about those that are left out."""
    check_present(path, columns, ("model", *_TIMES))
    size, rate, step_ms = (numbers(path, columns, name) for name in _TIMES[:3])
    batch = whole_numbers(path, columns, "infer_batch_size")
    parameters = whole_numbers(path, columns, "param_count", scale=1e6, has_thousands=True)
    macs: Sequence[int | None] = [None] * len(size)
    if "infer_gmacs" in columns:
        macs = whole_numbers(path, columns, "infer_gmacs", scale=1e9)
    failed = {at for at in range(len(size)) if not batch[at] or not step_ms[at]}
    keys = list(zip(columns["model"], size, strict=True))
    joined = [at for at in range(len(size)) if at not in failed and keys[at] in best]
    if not joined:
        raise ReportError(f"{path} shares no architecture and image size with the accuracies: name its pair")
    seconds = [float(step_ms[at] or 0.0) / 1e3 for at in joined]
    items = [batch[at] or 0 for at in joined]
    values: dict[str, Sequence[Any]] = {
        "model": [columns["model"][at] for at in joined],
        "variant": [f"{best[keys[at]][1] or 'default'} at {size[at]:g} px" for at in joined],
        "batch_size": items,
        "batch_latency_mean_s": seconds,
        "time_per_item_s": [each / count for each, count in zip(seconds, items, strict=True)],
        "throughput_items_s": [rate[at] for at in joined],
        "parameters": [parameters[at] for at in joined],
        "macs": [macs[at] for at in joined],
        "top1": [best[keys[at]][0] for at in joined],
        "top1_source": ["published-same-weights"] * len(joined),
        "accuracy_group": [f"timm {keys[at][0]}.{best[keys[at]][1]}" for at in joined],
        **{name: [text] * len(joined) for name, text in _of_file(path).items()},
    }
    others = len(size) - len(joined) - len(failed)
    note = f"{path.name}: {len(joined)} architectures; left out: {len(failed)} without a time, "
    return published_report(values, source="timm"), note + f"{others} without an accuracy at that image size."


def _of_file(path: Path) -> dict[str, str]:
    """What the name of a benchmark's file says; a name of another form is the device."""
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return {"device": path.stem, "runtime": "torch"}
    compiled = '{"compile":"dynamo"}' if match["compiled"] else "{}"
    return {
        "device": match["device"],
        "target": "cpu" if match["device"].startswith("cpu-") else "cuda",
        "runtime": "torch",
        "runtime_version": match["version"],
        "options": compiled,
        "precision": match["precision"],
        "device_class": UNKNOWN,
    }
