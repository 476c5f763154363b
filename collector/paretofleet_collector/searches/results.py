"""What the user's training says it came to, in result.json, held against what can be meant."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paretofleet_collector.bounded_json import parse_bounded
from paretofleet_collector.errors import Refused
from paretofleet_collector.plain_text import shown

RESULT = "result.json"
SPLITS = ("validation", "test")
_EXAMPLE = '{"top1": 71.3, "top1_n": 4000, "split": "validation"}'
_BYTES_MAX = 65_536
_ITEMS_MAX = 10**9


@dataclass(frozen=True)
class TrainingResult:
    """`top1` in percent of `top1_n` items of a `split`."""

    top1: float
    top1_n: int
    split: str


def read_result(path: Path, split: str) -> TrainingResult:
    """What the file at `path` says of the `split` that was asked for; raises Refused with one sentence."""
    try:
        if not path.is_file() or path.is_symlink():
            raise Refused(f"it wrote no {RESULT}; let it write {_EXAMPLE} there.")
        if path.stat().st_size > _BYTES_MAX:
            raise Refused(f"its {RESULT} has {path.stat().st_size:,} bytes; let it write {_EXAMPLE} there.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Refused(f"its {RESULT} is no text; let it write {_EXAMPLE} there.") from None
    try:
        value = parse_bounded(text, f"its {RESULT}")
    except Refused as error:
        raise Refused(f"{str(error).rstrip('.')}; let it write {_EXAMPLE} there.") from None
    if not isinstance(value, dict) or not {"top1", "top1_n", "split"} <= set(value):
        raise Refused(f"its {RESULT} lacks top1, top1_n or split; let it write {_EXAMPLE} there.")
    return TrainingResult(_top1(value), _items(value), _split(value, split))


def _top1(value: Mapping[str, Any]) -> float:
    top1 = value["top1"]
    if isinstance(top1, bool) or not isinstance(top1, int | float) or not 0 <= top1 <= 100:
        raise Refused(f"its top1 is {shown(top1)}, which is no percentage from 0 to 100.")
    if 0 < top1 <= 1:
        raise Refused(f"its top1 is {top1:g}, less than one item in a hundred: let it write {100 * top1:g}.")
    if not math.isfinite(top1):
        raise Refused("its top1 is no number.")
    return float(top1)


def _items(value: Mapping[str, Any]) -> int:
    items = value["top1_n"]
    if isinstance(items, bool) or not isinstance(items, int) or not 0 < items <= _ITEMS_MAX:
        raise Refused(f"its top1_n is {shown(items)}: let it write of how many items top1 is, at least 1.")
    return items


def _split(value: Mapping[str, Any], split: str) -> str:
    given = value["split"]
    if given == "test" and split != "test":
        raise Refused(
            "its top1 is of the test split, which a search never reads: let it keep validation items out of "
            "the training set, and write the split in PARETOFLEET_SPLIT."
        )
    if given != split:
        raise Refused(f"its split is {shown(given)}, but {split} was asked for, by PARETOFLEET_SPLIT.")
    return str(given)
