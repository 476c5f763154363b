"""What the trainings of a model came to and cost, as a variant keeps it and the wire carries it."""

from __future__ import annotations

import json
import math
from typing import Any

from paretofleet_collector.errors import Refused

#: Trainings of one model that are kept.
SEEDS_MAX = 1000
#: A value for each training, in the order of `seeds`: accuracy in percent, costs in s and J, a rate in 1/s.
_EACH = ("top1", "s", "cpu_s", "energy_j", "images_s")
_COUNTS = ("epochs", "samples")
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
