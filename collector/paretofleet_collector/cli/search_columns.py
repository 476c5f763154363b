"""Columns of a published table, as options name them."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def device_columns(option: str, given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """By device the columns that `given` texts NAME=TIME or NAME=TIME,ENERGY of an `option` name.

    Raises BadParameter.
    """
    mapped = {}
    for text in given:
        name, equals, values = text.partition("=")
        if not name or not equals or not values:
            raise typer.BadParameter(f"{option} '{text}': write NAME=TIME or NAME=TIME,ENERGY, two columns")
        mapped[name] = tuple(values.split(","))
    return mapped
