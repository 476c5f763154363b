"""The process that makes a variant: `python -m paretofleet_collector.models.recipes`.

Reads its task, one JSON object as `make` writes it, and prints the answer, or {"refused": sentence}.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from paretofleet_collector.errors import ModelRefused

_PR_SET_PDEATHSIG = 1
_CPU_SECONDS = 3000
#: Address space: libraries reserve much that they never use. Weights are there several times over.
_MEMORY_BYTES, _COPIES = 8 << 30, 12


def _limit(path: Path) -> None:
    """Bounds what a file can take from this machine; the process ends with who asked for it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: _CPU_SECONDS,
        resource.RLIMIT_AS: _MEMORY_BYTES + _COPIES * path.stat().st_size,
    }
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _answer(task: dict[str, Any]) -> dict[str, Any]:
    from paretofleet_collector.models.recipes import kinds

    try:
        return kinds.made(task)
    except ModelRefused as error:
        return {"refused": str(error)}
    except ImportError as error:
        extra = "`pip install 'paretofleet-collector[models]'`"
        return {
            "refused": f"{task['called']}: the recipe needs {error.name or error}: install it with {extra}."
        }
    except (MemoryError, RecursionError):
        return {"refused": f"{task['called']}: making the variant needs more memory than it may take."}


if __name__ == "__main__":
    given = json.load(sys.stdin)
    _limit(Path(given["parent"]))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints
    logging.disable(logging.WARNING)
    json.dump(_answer(given), out)
    out.close()
