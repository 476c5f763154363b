"""What parts are made of in the tests of engines; Spark's processes import it."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def doubled(work: bytes) -> bytes:
    return work + work


def killed_once(work: bytes) -> bytes:
    """`work` is the path of a file; the process dies before that is there."""
    mark = Path(os.fsdecode(work))
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return work


def killed(_: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def refused(work: bytes) -> bytes:
    raise FileNotFoundError(f"There is no folder {work.decode()}.")


def too_large(_: bytes) -> bytes:
    return bytes(200 << 20)
