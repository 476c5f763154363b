"""Trains what was not trained before, in a process that has torch, and keeps what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import paretofleet_collector
from paretofleet_collector.errors import CollectorError, NotFound, Refused
from paretofleet_collector.model.canonical import canonical_json
from paretofleet_collector.training.plan import LearningPlan, Training, request_of
from paretofleet_collector.training.sets import TrainingSet

#: Starts the program from this package's sources alone: the interpreter may be another, with packages of its
#: own, which those beside these sources must not replace.
_START = (
    "import runpy, sys, types; package = types.ModuleType('paretofleet_collector'); "
    "package.__path__ = [sys.argv[1]]; sys.modules[package.__name__] = package; "
    "runpy.run_module('paretofleet_collector.training.torchside', run_name='__main__')"
)
#: What the process says of each training that it has ended.
_RESULTS = ("top1", "right", "parameters", "s", "cpu_s", "energy_j", "images_s")
#: What is heard of a training: its `epoch`, and at its end `top1` and `s`.
OnEvent = Callable[[Training, Mapping[str, Any]], None]


@dataclass(frozen=True)
class KeptTraining:
    """What a training came to: `top1` in percent, costs in s and J, its weights and its ONNX file."""

    key: str
    training: Training
    values: Mapping[str, Any]
    weights: Path
    onnx: Path


@dataclass(frozen=True)
class Keeping:
    """The `folder` in which trainings are kept, three files each, called by their keys."""

    folder: Path

    def path(self, key: str, ending: str) -> Path:
        """The file of the training `key` with that `ending`."""
        return self.folder / f"{key}.{ending}"

    def find(self, key: str, training: Training) -> KeptTraining | None:
        """The `training` kept under its `key`; None where one of its files is missing or damaged."""
        try:
            values = json.loads(self.path(key, "json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        weights, onnx = self.path(key, "pt"), self.path(key, "onnx")
        if not weights.is_file() or not onnx.is_file() or not set(_RESULTS) <= set(values):
            return None
        return KeptTraining(key, training, values, weights, onnx)

    def keep(self, key: str, values: Mapping[str, Any]) -> None:
        """Writes what the training `key` came to, last of its files, whole or not at all."""
        partial = self.path(key, "partial")
        partial.write_text(canonical_json(dict(values)), encoding="utf-8")
        partial.replace(self.path(key, "json"))


def train(
    given: TrainingSet,
    trainings: Sequence[Training],
    plan: LearningPlan,
    keeping: Keeping,
    *,
    python: str = "",
    on_event: OnEvent | None = None,
) -> list[KeptTraining]:
    """What each of the `trainings` on the set `given` came to, in their order, learnt by the `plan`.

    Those that `keeping` has are not made again.

    `python`: the interpreter that has torch, by default this one. `on_event` hears of each epoch and end.
    Raises Refused without torch or where a loss is no finite number, CollectorError where the process ends
    early; what was trained by then is kept.
    """
    sha256 = given.sha256
    keys = {each.key(sha256, plan): each for each in trainings}
    due = {key: each for key, each in keys.items() if keeping.find(key, each) is None}
    if due:
        keeping.folder.mkdir(parents=True, exist_ok=True)
        _make(given, due, plan, keeping, python or sys.executable, on_event)
    kept = [keeping.find(key, each) for key, each in keys.items()]
    missing = next((each for each, its in zip(keys.values(), kept, strict=True) if its is None), None)
    if missing is not None:
        raise CollectorError(
            f"{missing.network}, seed {missing.seed} was not trained: run the command again."
        )
    return [each for each in kept if each is not None]


def missing_of(
    given: TrainingSet, trainings: Sequence[Training], plan: LearningPlan, keeping: Keeping
) -> list[Training]:
    """Those of the `trainings` that `train` would have to make, by the same `given`, `plan` and `keeping`."""
    sha256 = given.sha256
    return [each for each in trainings if keeping.find(each.key(sha256, plan), each) is None]


def _make(
    given: TrainingSet,
    due: Mapping[str, Training],
    plan: LearningPlan,
    keeping: Keeping,
    python: str,
    on_event: OnEvent | None,
) -> None:
    files = {
        key: {
            "weights": str(keeping.path(key, "pt")),
            "onnx": str(keeping.path(key, "onnx")),
            "donor": str(keeping.path(each.donor, "pt")) if each.donor else "",
        }
        for key, each in due.items()
    }
    _check_donors(files, due)
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        given.save(Path(folder) / "set.npz")
        request = {
            **request_of(due, plan, files),
            "data": str(Path(folder) / "set.npz"),
            "classes": given.classes,
            "mean": given.mean,
            "std": given.std,
        }
        torch = ""
        for event in _events(python, request, Path(folder) / "stderr"):
            torch = event.get("torch", torch)
            if "failed" in event:
                raise Refused(_failure(due[event["key"]], event["failed"], plan))
            if "top1" in event:
                values = {name: event[name] for name in _RESULTS}
                keeping.keep(event["key"], {**values, "torch": torch})
            if "key" in event and on_event is not None:
                on_event(due[event["key"]], event)


def _failure(training: Training, why: str, plan: LearningPlan) -> str:
    return (
        f"{training.network}, seed {training.seed}: {why}: lower --learning-rate from "
        f"{plan.learning_rate:g}, or look for values far from all others."
    )


def _check_donors(files: Mapping[str, Mapping[str, str]], due: Mapping[str, Training]) -> None:
    for key, paths in files.items():
        if paths["donor"] and not Path(paths["donor"]).is_file():
            lost = f"{due[key].network}, seed {due[key].seed}"
            raise NotFound(f"The donor of {lost}, is not kept any more: train it again.")


def _events(python: str, request: Mapping[str, Any], errors: Path) -> Iterator[dict[str, Any]]:
    """What the process says, in order; it ends with the one who asks. Raises Refused, CollectorError."""
    source = str(Path(paretofleet_collector.__file__).parent)
    with errors.open("wb") as stderr:
        try:
            process = subprocess.Popen(
                [python, "-P", "-c", _START, source],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": str(request["threads"])},
            )
        except OSError as error:
            raise Refused(
                f"{python} cannot be started ({error.strerror}): name a Python by --python."
            ) from None
        with process:
            try:
                yield from _lines(process, request, python)
            finally:
                process.kill()
    if process.returncode > 0:
        raise CollectorError(_last_words(errors, process.returncode))


def _lines(
    process: subprocess.Popen[str], request: Mapping[str, Any], python: str
) -> Iterator[dict[str, Any]]:
    stdin, stdout = _pipes(process)
    with suppress(BrokenPipeError):  # it ended already; what it said tells why
        json.dump(request, stdin)
        stdin.close()
    for line in stdout:
        event: dict[str, Any] = json.loads(line)
        if "missing" in event:
            raise Refused(
                f"{python} cannot import {event['missing']}, which training needs: install it with `{python} "
                "-m pip install 'paretofleet-collector[train]'`, or name a Python that has it by --python."
            )
        yield event
    process.wait()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise CollectorError("The process that trains has no pipes: run the command again.")
    return process.stdin, process.stdout


def _last_words(errors: Path, code: int) -> str:
    lines = errors.read_text(errors="replace").strip().splitlines()
    why = lines[-1][:300] if lines else "it said nothing"
    return f"The process that trains ended early (code {code}): {why}"
