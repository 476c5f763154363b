"""Files of samples that users have fed to models: frozen data, no logic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InputArray:
    """An array of a file of samples, the first axis of its `shape` being that of the samples.

    `type` as numpy names it: float32, int64. `low` and `high` are the least and the largest value, None
    for text and for an array without values. `is_finite`: no value is infinite or not a number.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    low: float | None = None
    high: float | None = None
    is_finite: bool = True


@dataclass(frozen=True)
class InputFile:
    """An .npz of samples in the lake, known by its SHA-256; `name` is what its file was called."""

    sha256: str
    size_bytes: int
    name: str
    arrays: tuple[InputArray, ...]


@dataclass(frozen=True)
class NewInputs:
    """A file of samples that a user sends."""

    name: str
    size_bytes: int
    sha256: str
