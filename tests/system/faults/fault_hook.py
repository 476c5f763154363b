"""Kills or breaks a process at a named place, without a line of it in the product: by a hook on imports.

A folder with a `sitecustomize.py` stands first on the process's path. When the named module is imported,
the named function is wrapped: its n-th call is the last thing that the process does (`before`, `after`),
kills it each time (`always`), or raises each time (`raise`), until it is disarmed. With `memory` its first
n calls, in whatever process, get no memory.
"""

from __future__ import annotations

import os
from pathlib import Path

HOOK = """
import contextlib, functools, importlib.abc, importlib.util, os, resource, signal, sys

MODULE, _, NAME = os.environ["FAULT_PLACE"].partition(":")
WHEN, COUNT, FLAG = os.environ["FAULT_WHEN"], int(os.environ["FAULT_COUNT"]), os.environ["FAULT_FLAG"]

def act():
    # Once only, however often the process is started again: the flag is the permission.
    global COUNT
    COUNT -= 1
    if COUNT > 0 or not os.path.exists(FLAG):
        return
    if WHEN == "raise":
        raise ZeroDivisionError("a fault of the suite")
    if WHEN != "always":
        os.unlink(FLAG)
    os.kill(os.getpid(), signal.SIGKILL)

@contextlib.contextmanager
def without_memory():
    # The flag counts, over all starts of the process.
    with open(FLAG) as file:
        left = int(file.read())
    if left:
        with open(FLAG + ".new", "w") as file:
            file.write(str(left - 1))
        os.replace(FLAG + ".new", FLAG)  # whoever reads it meanwhile reads a number
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    if left:
        resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

def wrapped(function):
    @functools.wraps(function)
    def call(*arguments, **options):
        if WHEN == "memory":
            with without_memory():
                return function(*arguments, **options)
        if WHEN != "after":
            act()
        result = function(*arguments, **options)
        if WHEN == "after":
            act()
        return result
    return call

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            owner, _, name = NAME.rpartition(".")
            holder = getattr(module, owner) if owner else module
            setattr(holder, name, wrapped(getattr(holder, name)))
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""


class Hook:
    """The variables for a process that is hit at `place` ("module:Class.function"), and its permission."""

    def __init__(self, folder: Path, place: str, when: str, count: int = 1) -> None:
        folder.mkdir()
        before = os.environ.get("PYTHONPATH")
        (folder / "sitecustomize.py").write_text(HOOK)
        self._flag = folder / "flag"
        self._flag.write_text(str(count))
        self.variables = {
            "PYTHONPATH": f"{folder}:{before}" if before else str(folder),
            "FAULT_PLACE": place,
            "FAULT_WHEN": when,
            "FAULT_COUNT": str(count),
            "FAULT_FLAG": str(self._flag),
        }

    def disarm(self) -> None:
        """Lets it happen no more."""
        self._flag.unlink(missing_ok=True)

    def has_struck(self) -> bool:
        """Whether the process was killed at its place."""
        return not self._flag.exists()

    def left(self) -> int:
        """How many calls will still get no memory."""
        return int(self._flag.read_text())
