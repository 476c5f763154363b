"""`paretofleet models`: the networks and their variants."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from paretofleet_collector.cli import variant_commands
from paretofleet_collector.cli.completion import model_names, zoo_names
from paretofleet_collector.cli.evaluate import EXAMPLE as EVALUATE_EXAMPLE
from paretofleet_collector.cli.evaluate import evaluate
from paretofleet_collector.cli.fed_options import FedInputs, Sizes, inputs_of, sizes_of
from paretofleet_collector.cli.measured_accuracy import measured_rows, measured_texts
from paretofleet_collector.cli.model_upload import FileDetails, add_model, still_to_give
from paretofleet_collector.cli.output import (
    FACTS,
    Column,
    Format,
    Output,
    clean,
    column,
    row_of,
    show,
    write_json,
)
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.training_options import (
    TrainingCompute,
    TrainingDevice,
    TrainingEpochs,
    TrainingSamples,
    TrainingSource,
    training_json,
)
from paretofleet_collector.cli.units import count, percent_of, size
from paretofleet_collector.errors import CollectorError, NotFound, Unreachable, misused
from paretofleet_collector.model.canonical import fed_text
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.messages import GivenFacts
from paretofleet_collector.model.trainings import training_text
from paretofleet_collector.planning.specification import PRECISIONS
from paretofleet_collector.suggest import did_you_mean

app = typer.Typer(
    no_args_is_help=True,
    help="The models that sweeps can run.",
    epilog="Example: paretofleet models add zoo:resnet18 ./mine.onnx",
)

app.command(epilog=EVALUATE_EXAMPLE)(evaluate)

#: The exit code where nothing but files that are not there was refused.
MISUSED = 2

StoredModel = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A stored model's name, or NAME@VARIANT where it has several.",
        autocompletion=model_names,
    ),
]
Top1 = Annotated[
    str | None, typer.Option(metavar="PERCENT", help="Its top-1 accuracy in percent, such as 71.2.")
]
Top1Items = Annotated[int | None, typer.Option(min=1, help="Number of items that gave --top1.")]
Top5 = Annotated[
    str | None,
    typer.Option(metavar="PERCENT", help="Share of the same items whose class is among the five best."),
]
Licence = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Licence of the file, such as BSD-3-Clause.")
]
WeightsSource = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Where its weights are from: a paper, an address, a date.")
]


NewName = Annotated[
    str,
    typer.Option(help="Name of the model (with --variant-of: of the variant); by default the file's."),
]
VariantOf = Annotated[str, typer.Option(metavar="MODEL", help="The model of which the file is a variant.")]
WeightsPrecision = Annotated[
    str, typer.Option(help=f"Precision of the weights: {', '.join(PRECISIONS[1:])}.")
]
Private = Annotated[
    bool,
    typer.Option(
        "--private",
        help="Call the files by their hash alone; only their owner may read them, and devices drop "
        "them after a sweep.",
    ),
]


def _counted_size(row: Mapping[str, Any]) -> str:
    """The size of a file, of a pruned or clustered one the compressed size, marked by its word."""
    compact = row["compressed_bytes"]
    return size(row["size_bytes"] or None) if compact is None else f"{size(compact)} compressed"


NewModels = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|zoo:NAME|torchvision:NAME|timm:NAME..",
        help="Files, or networks of the zoo, of torchvision or of timm where those are installed.",
        autocompletion=zoo_names,
    ),
]
WeightsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Weights of a network of torchvision or timm; else those in the cache of its hub. "
        "Nothing is downloaded.",
    ),
]
Python = Annotated[
    str,
    typer.Option(
        envvar="PARETOFLEET_LIBRARIES_PYTHON",
        help="Interpreter that has torchvision or timm; by default the command's own.",
    ),
]

#: What is said of one file.
_OF_ONE = "--name, --variant-of, --precision, --top1, --licence, --weights-source, --weights, --size, --input"
_COLUMNS = (
    column("model", kept=True),
    column("variant", kept=True),
    column("weights_precision", "weights"),
    Column("parameters", lambda row: count(row["parameters"]), right=True),
    Column("MACs", lambda row: count(row["macs"]), right=True),
    Column("size", _counted_size, right=True),
    Column("batch", lambda row: str(row["fixed_batch_size"] or "any"), right=True),
    Column("sizes and inputs", lambda row: _fed(row) or "-"),
    Column("top-1 %", lambda row: "-" if row["top1"] is None else f"{row['top1']:.2f}", right=True),
    column("top1_source", "top-1 source"),
    Column("recipe", lambda row: row["recipe"].partition(";")[0]),
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
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Its name, or NAME@VARIANT.", autocompletion=model_names)
    ],
    output: Output = Format.table,
) -> None:
    """Show the variants of one model."""
    with collector_client(context) as client:
        present = client.list_models()
        name, _, variant = model.removeprefix("zoo:").partition("@")
        chosen = [each for each in present if each.model == name and variant in ("", each.variant)]
        if not chosen:
            near = did_you_mean(name, (each.model for each in present))
            raise NotFound(f"Unknown model '{model}': {near or 'none is here'}")
        measured = client.list_evaluations(each.sha256 for each in present if each.model == name)
    if output is Format.json:
        write_json([{**row_of(each), "evaluations": measured_rows(measured, each)} for each in chosen])
        return
    for each in chosen:
        parent = next((other for other in present if other.sha256 == each.parent), None)
        facts = {**_facts(each), **_lineage(each, parent)}
        rows = [{"what": key, "value": value} for key, value in facts.items()]
        rows += [{"what": "measured", "value": text} for text in measured_texts(measured, each, parent)]
        show(rows, FACTS, output)


@app.command(epilog="Example: paretofleet models add zoo:resnet18 zoo:alexnet ./mine.onnx")
def add(
    context: typer.Context,
    *,
    models: NewModels,
    name: NewName = "",
    variant_of: VariantOf = "",
    precision: WeightsPrecision = "",
    top1: Top1 = None,
    top1_n: Top1Items = None,
    top5: Top5 = None,
    licence: Licence = None,
    weights_source: WeightsSource = None,
    private: Private = False,
    weights: WeightsFile = None,
    python: Python = "",
    sizes: Sizes = None,
    inputs: FedInputs = None,
) -> None:
    """Add files and networks of the zoo, torchvision or timm; what is there already is left as it is.

    --size and --input say what the model is fed where a sweep says nothing; of a file that is there they
    replace what was said before.
    """
    of_one = any(
        (name, variant_of, precision, top1 is not None, licence, weights_source, weights, sizes, inputs)
    )
    if len(models) > 1 and of_one:
        raise typer.BadParameter(f"{_OF_ONE} need exactly one file")
    if models[0].startswith("zoo:") and of_one:
        raise typer.BadParameter(f"{_OF_ONE} are for files, not for the zoo")
    if private and (name or variant_of or models[0].startswith("zoo:")):
        raise typer.BadParameter("--private files have no --name, no --variant-of, and are not of the zoo")
    if precision and precision not in PRECISIONS[1:]:
        raise typer.BadParameter(f"--precision {precision}: {did_you_mean(precision, PRECISIONS[1:])}")
    if (top1 is None) != (top1_n is None):
        raise typer.BadParameter("--top1 and --top1-n belong together, so that the accuracy has an interval")
    if top5 is not None and top1 is None:
        raise typer.BadParameter("--top5 is of the items of --top1: give --top1 and --top1-n too")
    details = FileDetails(
        *(name, variant_of, precision, _percent("--top1", top1), top1_n, *_fed_options(sizes, inputs)),
        top5=_percent("--top5", top5),
        licence=licence or "",
        weights_source=weights_source or "",
        is_private=private,
        weights=weights,
        python=python,
    )
    refused: list[Exception] = []
    with collector_client(context) as client:
        for at, model in enumerate(models, start=1):
            counter = f"[{at}/{len(models)}] " if len(models) > 1 else ""
            try:
                add_model(client, model, details, counter=counter)
            except Unreachable:
                raise
            except (CollectorError, OSError) as error:
                refused.append(error)
                notify(f"{counter}{error if model in str(error) else f'{model}: {error}'}")
    if refused:
        raise typer.Exit(MISUSED if all(getattr(each, "is_usage", False) for each in refused) else 1)


@app.command("set", epilog="Example: paretofleet models set mine --top1 71.2 --top1-n 50000")
def set_(
    context: typer.Context,
    model: StoredModel,
    *,
    top1: Top1 = None,
    top1_n: Top1Items = None,
    top5: Top5 = None,
    licence: Licence = None,
    weights_source: WeightsSource = None,
    training_epochs: TrainingEpochs = None,
    training_samples: TrainingSamples = None,
    training_device: TrainingDevice = None,
    training_compute: TrainingCompute = None,
    training_source: TrainingSource = None,
) -> None:
    """Correct accuracy, licence, origin or training of a stored model; reports pulled from now on have them.

    An empty --licence, --weights-source or --training-device takes back what was said.
    """
    if (top1 is None) != (top1_n is None):
        raise typer.BadParameter("give --top1 and --top1-n, so that the accuracy has an interval")
    accuracies = (_percent("--top1", top1), top1_n, _percent("--top5", top5))
    training = training_json(
        epochs=training_epochs,
        samples=training_samples,
        device=training_device,
        compute_tflops_days=training_compute,
        compute_source=training_source,
    )
    given = GivenFacts(*accuracies, licence, weights_source, training)
    if given == GivenFacts():
        raise typer.BadParameter(
            "give --top1 and --top1-n, --top5, --licence, --weights-source or --training-..."
        )
    with collector_client(context) as client:
        changed = client.change_model(model, "set", given)
    facts = (
        changed.top1 is not None and f"top-1 {changed.top1:g} % of {changed.top1_n} items",
        changed.top5 is not None and f"top-5 {changed.top5:g} %",
        changed.licence and f"licence {changed.licence}",
        changed.weights_source and f"weights from {changed.weights_source}",
        bool(changed.training) and training_text(changed.training),
    )
    notify(f"{changed.model}@{changed.variant}: {', '.join(fact for fact in facts if fact)}")


@app.command(epilog="Example: paretofleet models remove mine@int8 --yes")
def remove(
    context: typer.Context,
    model: StoredModel,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; nothing asks where there is no terminal.")
    ] = False,
) -> None:
    """Remove a stored model, with its file, that no sweep has used."""
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Remove {model} from the collector?", abort=True, err=True)
    with collector_client(context) as client:
        removed = client.change_model(model, "remove")
    notify(f"removed {removed.model}@{removed.variant}, {size(removed.size_bytes)}")


app.command(epilog="Example: paretofleet models quantize resnet50 --static")(variant_commands.quantize)
app.command(epilog="Example: paretofleet models prune resnet50 --sparsity 0.5")(variant_commands.prune)
app.command(epilog="Example: paretofleet models cluster resnet50 --centroids 16")(variant_commands.cluster)


def _percent(option: str, text: str | None) -> float | None:
    """The value of an accuracy's `option` in percent, None where it was not given."""
    return None if text is None else percent_of(option, text)


def _fed_options(
    sizes: list[str] | None, inputs: list[str] | None
) -> tuple[dict[str, int], dict[str, dict[str, Any]]]:
    """The options --size and --input as a variant has them; raises Refused."""
    if sizes is None and inputs is None:
        return {}, {}
    from paretofleet_collector.planning.inputs import checked_inputs, checked_sizes

    each = checked_sizes(sizes_of(sizes) or {})
    several = next((axis for axis, given in each.items() if len(given) > 1), None)
    if several is not None:
        raise misused(f"--size {several}: a model has one size of an axis; give several in a sweep.")
    return {axis: given[0] for axis, given in each.items()}, checked_inputs(inputs_of(inputs) or {})


def _fed(row: Mapping[str, Any]) -> str:
    """What a variant is fed, with "?" for the size of an axis that a sweep has to give."""
    free = [key for key in row["graph"].get("free", ()) if key not in row["sizes"]]
    return clean(fed_text({**row["sizes"], **dict.fromkeys(free, "?")}, row["inputs"]))


def _facts(variant: Variant) -> dict[str, str | None]:
    return {
        "model": variant.model,
        "variant": variant.variant,
        "sha256": variant.sha256,
        "recipe": variant.recipe,
        "format": variant.format,
        "weights": variant.weights_precision,
        "parameters": _both(variant.parameters),
        "MACs per item": _both(variant.macs),
        "FLOPs per item": None if variant.macs is None else f"{_both(2 * variant.macs)}, 2 for each MAC",
        "size": size(variant.size_bytes or None),
        "batch size": str(variant.fixed_batch_size or "any"),
        **{f"input {each['name']}": _input(each) for each in variant.graph.get("inputs", ())},
        "sizes and inputs": _fed(row_of(variant)) or None,
        "to give": " ".join(f"{sentence}." for sentence in still_to_give(variant)) or None,
        "top-1": None
        if variant.top1 is None
        else f"{variant.top1:.2f} % of {variant.top1_n or 'an unknown number of'} items",
        "top-5": None if variant.top5 is None else f"{variant.top5:.2f} %",
        "top-1 source": variant.top1_source,
        "accuracy group": variant.accuracy_group,
        "licence": variant.licence,
        "weights from": variant.weights_source,
        "training": training_text(variant.training) or None,
        "stored": "yes"
        if variant.stored
        else f"no; build it with `paretofleet models add zoo:{variant.model}`",
    }


def _lineage(variant: Variant, parent: Variant | None) -> dict[str, str | None]:
    """What a variant was made from and by, and how its accuracy differs where both are known."""
    about: dict[str, str | None] = {}
    if variant.is_private:
        about["private"] = "yes"
    if variant.parent:
        about["parent"] = f"{parent.model}@{parent.variant}" if parent else variant.parent
    if variant.compressed_bytes is not None:
        about["compressed size"] = size(variant.compressed_bytes)
    if parent is None or parent.top1 is None or variant.top1 is None:
        return about
    counts = f"of {parent.top1_n or 'unknown'} and {variant.top1_n or 'unknown'} items"
    drop = f"{variant.top1 - parent.top1:+.2f} points ({parent.top1:.2f} to {variant.top1:.2f} %), {counts}"
    return {**about, "against its parent": drop}


def _input(item: Mapping[str, Any]) -> str:
    """An input of a graph: its type, its axes, how its values are drawn."""
    axes = ", ".join("?" if axis is None else str(axis) for axis in item["axes"] or ())
    law = item["law"]
    drawn = "" if law is None else f", {law['values']}"
    below = "" if law is None or law["below"] is None else f" below {law['below']}"
    return f"{item['type']} [{axes}]{drawn}{below}"


def _both(value: int | None) -> str | None:
    """A count in full, and in short where that is shorter."""
    return None if value is None else str(value) if value < 1000 else f"{value} ({count(value)})"
