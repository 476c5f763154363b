"""Techniques against learning from scratch: transfer, quantisation, pruning and clustering of one network."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretofleet_collector.cli.evaluate import LABEL
from paretofleet_collector.cli.model_upload import FileDetails, add_model
from paretofleet_collector.cli.output import Column, Format, column, show
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.sample_files import send_files
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.specification import add_files, of_values
from paretofleet_collector.cli.sweep_follow import follow_sweep, submit_spec
from paretofleet_collector.cli.sweep_options import SweepFlags
from paretofleet_collector.cli.train_models import called, learn
from paretofleet_collector.cli.train_rank import sweep_models
from paretofleet_collector.cli.units import size
from paretofleet_collector.errors import CollectorError
from paretofleet_collector.model.messages import TRAINED

if TYPE_CHECKING:
    from paretofleet_collector.rpc.client import Client
    from paretofleet_collector.training.learner import KeptTraining
    from paretofleet_collector.training.lesson import Lesson
    from paretofleet_collector.training.plan import Technique

SCRATCH = "scratch"
#: What is made of each network that began by chance: the collector's recipes, by the variant's name.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "int8-static": {"kind": "static"},
    "int8-dynamic": {"kind": "dynamic"},
    "pruned-50": {"kind": "prune", "sparsity": 0.5},
    "clustered-16": {"kind": "cluster", "centroids": 16},
}
#: Items that calibrate the ranges of int8-static: of those that were learnt from.
_CALIBRATING = 128
_EVALUATED_AT_ONCE = 60

_COLUMNS = (
    column("technique", kept=True),
    Column("accuracy %", lambda row: _ends(row, "top1", 2), right=True),
    Column("points", lambda row: _ends(row, "points", 2), right=True),
    Column("time of an item us", lambda row: _ends(row, "item_us", 1), right=True),
    Column("size", lambda row: size(row["size_bytes"]), right=True),
    Column("training s", lambda row: _ends(row, "training_s", 2), right=True),
)


@dataclass(frozen=True)
class Comparison:
    """What is compared: the `lesson` of one network from scratch, whose donors learnt `base` of it, and the
    `techniques` by which it is learnt otherwise.

    `folder`: where trainings are kept. `python`: the interpreter that has torch.
    """

    lesson: Lesson
    techniques: Sequence[Technique]
    folder: Path
    python: str


@dataclass(frozen=True)
class Measured:
    """What was measured: `accuracies` in percent, `times` (rows of a report) and `sizes` in bytes by
    NAME@VARIANT, and the seconds of each training by technique, `training_s`.
    """

    accuracies: Mapping[str, float]
    times: Mapping[str, Mapping[str, Any]]
    sizes: Mapping[str, int]
    training_s: Mapping[str, Sequence[float]]


def compare(
    client: Client, comparison: Comparison, report: Path, *, repeats: int, devices: list[str] | None
) -> tuple[list[dict[str, Any]], int]:
    """Trains, makes variants, evaluates all on a device and measures their times; the rows of the table.

    Also the worst exit code of the two sweeps. `report`: where that of the times goes; `repeats` and
    `devices` of it.
    """
    trained = _trained(comparison)
    names = _added(client, comparison, trained)
    accuracies, code = _evaluated(client, comparison.lesson, names, devices)
    first = [of_seed[0] for of_seed in names.values()]
    name = f"techniques-{comparison.lesson.given.name}"[:60]
    code = max(code, sweep_models(client, first, report, name=name, repeats=repeats, devices=devices))
    measured = Measured(
        accuracies,
        {f"{row['model']}@{row['variant']}": row for row in _rows(report)},
        {f"{each.model}@{each.variant}": each.counted_bytes for each in client.list_models()},
        {name: [each.values["s"] for each in kept] for name, kept in trained.items()},
    )
    return table_rows(names, measured), code


def show_table(rows: Sequence[Mapping[str, Any]], output: Format) -> None:
    """Prints the `rows` of a comparison."""
    show([dict(row) for row in rows], _COLUMNS, output)


def _trained(comparison: Comparison) -> dict[str, list[KeptTraining]]:
    """The trainings by the name of their technique, that from scratch first."""
    lesson = comparison.lesson
    (network,) = lesson.networks
    alone = replace(lesson, base=None)
    trained = {SCRATCH: learn(alone, comparison.folder, comparison.python)[network]}
    for technique in comparison.techniques:
        other = replace(lesson, technique=technique)
        trained[technique.name] = learn(other, comparison.folder, comparison.python)[network]
    return trained


def _added(
    client: Client, comparison: Comparison, trained: Mapping[str, Sequence[KeptTraining]]
) -> dict[str, list[str]]:
    """Every file that is compared, as NAME@VARIANT in the order of seeds, by technique; made and added."""
    from paretofleet_collector.training.outcome import training_record

    lesson = comparison.lesson
    base = "" if lesson.base is None else lesson.base.name
    names: dict[str, list[str]] = {name: [] for name in (*trained, *RECIPES)}
    calibration = _calibration(client, lesson)
    for at, first in enumerate(trained[SCRATCH]):
        model = called(replace(lesson, base=None), first.training.network)
        model = model if at == 0 else f"{model}-s{first.training.seed}"
        for name, kept in trained.items():
            training = kept[at]
            record = training_record(
                kept if at == 0 else [training], lesson.given, lesson.plan, "" if name == SCRATCH else base
            )
            details = FileDetails(
                name=model if name == SCRATCH else name,
                variant_of="" if name == SCRATCH else model,
                top1=training.values["top1"],
                top1_n=len(lesson.given.y_test),
                top1_source=TRAINED,
                weights_source=f"trained here on {lesson.given.name}, seed {training.training.seed}, {name}",
                training=record,
            )
            added = add_model(client, str(training.onnx), details)
            names[name].append(f"{added.model}@{added.variant}")
        for name, recipe in RECIPES.items():
            about = {**recipe, **({"calibration": calibration} if recipe["kind"] == "static" else {})}
            with working(f"{model}: {name}"):
                made = client.make_variant(f"{model}@file", json.dumps(about), name)
            names[name].append(f"{made.model}@{made.variant}")
    notify(f"{sum(map(len, names.values()))} files of {len(names)} techniques are ready to be evaluated")
    return names


def _calibration(client: Client, lesson: Lesson) -> dict[str, str]:
    """The samples that calibrate, sent to the collector: the first items that are learnt from."""
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        path = str(Path(folder) / "calibration.npz")
        np.savez(path, input=lesson.given.x_train[:_CALIBRATING])
        return {"sha256": send_files(client, [path])[path], "name": "calibration.npz"}


def _evaluated(
    client: Client, lesson: Lesson, names: Mapping[str, Sequence[str]], devices: list[str] | None
) -> tuple[dict[str, float], int]:
    """The accuracy in percent of each file on the test items, measured on a device, by NAME@VARIANT."""
    import numpy as np

    accuracies: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        path = Path(folder) / "test.npz"
        np.savez(path, x=lesson.given.x_test, y=lesson.given.y_test)
        value = {
            "name": f"evaluate-{lesson.given.name}"[:60],
            "models": [each for of_seed in names.values() for each in of_seed],
            "mode": "accuracy",
            "data": {"path": str(path)},
            "batch_sizes": [_EVALUATED_AT_ONCE],
            "labels": [LABEL],
        }
        spec = add_files(client, of_values(value, SweepFlags(models=None, devices=devices)))
        sweep, _ = submit_spec(client, spec, secrets.token_hex(16), keep_name=False)
        code = follow_sweep(client, sweep.sweep_id)
        for row in _rows(client.pull_report(sweep.sweep_id, Path(folder) / "report.parquet")):
            if row["top1_source"] == "measured":
                accuracies.setdefault(f"{row['model']}@{row['variant']}", row["top1"])
    if not accuracies:
        raise CollectorError(f"No file was evaluated: look with `paretofleet sweep show {sweep.name}`.")
    return accuracies, code


def _rows(report: Path) -> list[dict[str, Any]]:
    from paretofleet_analysis.report import files

    rows: list[dict[str, Any]] = files.read(report).to_pylist()
    return rows


def table_rows(names: Mapping[str, Sequence[str]], measured: Measured) -> list[dict[str, Any]]:
    """The rows of the table: accuracy over seeds, points against scratch in pairs of seeds, time, size, cost.

    `names`: of each technique its files as NAME@VARIANT in the order of seeds, that from scratch among them;
    time and size are of the first. What was `measured` of none of them is None. A technique that trains
    nothing itself has the cost of scratch, from which it is made.
    """
    accuracies = {name: [measured.accuracies.get(each) for each in files] for name, files in names.items()}
    rows = []
    for name, files in names.items():
        pairs = [
            (before, after)
            for before, after in zip(accuracies[SCRATCH], accuracies[name], strict=True)
            if before is not None and after is not None
        ]
        timed = measured.times.get(files[0], {})
        row: dict[str, Any] = {
            "technique": name,
            "seeds": len(pairs),
            "size_bytes": measured.sizes.get(files[0]),
        }
        row |= _interval("top1", [after for _, after in pairs])
        if row["top1_hi"] is not None:  # no network is right more often than always
            row["top1_lo"], row["top1_hi"] = max(row["top1_lo"], 0.0), min(row["top1_hi"], 100.0)
        row |= _interval("points", [] if name == SCRATCH else [after - before for before, after in pairs])
        for end in ("", "_lo", "_hi"):
            value = timed.get(f"batch_latency_mean_s{end}")
            row[f"item_us{end}"] = None if value is None else 1e6 * value
        rows.append(
            row | _interval("training_s", measured.training_s.get(name, measured.training_s[SCRATCH]))
        )
    return rows


def _interval(name: str, values: Sequence[float]) -> dict[str, float | None]:
    """The mean of the `values` of seeds as `name`, with the ends of its interval; None without any."""
    from paretofleet_analysis.statistics.over_seeds import over_seeds

    mean, low, high = over_seeds(values) if values else (None, None, None)
    return {name: mean, f"{name}_lo": low, f"{name}_hi": high}


def _ends(row: Mapping[str, Any], name: str, digits: int) -> str:
    """A value with the ends of its interval; - where there is none."""
    value, low, high = (row[f"{name}{end}"] for end in ("", "_lo", "_hi"))
    if value is None:
        return "-"
    sign = "+" if name == "points" else ""
    ends = "" if low is None else f" ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"
    return f"{value:{sign}.{digits}f}{ends}"
