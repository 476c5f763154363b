"""What can be wrong with a chunk by itself: checksum, name of the stream, schema, numbers. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from paretofleet_analysis.runs.sample_schemas import PHASES, SCHEMAS

from paretofleet_collector.model.entities import AttemptEnd, Chunk

STREAM = re.compile(r"iterations|marks|predictions|state|power:[A-Za-z0-9_.:+/-]{1,100}")
_SCHEMAS_OF: Mapping[str, tuple[str, ...]] = {
    "iterations": ("iterations/1",),
    "marks": ("marks/1",),
    "predictions": ("predictions/1",),
    "state": ("state/1",),
    "power": ("power/1", "energy/1"),
}
#: 36 years in ns, 320,000 kWh in uJ: sums of some of them still fit 64 bits.
VALUE_MAX = 1 << 60
#: Columns that hold no negative number: times, durations, counters, sizes. Power may flow back.
_NEVER_NEGATIVE = frozenset(
    {"t_ns", "start_ns", "duration_ns", "counter_uj", "phase", "n_bytes", "item", "class"}
)


def crc32_of(chunk: Chunk) -> int:
    """The checksum of the header and columns of `chunk`, as fleet.proto defines it."""
    key = chunk.key
    header = f"{key.run_id}/{key.attempt}/{chunk.stream}/{chunk.seq}/{chunk.schema}/{chunk.n}\n"
    return zlib.crc32(chunk.columns, zlib.crc32(header.encode()))


def end_crc32(end: AttemptEnd) -> int:
    """The checksum of an `end` of an attempt, as fleet.proto defines it."""
    booleans = f"{int(end.ok)}/{int(end.interrupted)}"
    head = f"{end.key.run_id}/{end.key.attempt}/{booleans}/{end.reason}/{end.message}\n"
    streams = "".join(f"{stream}={number}\n" for stream, number in sorted(end.chunks.items()))
    return zlib.crc32(f"{head}{streams}{end.facts_json}".encode())


def fault_of(chunk: Chunk) -> str:
    """What is malformed about `chunk`, in one sentence; empty when nothing is."""
    if not STREAM.fullmatch(chunk.stream):
        return f"'{chunk.stream}' is not the name of a stream"
    if chunk.schema not in _SCHEMAS_OF[chunk.stream.partition(":")[0]]:
        return f"stream {chunk.stream} cannot have schema '{chunk.schema}'"
    if chunk.seq < 0 or chunk.n <= 0:
        return f"seq {chunk.seq} and n {chunk.n} must be at least 0 and 1"
    names = SCHEMAS[chunk.schema]
    size = 8 * len(names) * chunk.n
    if len(chunk.columns) < size:
        return f"{chunk.n} samples of {chunk.schema} take {size} bytes, {len(chunk.columns)} came"
    table = np.frombuffer(chunk.columns, dtype="<i8", count=len(names) * chunk.n).reshape(len(names), chunk.n)
    return _columns_fault(chunk, dict(zip(names, table, strict=True)), len(chunk.columns) - size)


def _columns_fault(chunk: Chunk, columns: Mapping[str, NDArray[np.int64]], rest: int) -> str:
    """What is malformed about the columns; `rest` is the number of bytes behind them."""
    for name, column in columns.items():
        low, high = int(column.min()), int(column.max())
        if name in _NEVER_NEGATIVE and low < 0:
            return f"column {name} holds a negative number"
        if max(-low, high) > VALUE_MAX:
            return f"column {name} holds {high if high > -low else low}; at most {VALUE_MAX} is accepted"
    if "phase" in columns and int(columns["phase"].max()) >= len(PHASES):
        return f"there is no phase {int(columns['phase'].max())}"
    texts = sum(columns["n_bytes"].tolist()) if "n_bytes" in columns else 0
    if rest != texts:
        return f"{rest} bytes came behind {chunk.n} samples of {chunk.schema}, not {texts}"
    return ""
