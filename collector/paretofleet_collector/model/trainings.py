"""What the trainings of a model came to and cost, as a variant keeps it and the wire carries it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from paretofleet_collector.errors import Refused

#: Trainings of one model that are kept.
SEEDS_MAX = 1000
#: A value for each training, in the order of `seeds`: accuracy in percent, costs in s and J, a rate in 1/s.
_EACH = ("top1", "s", "cpu_s", "energy_j", "images_s")
_COUNTS = ("epochs", "samples")
#: What is said of a training beside its counts.
_SAID = ("device", "compute_tflops_days", "compute_source")
_TEXTS = ("source", "set", "split", "preprocessing", "recipe", "technique")


def checked_training(text: str) -> dict[str, Any]:
    """The trainings in a JSON `text`, empty for an empty one; raises Refused for what is none.

    `seeds`: of each training; `top1`, `s`, `cpu_s`, `energy_j`, `images_s`: lists of as many numbers, null
    for an energy that no sensor told; `epochs`, `samples`: whole numbers; the rest words.
    """
    if not text:
        return {}
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("What was sent of trainings is no JSON; upgrade the command.") from None
    if not isinstance(given, dict):
        raise Refused("What was sent of trainings is no JSON object; upgrade the command.")
    seeds = given.get("seeds")
    if not isinstance(seeds, list) or not 1 <= len(seeds) <= SEEDS_MAX or not all(map(_is_whole, seeds)):
        raise Refused(f"Trainings have 1 to {SEEDS_MAX} `seeds`, whole numbers.")
    odd = next((key for key, value in given.items() if not _is_fit(key, value, len(seeds))), None)
    if odd is not None:
        raise Refused(f"`{odd}` of the trainings is not what it has to be; upgrade the command.")
    return given


def training_text(training: Mapping[str, Any]) -> str:
    """What is known of a `training`, for people: epochs, items, device, published compute.

    >>> training_text({"epochs": 90, "samples": 1281167, "device": "desk"})
    '90 epochs of 1,281,167 items, steps of desk'
    """
    count, compute = len(training.get("seeds", ())), training.get("compute_tflops_days")
    parts = (
        f"trained {count} times here" if count else "",
        f"{training['epochs']} epochs" if "epochs" in training else "",
        f"of {training['samples']:,} items" if "samples" in training else "",
    )
    words = (
        " ".join(part for part in parts if part),
        f"steps of {training['device']}" if training.get("device") else "",
        "" if compute is None else f"{compute:g} Tflop/s-days by {training['compute_source']}",
    )
    return ", ".join(word for word in words if word)


def checked_given(text: str) -> dict[str, Any]:
    """What a user says of a training in a JSON `text`; empty words take back. Raises Refused.

    `epochs` and `samples` of one epoch: whole numbers from 1; `device`: the name of that whose steps count;
    `compute_tflops_days`: a number above 0, with `compute_source` in words.
    """
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not set(given) <= {*_COUNTS, *_SAID}:
        raise Refused("What was sent of a training is none; upgrade the command.")
    for key, value in given.items():
        if key in _COUNTS and not (_is_whole(value) and value >= 1):
            raise Refused(f"--training-{key}: {str(value)[:32]} is no whole number from 1.")
        if key in ("device", "compute_source") and not (isinstance(value, str) and len(value) <= 200):
            raise Refused(f"The {key.replace('_', ' ')} of a training has at most 200 letters.")
    compute = given.get("compute_tflops_days")
    if compute is not None and not (_is_number(compute, 1e12) and compute > 0):
        raise Refused("--training-compute is a number above 0, of days at 10^12 operations a second.")
    if (compute is None) != (not given.get("compute_source")):
        raise Refused("--training-compute has a source: give --training-source, who published it, too.")
    return given


def _is_fit(key: str, value: Any, count: int) -> bool:
    if key in _EACH:
        most = 100.0 if key == "top1" else math.inf
        return (
            isinstance(value, list)
            and len(value) == count
            and all((each is None and key == "energy_j") or _is_number(each, most) for each in value)
        )
    if key in _COUNTS:
        return _is_whole(value)
    return key == "seeds" or (key in _TEXTS and isinstance(value, str) and len(value) <= 1000)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


def _is_number(value: Any, most: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= most
