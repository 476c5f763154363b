"""Limits as people write them: `batch_latency_p90_s=30ms`, `power_w<=10 W`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

import typer

#: Units that may stand behind a number, by the unit of the column, with their size in it.
UNITS: dict[str, dict[str, float]] = {
    "s": {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0},
    "W": {"mW": 1e-3, "W": 1.0},
    "J": {"uJ": 1e-6, "mJ": 1e-3, "J": 1.0},
    "bytes": {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30},
    "percent": {"%": 1.0},
    "1/s": {"1/s": 1.0},
}
_QUANTITY = re.compile(r"([0-9.eE+-]+)\s*([A-Za-z%][A-Za-z/]*|1/s)?")


def pairs(option: str, texts: Sequence[str] | None, example: str) -> Iterator[tuple[str, str]]:
    """COLUMN and VALUE of each of the `texts` of an `option`; BadParameter, with the `example`, otherwise."""
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not key or not equals or not value:
            raise typer.BadParameter(
                f"{option} '{text}': write COLUMN=VALUE, as in batch_latency_p90_s={example}"
            )
        yield key, value


def limits(maxima: Sequence[str] | None, requirements: Sequence[str] | None) -> dict[str, float]:
    """Upper limits by column, in the report's units; of two for one column the lower.

    `maxima`: COLUMN=VALUE, `requirements`: COLUMN<=VALUE; VALUE may have a unit. Raises BadParameter.
    """
    given = [("--max", key, value) for key, value in pairs("--max", maxima, "30ms")]
    for text in requirements or ():
        key, sign, value = (part.strip() for part in text.partition("<="))
        if not key or not sign or not value:
            raise typer.BadParameter(
                f"--require '{text}': write COLUMN<=VALUE, as in 'batch_latency_p99_s<=30ms' or 'power_w<=10'"
            )
        given.append(("--require", key, value))
    found: dict[str, float] = {}
    for option, key, value in given:
        limit = _quantity(option, key.strip(), value.strip())
        found[key.strip()] = min(limit, found.get(key.strip(), limit))
    return found


def _quantity(option: str, key: str, text: str) -> float:
    """A number with or without a unit, in the unit of the column `key`."""
    from paretofleet_analysis.objectives import OBJECTIVES

    match = _QUANTITY.fullmatch(text)
    number = None
    if match is not None:
        with suppress(ValueError):
            number = float(match[1])
    if match is None or number is None:
        raise typer.BadParameter(f"{option} {key}: '{text}' is not a number, with or without a unit")
    if match[2] is None:
        return number
    column = OBJECTIVES.get(key)
    units = (
        UNITS.get(column.unit, {})
        if column
        else {unit: k for each in UNITS.values() for unit, k in each.items()}
    )
    if match[2] not in units:
        fits = f"it takes {', '.join(units)}" if units else "it has no unit"
        raise typer.BadParameter(f"{option} {key}: '{match[2]}' is no unit of {key}; {fits}")
    return number * units[match[2]]
