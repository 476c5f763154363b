"""`paretofleet train`: small networks trained here as examples, several seeds each, and what that cost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.model_upload import model_name
from paretofleet_collector.cli.output import Column, Format, Output, column, show
from paretofleet_collector.cli.private_fleet import private_fleet
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import collector_client
from paretofleet_collector.cli.sweep_options import Devices
from paretofleet_collector.cli.train_models import add_trained, learn, table_row
from paretofleet_collector.cli.train_rank import show_ranking, sweep_models
from paretofleet_collector.cli.train_techniques import Comparison, compare, show_table
from paretofleet_collector.cli.units import count
from paretofleet_collector.config import default_home
from paretofleet_collector.errors import misused
from paretofleet_collector.training.plan import (
    NETWORKS,
    LearningPlan,
    Technique,
    networks_of,
    technique_of,
)

if TYPE_CHECKING:
    from paretofleet_collector.model.entities import Variant
    from paretofleet_collector.rpc.client import Client
    from paretofleet_collector.training.learner import KeptTraining
    from paretofleet_collector.training.lesson import Lesson
    from paretofleet_collector.training.sets import TrainingSet

EXAMPLE = (
    "Example: paretofleet train digits --network lenet16 --seeds 5\n"
    "Example: paretofleet train digits --network all --rank --here"
)
#: Epochs where nobody says how many: of most sets, and of those of many items.
_EPOCHS, _EPOCHS_OF_MANY, _MANY = 20, 2, 20_000
_CLASSES = re.compile(r"(.+):([0-9]+)-([0-9]+)")
_COLUMNS = (
    column("model", kept=True),
    Column("parameters", lambda row: count(row["parameters"]), right=True),
    Column("seeds", lambda row: str(row["seeds"]), right=True),
    Column("top-1 %", lambda row: _spread(row, "top1", 2), right=True),
    Column("training s", lambda row: _spread(row, "training_s", 2), right=True),
    Column("CPU s", lambda row: _spread(row, "training_cpu_s", 2), right=True),
    Column("energy J", lambda row: _spread(row, "training_energy_j", 0), right=True),
    Column("items/s", lambda row: f"{row['training_images_s']:.0f}", right=True),
)

Source = Annotated[
    str,
    typer.Argument(
        metavar="SET",
        help="digits (scikit-learn's), fashion-mnist (Debian's package), or an .npz with x_train, y_train, "
        "x_test and y_test; SET:0-4 for some of its classes.",
    ),
]
Network = Annotated[
    list[str] | None,
    typer.Option(
        "--network",
        help="mlp16, mlp128, lenet4, lenet16, nin16, nin48, mobile8, mobile16, res16x2, res32x4, or all. "
        "Repeatable.",
        show_default="lenet16",
    ),
]
Seeds = Annotated[int, typer.Option(min=1, max=100, help="Trainings of each network, seeds 1, 2, ...")]
Epochs = Annotated[
    int | None,
    typer.Option(min=1, help="Epochs of one training.", show_default="20, of 20,000 items and more 2"),
]
LearningRate = Annotated[float, typer.Option(min=1e-9, help="The highest of the cycle.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of a training.")]
ExportSeed = Annotated[int, typer.Option(min=1, help="The seed whose network becomes the model's file.")]
Transfer = Annotated[
    str | None,
    typer.Option(
        metavar="frozen|layers:K",
        help="Begin with a donor's layers: all but the head, which alone learns, or the first K.",
    ),
]
Donor = Annotated[
    str | None,
    typer.Option(
        metavar="SET", help="On what the donors learnt: the same networks and seeds, trained before if due."
    ),
]
Name = Annotated[str, typer.Option(help="What the models are called before -NETWORK; by default the set's.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where trainings are kept: what is there is not trained again.",
        show_default="in your state folder",
    ),
]
Python = Annotated[
    str,
    typer.Option(
        envvar="PARETOFLEET_LIBRARIES_PYTHON",
        help="Interpreter that has torch; by default the command's own.",
    ),
]
Here = Annotated[
    bool,
    typer.Option(
        "--here", help="With a collector and an agent of its own, on this machine, that end with it."
    ),
]


Rank = Annotated[
    bool,
    typer.Option(
        "--rank", help="Then measure the models' latency and rank them by accuracy, latency and training."
    ),
]
Techniques = Annotated[
    bool,
    typer.Option(
        "--techniques",
        help="Compare with learning from scratch: a frozen base, copied layers, quantised, pruned, "
        "clustered; without --donor the first half of the classes teaches the donors.",
    ),
]
Repeats = Annotated[int, typer.Option(min=1, help="Runs of each model where latency is measured.")]
Report = Annotated[
    Path | None,
    typer.Option(metavar="FILE.parquet", help="Where their report goes.", show_default="SET.parquet"),
]


def train(
    context: typer.Context,
    source: Source,
    *,
    networks: Network = None,
    seeds: Seeds = 5,
    epochs: Epochs = None,
    learning_rate: LearningRate = 0.01,
    threads: Threads = 1,
    export_seed: ExportSeed = 1,
    transfer: Transfer = None,
    donor: Donor = None,
    name: Name = "",
    rank: Rank = False,
    techniques: Techniques = False,
    devices: Devices = None,
    repeats: Repeats = 5,
    report: Report = None,
    folder: Folder = None,
    python: Python = "",
    here: Here = False,
    output: Output = Format.table,
) -> None:
    """Train small networks here, several seeds each, and add them with their accuracies and what they cost.

    Example recipes: this is no training framework. Each network becomes one model; its file is that of one
    seed.
    """
    if export_seed > seeds:
        raise typer.BadParameter(
            f"--export-seed {export_seed} is not trained: --seeds {seeds} are 1 to {seeds}"
        )
    if rank and techniques:
        raise typer.BadParameter("--rank and --techniques are two questions: ask one")
    lesson = _lesson(source, donor, networks or ["lenet16"], seeds, transfer, is_compared=techniques)
    plan = LearningPlan(epochs=epochs or _epochs(lesson.given), learning_rate=learning_rate, threads=threads)
    lesson = replace(lesson, plan=plan)
    keeping = folder or default_home("training")
    target = report or Path(f"{model_name(Path(name or lesson.given.name))}.parquet")
    with fleet_for(context, here=here) as client:
        client.list_models()  # before anything is trained for nothing
        if techniques:
            code = _compare(client, Comparison(lesson, (), keeping, python), target, repeats, devices, output)
        else:
            done = learn(lesson, keeping, python)
            added = [add_trained(client, each, lesson, name, export_seed) for each in done.values()]
            _show(added, done, output)
            code = _rank(client, added, seeds, target, repeats, devices) if rank else 0
    if code:
        raise typer.Exit(code)


def _lesson(
    source: str,
    donor: str | None,
    networks: list[str],
    seeds: int,
    transfer: str | None,
    *,
    is_compared: bool,
) -> Lesson:
    """What is learnt by the options of the command; where techniques are compared there is always a donor."""
    from paretofleet_collector.training.lesson import Lesson
    from paretofleet_collector.training.sets import of_classes

    if is_compared and transfer is not None:
        raise typer.BadParameter("--techniques has both kinds of --transfer: leave it out")
    if not is_compared and (transfer is None) != (donor is None):
        raise typer.BadParameter("--transfer and --donor belong together: what is taken over, and from where")
    with working(f"reading {source}"):
        given = read_source(source)
        base = None if donor is None else read_source(donor)
    if is_compared and base is None:
        half = given.classes // 2
        base, given = of_classes(given, 0, half - 1), of_classes(given, half, given.classes - 1)
    if base is not None and base.x_train.shape[1:] != given.x_train.shape[1:]:
        raise misused(f"--donor {donor}: its items are of another shape than those of {given.name}.")
    chosen = networks_of(networks, features_only=given.x_train.shape[2:] == (1, 1))
    technique = Technique() if transfer is None else technique_of(transfer, chosen)
    return Lesson(given, chosen, seeds, technique=technique, base=base)


def _epochs(given: TrainingSet) -> int:
    """Epochs enough for a set: about 20 of one with a thousand items, fewer of a large one."""
    return _EPOCHS if len(given.y_train) < _MANY else _EPOCHS_OF_MANY


def _show(added: Sequence[Variant], done: Mapping[str, Sequence[KeptTraining]], output: Format) -> None:
    rows = [
        {"model": variant.model, **table_row(kept)}
        for variant, kept in zip(added, done.values(), strict=True)
    ]
    show(rows, _COLUMNS, output)


def _rank(
    client: Client,
    added: Sequence[Variant],
    seeds: int,
    target: Path,
    repeats: int,
    devices: list[str] | None,
) -> int:
    names = [f"{each.model}@{each.variant}" for each in added]
    name = f"train-{target.stem}"[:60]
    code = sweep_models(client, names, target, name=name, repeats=repeats, devices=devices)
    show_ranking(target, len(names), seeds)
    return code


def _compare(
    client: Client,
    comparison: Comparison,
    target: Path,
    repeats: int,
    devices: list[str] | None,
    output: Format,
) -> int:
    """Compares techniques network by network; the worst exit code of their sweeps."""
    code = 0
    for network in comparison.lesson.networks:
        layers = technique_of(f"layers:{NETWORKS[network] // 2}", [network])
        each = replace(
            comparison,
            lesson=replace(comparison.lesson, networks=[network]),
            techniques=(technique_of("frozen", [network]), layers),
        )
        file = (
            target if len(comparison.lesson.networks) == 1 else target.with_stem(f"{target.stem}-{network}")
        )
        rows, ended = compare(client, each, file, repeats=repeats, devices=devices)
        show_table([{"network": network, **row} for row in rows], output)
        code = max(code, ended)
    return code


def read_source(text: str) -> TrainingSet:
    """The set that a `text` names, perhaps only some classes of it; raises Refused."""
    from paretofleet_collector.training.sets import of_classes, read_training_set

    match = _CLASSES.fullmatch(text)
    if match is None:
        return read_training_set(text)
    return of_classes(read_training_set(match[1]), int(match[2]), int(match[3]))


@contextmanager
def fleet_for(context: typer.Context, *, here: bool) -> Iterator[Client]:
    """The client of the user's collector, or of one that lives as long as this command."""
    if not here:
        with collector_client(context) as client:
            yield client
        return
    with private_fleet() as fleet:
        with working("looking at this machine"):
            fleet.wait_until_online()
        yield fleet.client


def _spread(row: Mapping[str, Any], name: str, digits: int) -> str:
    """A mean over trainings with its standard deviation; - where nobody measured it."""
    mean, spread = row[name], row[f"{name}_sd"]
    if mean is None:
        return "-"
    return f"{mean:.{digits}f}" + ("" if spread is None else f" ± {spread:.{digits}f}")
