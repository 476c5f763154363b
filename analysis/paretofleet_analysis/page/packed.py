"""Columns as a page carries them: as few letters as tell the same, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def packed(cells: Sequence[str]) -> dict[str, Any]:
    """The `cells` of a column, JSON-ready: `cells`, or where many are alike `values` and each one's `index`.

    >>> packed(["tx2", "tx2", "tx2", "nano"])
    {'values': ['tx2', 'nano'], 'index': [0, 0, 0, 1]}
    >>> packed(["a", "b"])
    {'cells': ['a', 'b']}
    """
    places: dict[str, int] = {}
    index = [places.setdefault(cell, len(places)) for cell in cells]
    if 2 * len(places) > len(cells):
        return {"cells": list(cells)}
    return {"values": list(places), "index": index}


def short_numbers(values: Iterable[float | None], scale: float = 1.0) -> list[float | None]:
    """The `values` times `scale` to five digits; more tell nothing of a run.

    >>> short_numbers([0.01234567, None, 2.0], 1e3)
    [12.346, None, 2000]
    """
    return [None if value is None else _short(value * scale) for value in values]


def _short(value: float) -> float:
    number = float(f"{value:.5g}")
    return int(number) if number.is_integer() and abs(number) < 1e15 else number
