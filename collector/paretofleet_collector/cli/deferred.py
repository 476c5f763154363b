"""Loads parts of numpy when something uses them: scipy takes a copy of every name of numpy, which alone
makes it read a compiler of Fortran and a test framework.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

#: What of numpy no answer is made of.
PARTS = frozenset({"numpy.f2py", "numpy.polynomial", "numpy.testing"})


class _Deferrer(MetaPathFinder):
    """Finds the parts as everybody does, but has them run at the first use of an attribute."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for all but the parts, which leaves them to the others."""
        if fullname not in PARTS:
            return None
        import importlib.util

        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def defer() -> None:
    """From now on this process runs those parts of numpy only where something of them is used."""
    sys.meta_path.insert(0, _Deferrer())


def single_threaded() -> None:
    """From now on numpy starts no threads for linear algebra, unless the environment says how many: here are
    small matrices, and each thread takes processor time before it has anything to do.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
