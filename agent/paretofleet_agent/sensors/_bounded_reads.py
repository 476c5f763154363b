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

from paretofleet_agent.hardware.sysfs import given_up

#: A driver that works answers in a fraction of this, and at a start there is time.
LIMIT_S = 3.0
#: What a file gets at least where those before it took all the time.
LEAST_S = 0.3
READ_BYTES = 64
#: So many files are given up before a search is, and so often a search is looked after.
HUNG_MAX, LOOK_S = 3, 0.1

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


def find_within(find: Callable[[], Answer], limit_s: float = LIMIT_S) -> tuple[Answer | None, list[Path]]:
    """What `find` answers, and the files that it read in vain for `limit_s` seconds.

    It is asked again without such a file, three of them at most; then the answer is None.
    """
    hung: list[Path] = []
    while len(hung) < HUNG_MAX:
        answers: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
        thread = threading.Thread(target=_put_answer, args=(find, answers), daemon=True)
        thread.start()
        path = None
        while path is None:
            with contextlib.suppress(queue.Empty):
                answer = answers.get(timeout=LOOK_S)
                if isinstance(answer, BaseException):
                    raise answer
                return answer, hung
            path = given_up(thread.ident or 0, limit_s)
        hung.append(path)
    return None, hung


def _put_answer(call: Callable[[], Answer], answers: queue.SimpleQueue[Answer | BaseException]) -> None:
    try:
        answers.put(call())
    except BaseException as error:  # noqa: BLE001  raised again where it was asked for
        answers.put(error)


def within(call: Callable[[], Answer], limit_s: float) -> Answer | None:
    """What `call` gives, or None where it takes more than `limit_s` seconds. Raises what it raises."""
    answers: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
    threading.Thread(target=_put_answer, args=(call, answers), daemon=True).start()
    with contextlib.suppress(queue.Empty):
        answer = answers.get(timeout=limit_s)
        if isinstance(answer, BaseException):
            raise answer
        return answer
    return None


def _within(call: Callable[[Path], Answer], path: Path, limit_s: float) -> Answer | OSError:
    try:
        answer = within(lambda: call(path), limit_s)
    except OSError as error:
        return error
    if answer is None:
        return TimeoutError(errno.ETIMEDOUT, f"a read that does not return, after {limit_s:.1f} s", str(path))
    return answer


def _open(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.pread(descriptor, READ_BYTES, 0)
    return descriptor
