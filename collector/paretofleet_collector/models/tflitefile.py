"""What a tflite file says about itself: read in a process of its own, as the other strangers' files are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paretofleet_graph import GraphRefused, facts_apart, is_tflite

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.plain_text import printable

__all__ = ["inspect", "is_tflite"]

#: Letters of what a file says of its converter.
MAKER_MAX = 60


def inspect(path: Path, called: str) -> dict[str, Any]:
    """What the store keeps of the tflite file at `path`, `called` so in messages; raises ModelRefused."""
    try:
        facts = dict(facts_apart(str(path)))
    except GraphRefused as error:
        raise ModelRefused(str(error).replace(path.name, called)) from None
    if not facts["graph"]["inputs"]:
        raise ModelRefused(f"{called} takes no input: there is nothing to measure")
    maker = printable(str(facts.pop("maker")))[:MAKER_MAX]
    return facts | {
        "size_bytes": path.stat().st_size,
        "fixed_batch_size": facts["graph"]["fixed_batch_size"],
        "recipe": f"file ({maker})" if maker else "file",
    }
