"""The names that samples arrive with: phases, schemas, and the columns of each.

They repeat the agent's `model.py`, because the analysis may import nothing of the agent; a layout test
holds both equal.
"""

from __future__ import annotations

from collections.abc import Mapping

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
