"""The report's column `energy`: what it holds of every power rail that was measured."""

from __future__ import annotations

import pyarrow as pa

from paretofleet_analysis.report.column import REAL, TEXT, YES_NO, Column

_LARGEST = "the largest of the counted runs' own"

#: The fields of an entry, in file order; `unit` "fraction": relative to the energy.
RAIL_COLUMNS: tuple[Column, ...] = (
    Column("scope", TEXT, "what the rail feeds: gpu-board, package, module, wall, ..."),
    Column("source", TEXT, "who was read: rapl, nvml, ina3221, meter, ..."),
    Column("rail", TEXT, "the source's name for it"),
    Column("kind", TEXT, "counter, instant, boxcar (a mean over a window) or filtered"),
    Column("primary", YES_NO, "whether it speaks for the target: its values are in the columns of the row"),
    Column("power_w", REAL, "mean power in the window", unit="W"),
    Column("energy_j_per_item", REAL, "energy of the window over its items", unit="J"),
    Column("idle_power_w", REAL, "idle power with the model loaded, else without", unit="W"),
    Column("relative_uncertainty", REAL, f"95 %, statistical: {_LARGEST}", unit="fraction"),
    Column("gain_uncertainty", REAL, "the sensor's unknown common factor", unit="fraction"),
    Column("power_w_runs", pa.list_(REAL), "power_w of each run", unit="W"),
    Column("energy_j_per_item_runs", pa.list_(REAL), "energy_j_per_item of each run", unit="J"),
    Column(
        "dynamic_j_per_item",
        REAL,
        "energy above idle; null where idle is more than 80 % of it, and then not told apart",
        unit="J",
    ),
    Column(
        "idle_kind", TEXT, "what idle_power_w is: armed_idle (model loaded) or cold_idle (nothing loaded)"
    ),
    Column("cold_idle_power_w", REAL, "idle power before the model is loaded", unit="W"),
    Column("armed_idle_power_w", REAL, "idle power with the model loaded", unit="W"),
    Column("edge_uncertainty", REAL, f"standard, of the window's edges: {_LARGEST}", unit="fraction"),
    Column("sampling_uncertainty", REAL, f"standard, of few refreshes: {_LARGEST}", unit="fraction"),
    Column("quantum_uncertainty", REAL, f"standard, of the sensor's steps: {_LARGEST}", unit="fraction"),
    Column("time_uncertainty", REAL, f"standard, of when it refreshed: {_LARGEST}", unit="fraction"),
    Column(
        "error_bound",
        REAL,
        f"what edges, steps and times can add up to at worst: {_LARGEST}",
        unit="fraction",
    ),
    Column("dynamic_relative_uncertainty", REAL, f"95 %, of dynamic_j_per_item: {_LARGEST}", unit="fraction"),
    Column("flags", pa.list_(TEXT), "what qualifies this rail in the counted runs, sorted"),
)

#: The type of the column; the meanings stay out of it, so that files stay as they were.
ENERGY_TYPE = pa.list_(pa.struct([pa.field(column.name, column.type) for column in RAIL_COLUMNS]))
