"""The process in which `inspect` reads a file: `python -m paretofleet_collector.models.onnxfile PATH NAME`.

Its third argument is a JSON object with the `sizes` and `values` that were given, or with `feeds` to try.
Prints one JSON object: the facts, what is `broken` of the feeds, or {"refused": sentence}.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from paretofleet_collector import interpreter
from paretofleet_collector.errors import ModelRefused

_CPU_SECONDS = 90
_MEMORY_BYTES = 6 << 30  # address space beside the file's copies: libraries reserve much that they never use
_COPIES = 4


def _limit(path: Path) -> None:
    """Bounds what a hostile file can take from this machine; a core dump would be as large as the file."""
    size = 0
    with suppress(OSError):
        size = path.stat().st_size
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: _CPU_SECONDS,
        resource.RLIMIT_AS: _MEMORY_BYTES + _COPIES * size,
    }
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, hard))


def _answer(path: Path, name: str, given: dict[str, Any]) -> dict[str, object]:
    from paretofleet_collector.models.onnxfile import reading

    try:
        if "feeds" in given:
            return {"broken": list(reading.broken(path, name, given["feeds"]).items())}
        return asdict(reading.read(path, name, given["sizes"], given["values"]))
    except ModelRefused as error:
        return {"refused": str(error)}
    except (MemoryError, RecursionError):
        return {
            "refused": f"{name}: it needs more memory than a file of its size may: export the model again"
        }


if __name__ == "__main__":
    interpreter.collect_seldom()
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported
    model = Path(sys.argv[1])
    _limit(model)
    json.dump(_answer(model, sys.argv[2], json.loads(sys.argv[3])), sys.stdout)
