"""The names that samples arrive with: phases, schemas, and the columns of each.

They repeat the agent's `model.py`, because the analysis may import nothing of the agent; a layout test
holds both equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from paretofleet_analysis.errors import SampleError

#: A run's samples: stream name to columns by name, int64.
Streams = Mapping[str, Mapping[str, np.ndarray]]

#: Phases of a run in their order; a mark stores the index.
PHASES = ("idle_before", "load", "warm_up", "guard_before", "measure", "guard_after", "idle_after", "end")

#: Columns of each chunk schema, all int64.
SCHEMAS: Mapping[str, tuple[str, ...]] = {
    "iterations/1": ("start_ns", "duration_ns"),
    "power/1": ("t_ns", "value_uw"),
    "energy/1": ("t_ns", "counter_uj"),
    "marks/1": ("t_ns", "phase"),
    "state/1": ("t_ns", "n_bytes"),
}


def stream_columns(streams: Streams, name: str, schema: str) -> tuple[np.ndarray, np.ndarray]:
    """The two columns of the stream `name` as int64 arrays, empty where `streams` has no such stream.

    Raises `SampleError` where it does not follow the `schema`, or its columns differ in length.
    """
    columns = streams.get(name)
    if columns is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    missing = [column for column in SCHEMAS[schema] if column not in columns]
    if missing:
        raise SampleError(f"stream {name} has no column {missing[0]}: it does not follow schema {schema}")
    first, second = (np.asarray(columns[column], dtype=np.int64) for column in SCHEMAS[schema])
    if first.size != second.size:
        raise SampleError(
            f"stream {name} has columns of {first.size} and {second.size} values: seal it again"
        )
    return first, second


def sensor_readings(streams: Streams, sensor: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Times in ns and values in micro-units that `streams` has of the `sensor`; raises SampleError."""
    schema = str(sensor.get("schema"))
    if schema not in ("energy/1", "power/1"):
        raise SampleError(
            f"sensor {sensor.get('stream')} has schema {schema}: energy/1 or power/1 is expected"
        )
    return stream_columns(streams, str(sensor.get("stream")), schema)
