"""The limit of a GPU's power may change in a run: the larger of before and after it holds."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

#: Limits are told of boards; that of a module stands in its rail only.
BOARD = "gpu-board"


def raise_limits(rails: Sequence[dict[str, Any]], readings: Mapping[str, Any]) -> None:
    """Raises `max_power_w`, watts, in the facts of the `rails` to what the `readings` after the run allow."""
    gpus = readings.get("sensors", {}).get("nvml", {})
    for rail in rails:
        before_w = rail.get("max_power_w")
        after_w = gpus.get(rail.get("target_id"), {}).get("power_limit_w")
        if rail["scope"] == BOARD and before_w is not None and after_w is not None:
            rail["max_power_w"] = max(before_w, after_w)
