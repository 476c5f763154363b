"""Channels that share a label: whose reading is whose cannot be known, so neither is used."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence, TypeVar

from paretofleet_agent.model import Unavailable

T = TypeVar("T")


def without_namesakes(
    source: str, labelled: Sequence[tuple[str, Path, T]]
) -> tuple[list[T], list[Unavailable]]:
    """The items of `labelled`, (label, a file, item) each, whose label is text and theirs alone.

    For each other label of this `source`, the reason, with its files.
    """
    groups: dict[str, list[tuple[Path, T]]] = {}
    for label, path, item in labelled:
        groups.setdefault(label, []).append((path, item))
    unique: list[T] = []
    absent: list[Unavailable] = []
    for label, group in groups.items():
        paths = " and ".join(str(path) for path, _ in group)
        if not _is_text(label):
            why = f"the name {label!a} is no text, so what {paths} measures is not known"
            absent.append(Unavailable(f"{source} total", why, "a kernel that names it"))
        elif len(group) > 1:
            why = f"{len(group)} channels are called {label}: {paths}; which is the board's cannot be known"
            fix = "another label in the device tree of the one that is not NVIDIA's, or an external meter"
            absent.append(Unavailable(f"{source}/{label}", why, fix))
        else:
            unique.append(group[0][1])
    return unique, absent


def _is_text(label: str) -> bool:
    return label.isprintable() and "\N{REPLACEMENT CHARACTER}" not in label
