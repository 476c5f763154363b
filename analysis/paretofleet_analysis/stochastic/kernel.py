"""Which form of the kernel this process uses."""

from __future__ import annotations

import functools

from .plain import PlainEngine
from .query import Engine


@functools.cache
def engine() -> Engine:
    """The engine of this process."""
    return PlainEngine()
