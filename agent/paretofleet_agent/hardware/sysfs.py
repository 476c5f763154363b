"""The small text files below /sys, /proc and the device tree."""

from __future__ import annotations

from pathlib import Path


def text(path: Path) -> str:
    """A file's text without the white space around it; empty where it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def number(path: Path) -> int | None:
    """The integer in a file, None where there is none."""
    try:
        return int(text(path))
    except ValueError:
        return None
