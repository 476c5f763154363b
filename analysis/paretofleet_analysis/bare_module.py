"""A module of a library without what its package loads around it."""

from __future__ import annotations

import sys
from collections.abc import Collection
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def bare_module(package: str, module: str, names: Collection[str]) -> ModuleType:
    """The `module` of a `package`, which is not run for it; the package, run, where it was already or where
    the module lacks any of the `names`, as it may in another release.

    Whoever imports the package later gets the whole. Raises ImportError without the package.
    """
    spec = None if package in sys.modules else find_spec(package)
    if spec is not None:
        stand_in = ModuleType(package)
        stand_in.__path__ = list(spec.submodule_search_locations or ())
        sys.modules[package] = stand_in
        try:
            alone = import_module(f"{package}.{module}")
        except ImportError:
            alone = stand_in
        finally:
            del sys.modules[package]
        if all(hasattr(alone, name) for name in names):
            return alone
    return import_module(package)
