"""The native form of the kernel: kernel.c, compiled by build.py and called through ctypes."""

from __future__ import annotations

import ctypes
import functools
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .build import LIBRARY
from .coding import Codes
from .index import Index
from .query import FLOOR, Engine, Points, SharedCodes
from .samples import Flags, Floats, Ints

#: The instruction sets of the kernel, the best first, with their numbers in kernel.c.
LEVELS = {"avx512": 2, "avx2": 1, "neon": 3, "scalar": 0}
_LEVELS_MAX = 8
#: Work is handed to threads in parts, so that a slow part does not keep the others waiting.
_PARTS_PER_THREAD = 8

_Pointer = ctypes.c_void_p
_Int = ctypes.c_int64


class NativeUnavailable(Exception):
    """There is no library to load, or it lacks the instruction set asked for."""


class _Index(ctypes.Structure):
    _fields_ = (
        ("codes", _Pointer),
        ("chunk_starts", _Pointer),
        ("runs", _Pointer),
        ("size", _Int),
        ("dimensions", _Int),
        ("corner_dimensions", _Int),
        ("level_count", _Int),
        ("levels", _Pointer * _LEVELS_MAX),
        ("blocks", _Int * _LEVELS_MAX),
    )


class _Points(ctypes.Structure):
    _fields_ = (
        ("codes", _Pointer),
        ("cuts", _Pointer),
        ("own", _Pointer),
        ("rule", _Int),
        ("floor", ctypes.c_double),
    )


class _Shared(ctypes.Structure):
    _fields_ = (
        ("values", _Pointer),
        ("cuts", _Pointer),
        ("starts", _Pointer),
        ("best", _Pointer),
        ("worst", _Pointer),
        ("groups", _Pointer),
        ("components", _Int),
        ("group_count", _Int),
        ("most_values", _Int),
    )


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise NativeUnavailable(f"{LIBRARY.name} cannot be loaded: {error}") from error


class NativeEngine(Engine):
    """`query.Engine` in C. `level` is one of `LEVELS`, or "auto" for the best that this processor knows."""

    def __init__(self, level: str = "auto") -> None:
        self._library = _library()
        known = [name for name, number in LEVELS.items() if self._library.pf_supports(number)]
        if level not in ("auto", *known):
            raise NativeUnavailable(f"this processor knows {', '.join(known)}")
        self.name = known[0] if level == "auto" else level
        self._level = LEVELS[self.name]

    def dominated(self, levels: tuple[Codes, ...], points: Codes, threads: int) -> Flags:
        """See `query.Engine`."""
        index, codes = _levels(levels), np.ascontiguousarray(points, dtype=np.int32)
        out = np.zeros(len(codes), dtype=np.uint8)
        self._run("pf_dominated", (ctypes.byref(index), _Pointer(codes.ctypes.data)), len(out), out, threads)
        return out.astype(np.bool_)

    def products(self, index: Index, points: Points, orders: int, threads: int) -> Floats:
        """See `query.Engine`."""
        c_index, c_points = _index(index), _points(points)
        out = np.zeros((len(points.codes), orders))
        arguments = (ctypes.byref(c_index), ctypes.byref(c_points), _Int(orders))
        self._run("pf_products", arguments, len(out), out, threads)
        return out

    def shared_products(
        self, index: Index, points: Points, group: Codes, shared: SharedCodes, threads: int
    ) -> Floats:
        """See `query.Engine`."""
        c_index, c_points, c_shared = _index(index), _points(points), _shared(shared)
        groups = np.ascontiguousarray(group, dtype=np.int32)
        out = np.zeros(len(groups))
        pointers = (ctypes.byref(c_index), ctypes.byref(c_points), _Pointer(groups.ctypes.data))
        self._run("pf_shared_products", (*pointers, ctypes.byref(c_shared)), len(out), out, threads)
        return out

    def pairs(self, index: Index, points: Points, starts: Ints, threads: int) -> Floats:
        """See `query.Engine`."""
        c_index, c_points = _index(index), _points(points)
        first = np.ascontiguousarray(starts, dtype=np.int64)
        out = np.zeros((len(first) - 1, index.size))
        arguments = (ctypes.byref(c_index), ctypes.byref(c_points), _Pointer(first.ctypes.data))
        self._run("pf_pairs", arguments, len(out), out, threads)
        return out

    def _run(
        self,
        name: str,
        arguments: tuple[Any, ...],
        count: int,
        out: Floats | np.ndarray[Any, Any],
        threads: int,
    ) -> None:
        """Call a function of the library for all of 0:count, in parts if there are several threads."""
        function = getattr(self._library, name)

        def part(bounds: tuple[int, int]) -> int:
            address = _Pointer(out.ctypes.data)
            return int(function(self._level, *arguments, _Int(bounds[0]), _Int(bounds[1]), address))

        if threads < 1:
            raise ValueError(f"threads is {threads}; give 1 or more")
        if threads == 1:
            codes = [part((0, count))]
        else:
            cuts = np.linspace(0, count, threads * _PARTS_PER_THREAD + 1).astype(int).tolist()
            with ThreadPoolExecutor(threads) as pool:
                codes = list(pool.map(part, itertools.pairwise(cuts)))
        if -1 in codes:
            raise MemoryError("the kernel found no memory for the products of the groups")


def _address(owner: ctypes.Structure, array: np.ndarray[Any, Any], dtype: Any) -> int:
    """The address of `array` as contiguous `dtype`, kept alive by `owner`."""
    whole = np.ascontiguousarray(array, dtype=dtype)
    owner.__dict__.setdefault("arrays", []).append(whole)
    return int(whole.ctypes.data)


def _levels(levels: tuple[Codes, ...]) -> _Index:
    out = _Index(corner_dimensions=levels[0].shape[1], level_count=len(levels))
    for number, level in enumerate(levels):
        out.levels[number] = _address(out, level, np.int32)
        out.blocks[number] = len(level)
    return out


def _index(index: Index) -> _Index:
    out = _levels(index.levels)
    out.codes = _address(out, index.codes, np.int32)
    out.chunk_starts = _address(out, index.chunk_starts, np.int64)
    out.runs = _address(out, index.runs, np.float64)
    out.size, out.dimensions = index.size, index.dimensions
    return out


def _points(points: Points) -> _Points:
    out = _Points(rule=int(points.rule), floor=FLOOR)
    out.codes = _address(out, points.codes, np.int32)
    out.own = _address(out, points.own, np.int32)
    if points.cuts is not None:
        out.cuts = _address(out, points.cuts, np.int32)
    return out


def _shared(shared: SharedCodes) -> _Shared:
    out = _Shared(components=shared.values.shape[1], group_count=len(shared.best))
    out.most_values = int(np.diff(shared.starts).max())
    out.starts = _address(out, shared.starts, np.int64)
    for name in ("values", "cuts", "best", "worst", "groups"):
        setattr(out, name, _address(out, getattr(shared, name), np.int32))
    return out
