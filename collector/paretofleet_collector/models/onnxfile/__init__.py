"""What an ONNX file says about itself, read so that a hostile file harms nobody.

Nothing is executed and no other file is opened. Reading happens in a process of its own, with limits on
memory and time, because the parser and the checker are C++ and the file is a stranger's.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paretofleet_collector.errors import ModelRefused

__all__ = ["NO_TELEMETRY", "OnnxFacts", "OnnxInput", "inspect"]

logger = logging.getLogger(__name__)

#: ONNX Runtime, which may load the file, must neither write a device's id nor report the model.
NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
_WALL_SECONDS = 600  # the reader limits its processor time to less; this is for a stuck disk


@dataclass(frozen=True)
class OnnxInput:
    """An input: its name, its element type in ONNX's lower-case words, its axes (None: any size)."""

    name: str
    element_type: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class OnnxFacts:
    """The facts of an ONNX file.

    `parameters`: elements of all distinct weights, wherever they lie, also of those that ConstantOfShape
    makes; not running statistics of batch normalisations, quantisation scales, shapes and other arguments of
    operators. None where an operator that nobody here knows may hold some in its attributes.
    `macs`: multiply-accumulates of convolutions and matrix products for one item; None where the graph does
    not tell them all.
    `weights_precision`: fp64, fp32, fp16, bf16, fp8, int8 or int4 where 90 % of the weights' bytes are that,
    else mixed.
    `fixed_batch_size`: the only batch size that the graph takes, None for any. `graph`: what it asks for, as
    JSON holds it.
    """

    parameters: int | None
    macs: int | None
    size_bytes: int
    weights_precision: str
    fixed_batch_size: int | None
    inputs: tuple[OnnxInput, ...]
    opset: int
    ir_version: int
    graph: Mapping[str, Any]


def inspect(
    path: Path,
    called: str | None = None,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[str, Any] | None = None,
) -> OnnxFacts:
    """Reads the ONNX file at `path`; `called` names it in messages.

    `sizes` and `values`: what was given for its axes and inputs, by which its MACs are counted. ModelRefused,
    with one sentence, for a file that is unreadable, damaged, larger than 2 GiB, has weights in other files,
    or inputs that cannot be fed. Takes a fraction of a second, some seconds for the largest files.
    """
    given = {"sizes": dict(sizes or {}), "values": dict(values or {})}
    return _facts(_read_apart(path, called if called is not None else str(path), given))


def broken(path: Path, called: str, feeds: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Why the ONNX file at `path` cannot take one of `feeds`, by its place among them.

    Each has a `batch_size` and `sizes` of free axes; nothing is said where shapes do not tell. `called` names
    the file in messages. Raises ModelRefused.
    """
    return dict(_read_apart(path, called, {"feeds": list(feeds)})["broken"])


def _read_apart(path: Path, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "paretofleet_collector.models.onnxfile", str(path), name]
    command.append(json.dumps(given))
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=_WALL_SECONDS,
            check=False,
            env={**os.environ, **NO_TELEMETRY},
        )
    except subprocess.TimeoutExpired as error:
        raise ModelRefused(
            f"{name}: reading it takes longer than {_WALL_SECONDS} s, and not for its own sake: the disk "
            "or the machine is too busy; add it again later"
        ) from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        logger.debug("the reader of %s said: %s", name, done.stderr[-2000:].decode(errors="replace"))
        raise ModelRefused(
            f"{name}: the ONNX checker broke down on it (code {done.returncode}): "
            "the file is damaged or too complex; export the model again"
        ) from error
    if "refused" in answer:
        raise ModelRefused(answer["refused"])
    return dict(answer)


def _facts(answer: dict[str, Any]) -> OnnxFacts:
    inputs = tuple(OnnxInput(i["name"], i["element_type"], tuple(i["shape"])) for i in answer.pop("inputs"))
    return OnnxFacts(inputs=inputs, **answer)
