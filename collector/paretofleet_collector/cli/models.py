"""`paretofleet models`: the networks and their variants."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.output import Column, Format, Output, column, row_of, show, write_json
from paretofleet_collector.cli.progress import Transfer, working
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.units import count, duration, size
from paretofleet_collector.errors import CollectorError, ModelRefused, NotFound, Refused, Unreachable
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.planning.specification import PRECISIONS
from paretofleet_collector.suggest import did_you_mean

if TYPE_CHECKING:
    from paretofleet_collector.rpc.client import Client

app = typer.Typer(
    no_args_is_help=True,
    help="The models that sweeps can run.",
    epilog="Example: paretofleet models add zoo:resnet18 ./mine.onnx",
)

#: Protobuf's limit; checked before a huge file is read only to name it by its SHA-256.
ONNX_MAX_BYTES = 2 << 30

_COLUMNS = (
    column("model"),
    column("variant"),
    column("weights_precision", "weights"),
    Column("parameters", lambda row: count(row["parameters"]), right=True),
    Column("MACs", lambda row: count(row["macs"]), right=True),
    Column("size", lambda row: size(row["size_bytes"] or None), right=True),
    Column("batch", lambda row: str(row["fixed_batch_size"] or "any"), right=True),
    Column("top-1 %", lambda row: "-" if row["top1"] is None else f"{row['top1']:.2f}", right=True),
    column("top1_source", "top-1 source"),
    Column("stored", lambda row: "yes" if row["stored"] else "zoo"),
)


@app.command("list", epilog="Example: paretofleet models list -o csv")
def list_(context: typer.Context, output: Output = Format.table) -> None:
    """List the models that were added and those that the zoo can build."""
    with collector_client(context) as client:
        rows = [row_of(one) for one in client.list_models()]
    show(rows, _COLUMNS, output, nothing="no model is here; add one with `paretofleet models add FILE`")


@app.command("show", epilog="Example: paretofleet models show resnet18")
def show_(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name, or NAME@VARIANT.")],
    output: Output = Format.table,
) -> None:
    """Show the variants of one model."""
    with collector_client(context) as client:
        known = client.list_models()
    name, _, variant = model.removeprefix("zoo:").partition("@")
    found = [one for one in known if one.model == name and variant in ("", one.variant)]
    if not found:
        raise NotFound(
            f"Unknown model '{model}': {did_you_mean(name, (one.model for one in known)) or 'none is here'}"
        )
    if output is Format.json:
        write_json([row_of(one) for one in found])
        return
    for one in found:
        rows = [{"what": key, "value": value} for key, value in _facts(one).items()]
        show(rows, (column("what"), column("value")), output)


@app.command(epilog="Example: paretofleet models add zoo:resnet18 zoo:alexnet ./mine.onnx")
def add(
    context: typer.Context,
    *,
    models: Annotated[
        list[str], typer.Argument(metavar="FILE|zoo:NAME..", help="ONNX files or networks of the zoo.")
    ],
    name: Annotated[
        str,
        typer.Option(help="Name of the model (with --variant-of: of the variant); by default the file's."),
    ] = "",
    variant_of: Annotated[
        str, typer.Option(metavar="MODEL", help="The model of which the file is a variant.")
    ] = "",
    precision: Annotated[
        str, typer.Option(help=f"Precision of the weights: {', '.join(PRECISIONS[1:])}.")
    ] = "",
    top1: Annotated[float | None, typer.Option(min=0, max=100, help="Its top-1 accuracy in percent.")] = None,
    top1_n: Annotated[int | None, typer.Option(min=1, help="Number of items that gave --top1.")] = None,
) -> None:
    """Add ONNX files and networks of the zoo; what is there already is left as it is."""
    if len(models) > 1 and (name or variant_of or precision or top1 is not None):
        raise typer.BadParameter("--name, --variant-of, --precision and --top1 need exactly one file")
    if models[0].startswith("zoo:") and (name or variant_of or precision or top1 is not None):
        raise typer.BadParameter(
            "--name, --variant-of, --precision and --top1 are for files, not for the zoo"
        )
    if precision and precision not in PRECISIONS[1:]:
        raise typer.BadParameter(f"--precision {precision}: {did_you_mean(precision, PRECISIONS[1:])}")
    if (top1 is None) != (top1_n is None):
        raise typer.BadParameter("--top1 and --top1-n belong together, so that the accuracy has an interval")
    refused = 0
    with collector_client(context) as client:
        for at, model in enumerate(models, start=1):
            counter = f"[{at}/{len(models)}] " if len(models) > 1 else ""
            try:
                add_one(
                    client,
                    model,
                    counter,
                    name=name,
                    variant_of=variant_of,
                    precision=precision,
                    top1=top1,
                    top1_n=top1_n,
                )
            except Unreachable:
                raise
            except (CollectorError, OSError) as error:
                refused += 1
                notify(f"{counter}{error if model in str(error) else f'{model}: {error}'}")
    if refused:
        raise typer.Exit(1)


def add_one(
    client: Client,
    model: str,
    counter: str = "",
    *,
    name: str = "",
    variant_of: str = "",
    precision: str = "",
    top1: float | None = None,
    top1_n: int | None = None,
) -> Variant:
    """Adds a file or a network of the zoo, telling how it goes; raises Refused and OSError."""
    started = time.monotonic()
    if model.startswith("zoo:"):
        with working(f"{counter}building {model}"):
            added = client.add_zoo_model(model.removeprefix("zoo:"))
    else:
        path = Path(model)
        if not path.is_file():
            raise Refused(f"{model} is not a file; give an ONNX file, or zoo:NAME for a network of the zoo.")
        if path.stat().st_size == 0:
            raise ModelRefused(f"{model} is empty, not an ONNX file.")
        if path.stat().st_size > ONNX_MAX_BYTES:
            raise ModelRefused(f"{model} is larger than 2 GiB, which ONNX files may not be.")
        with Transfer(f"{counter}{path.name}") as transfer:
            added = client.add_model(
                path,
                model=name or name_of(path),
                variant_of=variant_of,
                precision=precision,
                top1=top1,
                top1_n=top1_n,
                sent=transfer.at,
            )
    notify(
        f"{counter}{added.model}@{added.variant}: {count(added.parameters)} parameters, "
        f"{size(added.size_bytes)}, {duration(time.monotonic() - started)}"
    )
    return added


def name_of(path: Path) -> str:
    """A model's name from that of its file: letters, digits, dots, hyphens and underscores."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name.removesuffix(".onnx")).strip("-._")
    return name[:64] or "model"


def _facts(one: Variant) -> dict[str, str | None]:
    return {
        "model": one.model,
        "variant": one.variant,
        "sha256": one.sha256,
        "recipe": one.recipe,
        "weights": one.weights_precision,
        "parameters": _both(one.parameters),
        "MACs per item": _both(one.macs),
        "size": size(one.size_bytes or None),
        "batch size": str(one.fixed_batch_size or "any"),
        "top-1": None
        if one.top1 is None
        else f"{one.top1:.2f} % of {one.top1_n or 'an unknown number of'} items",
        "top-1 source": one.top1_source,
        "accuracy group": one.accuracy_group,
        "stored": "yes" if one.stored else f"no; build it with `paretofleet models add zoo:{one.model}`",
    }


def _both(value: int | None) -> str | None:
    """A count in full, and in short where that is shorter."""
    return None if value is None else str(value) if value < 1000 else f"{value} ({count(value)})"
