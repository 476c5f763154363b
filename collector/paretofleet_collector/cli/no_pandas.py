"""Keeps pandas out of the command's process: Arrow loads it wherever it is, which takes half a second."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Hider(MetaPathFinder):
    """Finds no pandas."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ModuleNotFoundError for pandas, and leaves everything else to the others."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError("no command needs pandas", name="pandas")
        return None


def hide() -> None:
    """From now on nothing in this process finds pandas, unless it is loaded already."""
    sys.meta_path.insert(0, _Hider())
