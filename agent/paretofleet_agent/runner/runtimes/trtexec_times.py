"""The iterations in the file of --exportTimes: which of them count, and how long each was."""

import math
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

#: (start, end) of an iteration, by release: 8 and later, then 7.
EDGES = (("startH2dMs", "endD2hMs"), ("startInMs", "endOutMs"))
IterationTime = NamedTuple("IterationTime", [("start_ms", float), ("duration_ms", float)])
Row = Mapping[str, float]


def measured(rows: Sequence[Dict[str, Any]], warm_up_ms: int) -> List[IterationTime]:
    """The iterations of `rows`, as the file has them, after the warm-up, in order of their start.

    Releases before 8.5.1 write those of the warm-up too. They are left out as later ones do it: all before
    the first that computes at `warm_up_ms` or later (sampleReporting.cpp, printPerformanceReport).
    """
    rows = sorted(rows, key=lambda row: _edge(row, 0))
    first = next((at for at, row in enumerate(rows) if _computes_at(row) >= warm_up_ms), len(rows))
    rows = rows[first:]
    return [IterationTime(_edge(row, 0), duration) for row, duration in zip(rows, _durations(rows))]


def _durations(rows: Sequence[Row]) -> List[float]:
    """From copying in to copying out, in ms.

    Edges are printed with six digits of the time since the start, which is 0.1 ms from 10 s on; lengths with
    six digits of their own. So the parts' sum is taken and, for what lies between them, the mean of it,
    unless the edges contradict that.
    """
    wholes = [_edge(row, 1) - _edge(row, 0) for row in rows]
    if not all("latencyMs" in row for row in rows):
        return wholes
    between = sum(whole - row["latencyMs"] for whole, row in zip(wholes, rows)) / max(1, len(rows))
    durations = []
    for whole, row in zip(wholes, rows):
        close = row["latencyMs"] + between
        close = close if abs(close - whole) <= 1.5 * _step(_edge(row, 1)) else whole
        durations.append(row.get("endToEndMs", close))
    return durations


def _step(time_ms: float) -> float:
    """The last of six digits."""
    return 10.0 ** (math.floor(math.log10(max(time_ms, 1e-3))) - 5)


def _computes_at(row: Row) -> float:
    return row.get("startComputeMs", _edge(row, 0))


def _edge(row: Row, which: int) -> float:
    return float(row[next((edge for edge in EDGES if edge[0] in row), EDGES[0])[which]])
