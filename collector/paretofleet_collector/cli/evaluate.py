"""`paretofleet models evaluate`: the accuracy of models on a labelled set, measured on devices."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.completion import model_names
from paretofleet_collector.cli.fed_options import Sizes
from paretofleet_collector.cli.output import Format, Output, clean, column, show
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.sweep_options import Devices, Precisions, Runtimes, Targets, Timeout
from paretofleet_collector.cli.terminal import write_text
from paretofleet_collector.errors import CollectorError, misused

if TYPE_CHECKING:
    from paretofleet_collector.model.entities import Variant
    from paretofleet_collector.rpc.client import Client

EXAMPLE = "Example: paretofleet models evaluate mine --data digits"
#: By which the sweeps of evaluations are found again; so many of them are looked through for a parent's.
LABEL, LOOKED_THROUGH = "evaluation", 20
#: Items in one inference call, where the file does not fix it: small enough for a board.
BATCH_SIZE = 16
_COLUMNS = (
    *("model", "variant", "variant_sha256", "device", "target", "runtime", "precision"),
    *("effective_precision", "top1", "top5", "top1_n", "top1_source", "accuracy_data", "flags", "status"),
)


EvaluatedModels = Annotated[
    list[str],
    typer.Argument(metavar="MODEL..", help="NAME, NAME@VARIANT or a file.", autocompletion=model_names),
]
LabelledData = Annotated[
    str,
    typer.Option(
        metavar="SET",
        help="digits (scikit-learn's), an .npz with x and y, or a folder of images, a folder a class.",
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Items in one call; a fixed one stays.")]
Resize = Annotated[
    int | None,
    typer.Option(min=1, help="Pixels of an image's shorter side.", show_default="8/7 of the crop"),
]
Crop = Annotated[
    int | None, typer.Option(min=1, help="Pixels cropped of the middle.", show_default="the model's")
]
Range = Annotated[
    float | None, typer.Option("--range", help="White before mean and std: 1 or 255.", show_default="1")
]
Mean = Annotated[
    str | None, typer.Option(metavar="M|R,G,B", help="What is subtracted.", show_default="ImageNet's")
]
Std = Annotated[
    str | None, typer.Option(metavar="S|R,G,B", help="What is divided by.", show_default="ImageNet's")
]
Layout = Annotated[str | None, typer.Option(help="nchw or nhwc.", show_default="by the model's axes")]


def evaluate(
    context: typer.Context,
    models: EvaluatedModels,
    *,
    data: LabelledData,
    devices: Devices = None,
    targets: Targets = None,
    runtimes: Runtimes = None,
    precisions: Precisions = None,
    batch_size: BatchSize = BATCH_SIZE,
    sizes: Sizes = None,
    resize: Resize = None,
    crop: Crop = None,
    range_: Range = None,
    mean: Mean = None,
    std: Std = None,
    layout: Layout = None,
    timeout_s: Timeout = None,
    output: Output = Format.table,
) -> None:
    """Measure the accuracy of models on devices, through the runtime that is timed.

    A variant is compared with its parent on the same items. Reports that are pulled from now on have it.
    """
    preparing: dict[str, Any] = {"resize": resize, "crop": crop, "range": range_, "layout": layout}
    preparing |= {"mean": _numbers("--mean", mean), "std": _numbers("--std", std)}
    value = {
        "models": models,
        "mode": "accuracy",
        "data": {"path": data, **{key: each for key, each in preparing.items() if each is not None}},
        "batch_sizes": [batch_size],
        "labels": [LABEL],
        "timeout_s": timeout_s,
    }
    with collector_client(context) as client:
        rows, is_whole = _measured(client, value, (devices, targets, runtimes, precisions, sizes))
        _show(client, rows, output)
    if not is_whole or not all(row["top1_source"] == "measured" for row in rows):
        raise typer.Exit(3)


def _show(client: Client, rows: Sequence[Mapping[str, Any]], output: Format) -> None:
    """The `rows` as sentences or as data, and what is probably wrong with them."""
    if output is Format.table:
        for line in _lines(client, rows):
            write_text(clean(line))
    else:
        kept = [{name: row[name] for name in _COLUMNS} for row in rows]
        show(kept, tuple(column(name) for name in _COLUMNS), output)
    for row in rows:
        _warn(row)


def _measured(
    client: Client, value: Mapping[str, Any], flags: Sequence[Any]
) -> tuple[list[dict[str, Any]], bool]:
    """The rows of an evaluation of what `value` specifies with `flags`, and whether all ended well."""
    from paretofleet_collector.cli.specification import add_files, named, of_values
    from paretofleet_collector.cli.sweep_follow import follow_sweep, submit_spec
    from paretofleet_collector.cli.sweep_options import SweepFlags

    devices, targets, runtimes, precisions, sizes = flags
    given = SweepFlags(
        models=value["models"],
        devices=devices,
        targets=targets,
        runtimes=runtimes,
        precisions=precisions,
        sizes=sizes,
    )
    spec = of_values(value, given)
    chosen = named(add_files(client, spec))
    chosen = replace(chosen, name=f"evaluate-{chosen.name}"[:60])
    sweep, _ = submit_spec(client, chosen, secrets.token_hex(16), keep_name=False)
    code = follow_sweep(client, sweep.sweep_id)
    return _rows(client, sweep.sweep_id), code == 0


def _rows(client: Client, sweep: str) -> list[dict[str, Any]]:
    """The rows of the report of a `sweep`."""
    from paretofleet_analysis.report import files

    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder, working("pulling the report"):
        table = files.read(client.pull_report(sweep, Path(folder) / "report.parquet"))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _lines(client: Client, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each of the `rows`, and one for each variant whose parent has the same items."""
    from paretofleet_analysis.present.accuracy_text import accuracy_sentence, paired_sentence

    lines = []
    variants = {each.sha256: each for each in client.list_models()}
    earlier: list[Mapping[str, Any]] | None = None
    for row in rows:
        if row["top1_source"] != "measured":
            lines.append(
                f"{row['model']}@{row['variant']} on {row['device']}: {row['status']}, {row['reason']}"
            )
            continue
        lines.append(accuracy_sentence(row))
        variant = variants.get(row["variant_sha256"])
        if variant is None or variant.parent is None:
            continue
        parent = variants.get(variant.parent)
        if parent is None:
            lines.append(
                f"{row['model']}@{row['variant']}: the collector has not the file that it was made from "
                f"({variant.parent[:12]}), so it is compared with none"
            )
            continue
        if earlier is None:
            earlier = [*rows, *_earlier(client)]
        sentences = (paired_sentence(row, each) for each in earlier if _is_of(each, parent, row))
        lines.append(
            next(filter(None, sentences), "")
            or f"{row['model']}@{row['variant']}: evaluate {parent.model}@{parent.variant} on "
            f"{row['device']} on the same set, and they are compared item by item"
        )
    return lines


def _is_of(row: Mapping[str, Any], variant: Variant, like: Mapping[str, Any]) -> bool:
    """Whether a `row` is of the `variant` on the device of another, `like`."""
    return bool(row["variant_sha256"] == variant.sha256 and row["device"] == like["device"])


def _earlier(client: Client) -> list[Mapping[str, Any]]:
    """The rows of the newest evaluations, the last first."""
    sweeps = client.list_sweeps(labels=[LABEL], last=LOOKED_THROUGH)
    rows: list[Mapping[str, Any]] = []
    for sweep in sorted(sweeps, key=lambda each: each.created_unix_s, reverse=True):
        try:
            rows += _rows(client, sweep.sweep_id)
        except CollectorError:  # deleted meanwhile: it only would have been compared with
            continue
    return rows


def _warn(row: Mapping[str, Any]) -> None:
    from paretofleet_analysis.present.accuracy_text import warning_sentence

    sentence = warning_sentence(row)
    if sentence:
        notify(sentence)


def _numbers(option: str, text: str | None) -> list[float] | None:
    """The numbers in a `text` like 0.5 or 0.485,0.456,0.406; raises Refused."""
    if text is None:
        return None
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise misused(f"{option} {text}: write a number, or three as in 0.485,0.456,0.406.") from None
