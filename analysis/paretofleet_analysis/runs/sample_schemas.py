"""The names that samples arrive with: phases, schemas, and the columns of each.

They repeat the agent's `model.py`, because the analysis may import nothing of the agent; a layout test
holds both equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from paretofleet_analysis.errors import SampleError

#: A run's samples: stream name to columns by name, int64.
Streams = Mapping[str, Mapping[str, np.ndarray]]

#: Phases of a run in their order, and what happens in each.
PHASE_MEANINGS: Mapping[str, str] = {
    "idle_before": "nothing is loaded",
    "load": "the model is loaded and runs for the first time",
    "warm_up": "it runs until its times are steady",
    "guard_before": "it runs, so that a slow sensor sees nothing else in the window",
    "measure": "the measured window",
    "guard_after": "it runs on, for the same reason",
    "idle_after": "the model is loaded and nothing runs",
    "end": "closes the phase before it",
}
#: A mark stores the index.
PHASES = tuple(PHASE_MEANINGS)


@dataclass(frozen=True)
class SampleSchema:
    """What the samples of some streams are: `columns` by name to meaning, all int64, in their order."""

    streams: str
    columns: Mapping[str, str]


SAMPLE_SCHEMAS: Mapping[str, SampleSchema] = {
    "iterations/1": SampleSchema(
        "iterations", {"start_ns": "when an iteration began", "duration_ns": "how long it took"}
    ),
    "power/1": SampleSchema(
        "power:SOURCE/RAIL", {"t_ns": "when the sensor was read", "value_uw": "the power that it showed"}
    ),
    "energy/1": SampleSchema(
        "power:SOURCE/RAIL", {"t_ns": "when the counter was read", "counter_uj": "how far it had counted"}
    ),
    "marks/1": SampleSchema("marks", {"t_ns": "when a phase began", "phase": "its number, from 0"}),
    "predictions/1": SampleSchema(
        "predictions",
        {
            "item": "the number of an item of a labelled set, from 0",
            "class": "one of its five best classes; the samples of an item follow one another, best first",
        },
    ),
    "state/1": SampleSchema(
        "state", {"t_ns": "when it was written down", "n_bytes": "length of its JSON text, which follows"}
    ),
}
#: Columns of each chunk schema.
SCHEMAS: Mapping[str, tuple[str, ...]] = {
    name: tuple(schema.columns) for name, schema in SAMPLE_SCHEMAS.items()
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
