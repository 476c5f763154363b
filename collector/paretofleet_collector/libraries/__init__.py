"""Networks of torchvision and timm as ONNX files, made in a process that has those libraries.

Nothing is downloaded: weights come from a file that the user names or from the cache of the library's hub,
else they are drawn from a seed. torch is heavy and may be another interpreter's; so `export.py` is a program
of its own, which needs nothing of this package.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from paretofleet_collector.errors import ModelRefused, NotFound, Refused
from paretofleet_collector.suggest import did_you_mean

__all__ = ["LIBRARIES", "Exported", "export"]

#: What to install for the networks of each library.
LIBRARIES = {"torchvision": "torch torchvision onnx", "timm": "torch torchvision timm onnx"}
_EXPORT_S = 900.0
_IMAGES = 50_000  # ImageNet's validation set, on which both libraries publish


@dataclass(frozen=True)
class Exported:
    """A file that `export` wrote: a `name` for the model, and what its library says of the weights.

    `top1`, `top5` in percent of `top1_n` images, None where the weights are not those that were published;
    `top1_source` as a report has it. `is_trained` False: the weights are from a seed.
    """

    name: str
    licence: str
    weights_source: str
    is_trained: bool
    top1: float | None = None
    top5: float | None = None
    top1_n: int | None = None
    top1_source: str = ""


def export(called: str, target: Path, *, weights: Path | None = None, python: str = "") -> Exported:
    """Writes the network `called` (torchvision:NAME or timm:NAME, perhaps with .WEIGHTS) to `target`.

    `weights`: a file of its weights. `python`: the interpreter that has the library, by default this one.
    Raises NotFound for another name, Refused where the library or the file is missing, ModelRefused where the
    weights do not fit or the network cannot be exported.
    """
    library, _, name = called.partition(":")
    interpreter = python or sys.executable
    if weights is not None and not weights.is_file():
        raise Refused(f"{weights} is not a file: give the weights of {called}, as {library} saves them.")
    request = {"library": library, "name": name, "target": str(target), "weights": str(weights or "")}
    answer = _answer(interpreter, request, called)
    if "missing" in answer:
        raise Refused(
            f"{interpreter} cannot import {answer['missing']}, which {called} needs: install it with "
            f"`{interpreter} -m pip install {LIBRARIES[library]}`, or name a Python that has it by --python."
        )
    if "names" in answer:
        raise NotFound(f"{library} has no network '{name}': {did_you_mean(name, answer['names'])}")
    if "refused" in answer:
        raise ModelRefused(f"{called}: {answer['refused']}")
    tag = answer.pop("published", None)
    if library == "timm" and tag:
        answer.update(_timm_accuracy(tag, answer["side"]))
    answer.pop("side")
    if answer.get("top1") is not None:
        answer.update(top1_n=_IMAGES, top1_source="published-same-weights")
    return Exported(**answer)


def _answer(interpreter: str, request: dict[str, str], called: str) -> dict[str, Any]:
    program = resources.files(__name__) / "export.py"
    try:
        done = subprocess.run(
            [interpreter, str(program), json.dumps(request)],
            capture_output=True,
            timeout=_EXPORT_S,
            check=False,
        )
    except OSError as error:
        raise Refused(
            f"{interpreter} cannot be started ({error.strerror}): name a Python by --python."
        ) from None
    except subprocess.TimeoutExpired:
        raise ModelRefused(f"{called}: exporting it takes longer than {_EXPORT_S:g} s.") from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        why = lines[-1][:200] if lines else f"code {done.returncode}"
        raise ModelRefused(f"{called} cannot be exported: {why}") from None
    return answer


def _timm_accuracy(tag: str, side: int) -> dict[str, float]:
    """What timm's table says of the weights `tag` at images of `side` pixels; empty where it says nothing."""
    text = (resources.files(__name__) / "timm_imagenet.csv").read_text(encoding="utf-8")
    for line in csv.DictReader(text.splitlines()):
        if line["model"] == tag and int(line["img_size"]) == side:
            return {"top1": float(line["top1"]), "top5": float(line["top5"])}
    return {}
