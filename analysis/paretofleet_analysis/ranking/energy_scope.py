"""The energy of a row by the scope that it is of: package, module, board, wall."""

from __future__ import annotations

import math
from collections.abc import Sequence

from paretofleet_analysis.report.access import Row

#: Objectives that are readings of a power sensor: they compare only within one scope.
OF_POWER = ("energy_j_per_item", "power_w")


def take_scope(row: Row, scope: str) -> str | None:
    """Puts the energy of a `scope` in place of the primary one of a `row`; why not, where it has none."""
    rails = scope_rails(row, scope)
    if not rails or any(rail["energy_j_per_item"] is None for rail in rails):
        return f"no energy of scope {scope}"
    if len(rails) > 1 and not rails[0]["primary"]:
        return f"several sensors of scope {scope}, of which none is the total"
    row["power_scope"], row["power_source"] = scope, rails[0]["source"]
    gains = [rail["gain_uncertainty"] for rail in rails]
    row["energy_gain_uncertainty"] = None if None in gains else max(gains)
    steps = [rail["quantum_uncertainty"] for rail in rails]
    for name in OF_POWER:
        columns = zip(*(rail[f"{name}_runs"] for rail in rails), strict=True)
        row[name] = sum(rail[name] for rail in rails)
        row[f"{name}_runs"] = [None if None in values else sum(values) for values in columns]
        row[f"{name}_resolution"] = _width([rail[name] for rail in rails], steps)
    return None


def _width(values: Sequence[float], steps: Sequence[float | None]) -> float | None:
    """The width of the uniform error in a sum of `values` for the `steps` of their sensors: standard errors,
    relative to each; None where one is not known.
    """
    widths = [value * step for value, step in zip(values, steps, strict=True) if step is not None]
    return math.sqrt(12.0) * math.hypot(*widths) if len(widths) == len(values) else None


def scope_rails(row: Row, scope: str | None) -> list[Row]:
    """The entries of the energy of a `row` that are of that `scope`, or of any where that is None.

    Where primary ones are among them, those alone.
    """
    rails = [rail for rail in row["energy"] or () if scope in (None, rail["scope"])]
    primary = [rail for rail in rails if rail["primary"]]
    return primary if primary or scope is None else rails
