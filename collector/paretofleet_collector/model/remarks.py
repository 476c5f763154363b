"""What people say of a sweep, which changes nothing of what runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remarks:
    """A note, and labels by which the sweep is found again."""

    note: str = ""
    labels: tuple[str, ...] = ()
