"""Which form of the kernel this process uses: the native one where it was built, numpy elsewhere."""

from __future__ import annotations

import functools
import logging
import os

from .native import NativeEngine, NativeUnavailable
from .numpy_engine import NumpyEngine
from .query import Engine

logger = logging.getLogger(__name__)

#: "auto", "numpy" or one of native.LEVELS; for tests and for bug reports.
VARIABLE = "PARETOFLEET_ANALYSIS_KERNEL"


def engine() -> Engine:
    """The engine of this process, made once per value of the environment variable."""
    return _engine(os.environ.get(VARIABLE, "auto"))


@functools.cache
def _engine(name: str) -> Engine:
    if name == "numpy":
        return NumpyEngine()
    try:
        return NativeEngine(name)
    except NativeUnavailable as missing:
        if name != "auto":
            raise ValueError(f"{VARIABLE}={name} cannot be used: {missing}") from missing
        logger.warning("no native kernel (%s); numpy is used, about a hundred times slower", missing)
        return NumpyEngine()
