"""The native form of the kernel: kernel.c and its parts, compiled by build.py and called through ctypes."""

from __future__ import annotations

import ctypes
import functools
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from paretofleet_analysis.pareto.samples import Flags, Floats, Ints

from .build import LIBRARY
from .index import LANES, Index, Sums
from .query import FLOOR, Engine, Points, SharedCodes
from .rank_codes import PADDING, Codes

#: The instruction sets of the kernel, the best first, with their numbers in kernel.c.
LEVELS = {"avx512": 2, "avx2": 1, "neon": 3, "scalar": 0}
_LEVELS_MAX = 8
#: Work is handed to threads in parts, so that a slow part does not keep the others waiting.
_PARTS_PER_THREAD = 32

_Pointer = ctypes.c_void_p
_Int = ctypes.c_int64


class NativeUnavailable(Exception):
    """There is no library to load, or it lacks the instruction set asked for."""


class _Index(ctypes.Structure):
    _fields_ = (
        ("complements", _Pointer),
        ("starts", _Pointer),
        ("runs", _Pointer),
        ("potentials", _Pointer),
        ("precedences", _Pointer),
        ("size", _Int),
        ("dimensions", _Int),
        ("corner_dimensions", _Int),
        ("level_count", _Int),
        ("centres", _Pointer),
        ("levels", _Pointer * _LEVELS_MAX),
        ("blocks", _Int * _LEVELS_MAX),
    )


class _Points(ctypes.Structure):
    _fields_ = (
        ("codes", _Pointer),
        ("cuts", _Pointer),
        ("batches", _Pointer),
        ("owners", _Pointer),
        ("homes", _Pointer),
        ("potentials", _Pointer),
        ("precedences", _Pointer),
        ("rule", _Int),
        ("floor", ctypes.c_double),
    )


class _Shared(ctypes.Structure):
    _fields_ = (
        ("values", _Pointer),
        ("cuts", _Pointer),
        ("worst", _Pointer),
        ("least_cuts", _Pointer),
        ("blocks", _Pointer),
        ("loose", _Pointer),
        ("potentials", _Pointer),
        ("precedences", _Pointer),
        ("starts", _Pointer),
        ("block_starts", _Pointer),
        ("components", _Int),
        ("group_count", _Int),
        ("most_values", _Int),
    )


#: That of kernel.c; a library that was compiled of another version is not called.
_INTERFACE = 4


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise NativeUnavailable(f"{LIBRARY.name} cannot be loaded: {error}") from error
    if not hasattr(library, "pf_interface") or library.pf_interface() != _INTERFACE:
        raise NativeUnavailable(
            f"{LIBRARY.name} is of another version; run python -m paretofleet_analysis.pareto.kernel.build"
        )
    return library


class NativeEngine(Engine):
    """`query.Engine` in C. `level` is one of `LEVELS`, or "auto" for the best that this processor knows."""

    def __init__(self, level: str = "auto") -> None:
        self._library = _library()
        supported = [name for name, number in LEVELS.items() if self._library.pf_supports(number)]
        if level not in ("auto", *supported):
            raise NativeUnavailable(f"this processor knows {', '.join(supported)}")
        self.name = supported[0] if level == "auto" else level
        self._level = LEVELS[self.name]

    def surviving(self, levels: tuple[Codes, ...], rows: Floats, starts: Ints, threads: int) -> Flags:
        """See `query.Engine`."""
        corners = _levels(levels)
        corners.size = levels[0].shape[0] * LANES
        arguments = (
            ctypes.byref(corners),
            _pointer(corners, rows, np.float64),
            _pointer(corners, starts, np.int64),
        )
        out = np.zeros(len(rows), dtype=np.bool_)
        self._run("pf_surviving", arguments, len(starts) - 1, out, threads)
        return out

    def products(self, index: Index, points: Points, orders: int, threads: int) -> Floats:
        """See `query.Engine`."""
        c_index, c_points = _index(index), _points(points)
        out = np.zeros((len(points.codes), orders))
        arguments = (ctypes.byref(c_index), ctypes.byref(c_points), _Int(orders))
        self._run("pf_products", arguments, len(points.batches) - 1, out, threads)
        return out

    def shared_products(
        self, index: Index, points: Points, groups: Codes, shared: SharedCodes, threads: int
    ) -> Floats:
        """See `query.Engine`."""
        c_index, c_points, c_shared = _index(index), _points(points), _shared(shared)
        out = np.zeros(len(points.codes))
        pointers = (ctypes.byref(c_index), ctypes.byref(c_points), _pointer(c_shared, groups, np.int32))
        self._run(
            "pf_shared_products", (*pointers, ctypes.byref(c_shared)), len(points.batches) - 1, out, threads
        )
        return out

    def pairs(self, index: Index, points: Points, columns: Ints, threads: int) -> Floats:
        """See `query.Engine`."""
        c_index, c_points = _index(index), _points(points)
        out = np.zeros((len(columns) - 1, index.size))
        arguments = (ctypes.byref(c_index), ctypes.byref(c_points), _pointer(c_points, columns, np.int64))
        self._run("pf_pairs", arguments, len(out), out, threads)
        return out

    def _run(
        self, name: str, arguments: tuple[Any, ...], batches: int, out: np.ndarray[Any, Any], threads: int
    ) -> None:
        """Call a function of the library for all batches, in parts if there are several threads."""
        function = getattr(self._library, name)

        def part(bounds: tuple[int, int]) -> int:
            address = _Pointer(out.ctypes.data)
            return int(function(self._level, *arguments, _Int(bounds[0]), _Int(bounds[1]), address))

        if threads < 1:
            raise ValueError(f"threads is {threads}; give 1 or more")
        if threads == 1:
            codes = [part((0, batches))]
        else:
            cuts = np.linspace(0, batches, threads * _PARTS_PER_THREAD + 1).astype(int).tolist()
            with ThreadPoolExecutor(threads) as pool:
                codes = list(pool.map(part, itertools.pairwise(cuts)))
        if -1 in codes:
            raise MemoryError("the kernel found no memory to work in")


def _pointer(holder: ctypes.Structure, array: np.ndarray[Any, Any], dtype: Any) -> ctypes.c_void_p:
    """A pointer to `array` as contiguous `dtype`, kept alive by `holder`."""
    whole = np.ascontiguousarray(array, dtype=dtype)
    holder.__dict__.setdefault("arrays", []).append(whole)
    return _Pointer(whole.ctypes.data)


def _levels(levels: tuple[Codes, ...]) -> _Index:
    out = _Index(corner_dimensions=levels[0].shape[1], level_count=len(levels))
    for number, level in enumerate(levels):
        out.levels[number] = _pointer(out, level, np.int32)
        out.blocks[number] = len(level)
    return out


def _index(index: Index) -> _Index:
    out = _levels(index.levels)
    out.complements = _pointer(out, index.complements, np.int32)
    out.starts = _pointer(out, index.starts, np.int64)
    out.centres = _pointer(out, index.centres, np.int32)
    out.runs = _pointer(out, index.runs, np.float64)
    out.size, out.dimensions = index.size, index.dimensions
    if index.sums is not None:
        _add_sums(out, index.sums)
    return out


def _add_sums(holder: _Index | _Points | _Shared, sums: Sums) -> None:
    holder.potentials = _pointer(holder, sums.potentials, np.float64)
    holder.precedences = _pointer(holder, sums.precedences, np.int64)


def _points(points: Points) -> _Points:
    out = _Points(rule=int(points.rule), floor=FLOOR)
    out.codes = _pointer(out, points.codes, np.int32)
    out.batches = _pointer(out, points.batches, np.int64)
    out.owners = _pointer(out, points.members(), np.int32)
    if points.cuts is not None:
        out.cuts = _pointer(out, points.cuts, np.int32)
    if points.homes is not None:
        out.homes = _pointer(out, points.homes, np.int32)
    if points.sums is not None:
        _add_sums(out, points.sums)
    return out


def _shared(shared: SharedCodes) -> _Shared:
    counts = np.diff(shared.starts)
    block_starts = np.concatenate([[0], np.cumsum(-(-counts // LANES))])
    within = np.arange(len(shared.values)) - np.repeat(shared.starts[:-1], counts)
    blocks = np.full((block_starts[-1], shared.values.shape[1], LANES), PADDING, dtype=np.int32)
    blocks[np.repeat(block_starts[:-1], counts) + within // LANES, :, within % LANES] = shared.values
    out = _Shared(components=shared.values.shape[1], group_count=len(counts), most_values=int(counts.max()))
    out.starts = _pointer(out, shared.starts, np.int64)
    out.block_starts = _pointer(out, block_starts, np.int64)
    out.blocks = _pointer(out, blocks, np.int32)
    out.least_cuts = _pointer(out, np.minimum.reduceat(shared.cuts, shared.starts[:-1], axis=0), np.int32)
    out.values = _pointer(out, shared.values, np.int32)
    out.cuts = _pointer(out, shared.cuts, np.int32)
    out.worst = _pointer(out, shared.worst, np.int32)
    out.loose = _pointer(out, shared.loose, np.int32)
    _add_sums(out, shared.sums)
    return out
