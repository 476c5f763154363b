"""`paretofleet models quantize`, `prune` and `cluster`: variants that the collector makes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from paretofleet_collector.cli.completion import model_names
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.units import duration, size
from paretofleet_collector.model.recipes import CENTROIDS_MAX, recipe_of

Parent = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model's name, zoo:NAME, or NAME@VARIANT for a variant of a variant.",
        autocompletion=model_names,
    ),
]
VariantName = Annotated[
    str, typer.Option(help="Name of the variant; by default the recipe's, such as int8-static.")
]


def quantize(
    context: typer.Context,
    model: Parent,
    *,
    static: Annotated[
        bool, typer.Option("--static", help="int8 with ranges found by calibration (QDQ, per channel).")
    ] = False,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="int8 weights; activations quantised while it runs.")
    ] = False,
    int4: Annotated[
        bool, typer.Option("--int4", help="Weights of matrix products in 4 bits, in blocks of 32.")
    ] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="Weights and operators in fp16.")] = False,
    bf16: Annotated[
        bool, typer.Option("--bf16", help="Weights kept in bf16, computed with in fp32.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Samples that calibrate --static: an .npz, an .npy or a folder of them; without them "
            "seeded values, good for times but not for accuracy.",
        ),
    ] = None,
    reduce_range: Annotated[
        bool,
        typer.Option(
            "--reduce-range", help="Weights in 7 bits, for x86 processors without VNNI (int8 only)."
        ),
    ] = False,
    name: VariantName = "",
) -> None:
    """Make a quantised variant of a model; one that was made so before is found again.

    Its accuracy is unknown until it is measured.
    """
    flags = {"static": static, "dynamic": dynamic, "int4": int4, "fp16": fp16, "bf16": bf16}
    chosen = [kind for kind, is_set in flags.items() if is_set]
    if len(chosen) != 1:
        raise typer.BadParameter("give exactly one of " + ", ".join(f"--{kind}" for kind in flags))
    (kind,) = chosen
    if data is not None and kind != "static":
        raise typer.BadParameter("--data calibrates --static; the others need no samples")
    if reduce_range and kind not in ("static", "dynamic"):
        raise typer.BadParameter("--reduce-range is for --static and --dynamic")
    recipe: dict[str, Any] = {"kind": kind, **({"reduce_range": True} if reduce_range else {})}
    _make(context, model, recipe, name, data)


def prune(
    context: typer.Context,
    model: Parent,
    *,
    sparsity: Annotated[
        float, typer.Option(help="Share of each layer's weights that become zero, the smallest first.")
    ] = 0.5,
    name: VariantName = "",
) -> None:
    """Make a variant whose smallest weights are zero; its size is that without them."""
    _make(context, model, {"kind": "prune", "sparsity": sparsity}, name)


def cluster(
    context: typer.Context,
    model: Parent,
    *,
    centroids: Annotated[
        int, typer.Option(min=2, max=CENTROIDS_MAX, help="Values that the weights of a layer share.")
    ] = 16,
    name: VariantName = "",
) -> None:
    """Make a variant whose layers share a few weights; its size is that of table and indices."""
    _make(context, model, {"kind": "cluster", "centroids": centroids}, name)


def _make(
    context: typer.Context, model: str, recipe: dict[str, Any], name: str, data: str | None = None
) -> None:
    checked = recipe_of(recipe)  # refused before samples are sent
    started = time.monotonic()
    with collector_client(context) as client:
        if data is not None:
            from paretofleet_collector.cli.sample_files import send_files

            recipe["calibration"] = {"sha256": send_files(client, [data])[data], "name": Path(data).name}
        with working(f"{model}: {checked.text}"):
            made = client.make_variant(model, json.dumps(recipe), name)
    compact = "" if made.compressed_bytes is None else f", {size(made.compressed_bytes)} compressed"
    took = duration(time.monotonic() - started)
    notify(f"{made.model}@{made.variant}: {made.recipe}; {size(made.size_bytes)}{compact}, {took}")
    if made.top1 is None:
        notify(f"{made.model}@{made.variant}: its accuracy is not known; no variant has that of its parent")
