"""Trains networks and adds what came of it as models, telling how it goes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretofleet_collector.cli.model_upload import FileDetails, add_model, model_name
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.train_progress import TrainingProgress
from paretofleet_collector.model.messages import TRAINED

if TYPE_CHECKING:
    from paretofleet_collector.model.entities import Variant
    from paretofleet_collector.rpc.client import Client
    from paretofleet_collector.training.learner import KeptTraining
    from paretofleet_collector.training.lesson import Lesson

#: What a table shows of trainings, by the name of its column, and under which key they have it.
_SHOWN = {
    "top1": "top1",
    "training_s": "s",
    "training_cpu_s": "cpu_s",
    "training_energy_j": "energy_j",
    "training_images_s": "images_s",
}


def learn(lesson: Lesson, folder: Path, python: str) -> dict[str, list[KeptTraining]]:
    """What the trainings of a `lesson` came to, by network; those kept in the `folder` are not made again.

    `python`: the interpreter that has torch. Says which are right no more often than by chance. Raises what
    `lesson.taught` does.
    """
    from paretofleet_collector.training.learner import Keeping
    from paretofleet_collector.training.lesson import due, taught

    keeping = Keeping(folder)
    missing = due(lesson, keeping)
    asked = len(lesson.trainings) + len(lesson.donors)
    if missing < asked:
        notify(f"{asked - missing} of {asked} trainings are kept in {folder} and not made again")
    with TrainingProgress(missing, lesson.plan.epochs) as progress:
        done = taught(lesson, keeping, python=python, on_event=progress.at)
    for each in (one for of_network in done.values() for one in of_network):
        sentence = chance_sentence(each, lesson)
        if sentence:
            notify(sentence)
    return done


def chance_sentence(kept: KeptTraining, lesson: Lesson) -> str:
    """What is probably wrong with a training that is right no more often than by chance; empty for others."""
    from paretofleet_analysis.statistics.paired_accuracy import accuracy_interval

    from paretofleet_collector.training.outcome import chance

    labels = lesson.given.y_test
    guess = chance(labels)
    low, _ = accuracy_interval(int(kept.values["right"]), len(labels))
    if low > guess:
        return ""
    return (
        f"{kept.training.network}, seed {kept.training.seed} is right no more often than by chance: "
        f"{kept.values['top1']:.1f} % of {len(labels):,} items, and saying always one class gives "
        f"{guess:.1f} %: labels are probably wrong, or --epochs too few, or --learning-rate too high"
    )


def table_row(kept: Sequence[KeptTraining]) -> dict[str, Any]:
    """What a table shows of the trainings of one network: means, with a standard deviation of two or more."""
    row: dict[str, Any] = {
        "network": kept[0].training.network,
        "parameters": kept[0].values["parameters"],
        "seeds": len(kept),
        "technique": kept[0].training.technique.name,
    }
    for name, key in _SHOWN.items():
        values = [each.values[key] for each in kept]
        is_whole = None not in values
        row[name] = statistics.fmean(values) if is_whole else None
        row[f"{name}_sd"] = statistics.stdev(values) if is_whole and len(values) > 1 else None
        row[f"{name}_seeds"] = values if is_whole else None
    return row


def add_trained(
    client: Client, kept: Sequence[KeptTraining], lesson: Lesson, name: str, export_seed: int
) -> Variant:
    """Adds the network of `kept` trainings to the collector as one model, its file that of `export_seed`.

    `name`: what the model is called before its network; empty for the set's. Raises Taken and Refused.
    """
    chosen = next(each for each in kept if each.training.seed == export_seed)
    from paretofleet_collector.training.outcome import training_record

    base = "" if lesson.base is None else lesson.base.name
    record = training_record(kept, lesson.given, lesson.plan, base)
    details = FileDetails(
        name=called(lesson, chosen.training.network, name),
        top1=chosen.values["top1"],
        top1_n=len(lesson.given.y_test),
        top1_source=TRAINED,
        weights_source=f"trained here on {lesson.given.name}, seed {export_seed}: {record['recipe']}",
        training=record,
    )
    return add_model(client, str(chosen.onnx), details)


def called(lesson: Lesson, network: str, name: str = "") -> str:
    """What the model of a `network` of the `lesson` is called: after `name`, or the set where it is empty."""
    technique = lesson.technique.name
    ending = "" if technique == "scratch" else f"-{technique}"
    return model_name(Path(f"{name or lesson.given.name}-{network}{ending}"))
