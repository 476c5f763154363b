"""Opening and reading files whose driver may never answer, such as that of a hung bus or mailbox.

A system call that hangs cannot be taken back: it is made in a thread of its own, which is left behind.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import threading
import time
from pathlib import Path
from typing import Callable, Iterable, TypeVar

#: A driver that works answers in a fraction of this, and at a start there is time.
LIMIT_S = 3.0
#: What a file gets at least where those before it took all the time.
LEAST_S = 0.3
READ_BYTES = 64

Answer = TypeVar("Answer")


def open_within(paths: Iterable[Path], limit_s: float = LIMIT_S) -> dict[Path, int | OSError]:
    """A descriptor of each of `paths` that was opened and read once, or the error of opening it.

    They get `limit_s` seconds in all, but each 0.3 s at least; the error of one that does not answer is a
    TimeoutError. That a read fails is none: whoever reads next will see it.
    """
    deadline_s = time.monotonic() + limit_s
    return {path: _within(_open, path, max(LEAST_S, deadline_s - time.monotonic())) for path in paths}


def read_within(path: Path, limit_s: float = LIMIT_S) -> str:
    """The text of the small file `path`.

    Raises OSError, which is a TimeoutError where it does not answer within `limit_s` seconds.
    """
    content = _within(Path.read_bytes, path, limit_s)
    if isinstance(content, OSError):
        raise content
    return content.decode("ascii", "replace")


def _within(call: Callable[[Path], Answer], path: Path, limit_s: float) -> Answer | OSError:
    answers: queue.SimpleQueue[Answer | OSError] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put(call(path))
        except OSError as error:
            answers.put(error)

    threading.Thread(target=answer, daemon=True).start()
    try:
        return answers.get(timeout=limit_s)
    except queue.Empty:
        return TimeoutError(errno.ETIMEDOUT, f"a read that does not return, after {limit_s:.1f} s", str(path))


def _open(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.pread(descriptor, READ_BYTES, 0)
    return descriptor
