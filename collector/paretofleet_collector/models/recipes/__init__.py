"""Variants: each made from its parent's file by a recipe, in a process with limits on memory and time.

One file a recipe: a function from the path of a parent, the path of what it makes and the recipe's parameters
to nothing. `make` runs one apart, because libraries and files of strangers may take a machine's memory.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from paretofleet_collector.errors import ModelRefused, Refused
from paretofleet_collector.model.recipes import Recipe
from paretofleet_collector.models.onnxfile import NO_TELEMETRY

logger = logging.getLogger(__name__)

#: Below the limit of a job, so that its process outlives it.
WALL_S = 1500.0
#: What the kinds of recipes are computed by, as packages are called.
_TOOLS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("static", "dynamic", "fp16"), ("onnxruntime", "onnx", "numpy")),
    "int4": ("onnxruntime", "onnx", "onnx-ir", "numpy"),
    "bf16": ("onnx", "ml_dtypes", "numpy"),
    "prune": ("onnx", "numpy"),
    "cluster": ("onnx", "numpy"),
}


def tools_of(recipe: Recipe) -> dict[str, str]:
    """The packages by which the `recipe` is made, with their versions; raises Refused where one is absent."""
    versions = {}
    for name in _TOOLS[recipe.kind]:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            raise Refused(
                f"{recipe.text} needs the package {name} beside the collector: install it with "
                "`pip install 'paretofleet-collector[models]'`."
            ) from None
    return versions


def make(
    parent: str, folder: str, called: str, recipe: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Makes a variant of the file at `parent`, `called` so in messages, in `folder`, which is made anew.

    `recipe`: as its `as_json`; `given`: what the recipe needs beside it: `samples`, the path of a file of
    samples, `sizes` of free axes, and the `graph` of the parent. Returns the `path` of what was made, its
    `compressed_bytes` where a format that keeps no zeros or repeats would be smaller, else None. Raises
    ModelRefused. Nothing but `folder` is written, and its files are gone where that fails.
    """
    place = Path(folder)
    place.mkdir()
    try:
        answer = _made_apart(
            {"parent": parent, "folder": folder, "called": called, "recipe": dict(recipe), **given}
        )
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return answer


def _made_apart(task: dict[str, Any]) -> dict[str, Any]:
    called, folder = task["called"], task["folder"]
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "paretofleet_collector.models.recipes"],
            input=json.dumps(task).encode(),
            capture_output=True,
            timeout=WALL_S,
            check=False,
            env={**os.environ, **NO_TELEMETRY, "TMPDIR": folder},
        )
    except subprocess.TimeoutExpired:
        raise ModelRefused(
            f"{called}: making the variant takes longer than {WALL_S / 60:g} minutes: give a smaller "
            "model or fewer samples."
        ) from None
    printed = done.stderr[-2000:].decode(errors="replace")
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        logger.warning(
            "the process that made a variant of %s ended (%d): %s", called, done.returncode, printed
        )
        raise ModelRefused(
            f"{called}: the process that makes the variant ended early (code {done.returncode}), as for want "
            "of memory: try again, or give a smaller model."
        ) from None
    if "refused" in answer:
        logger.debug("the process that made a variant of %s said: %s", called, printed)
        raise ModelRefused(answer["refused"])
    return answer
