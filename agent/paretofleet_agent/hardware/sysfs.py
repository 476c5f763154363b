"""The small text files below /sys, /proc and the device tree."""

from __future__ import annotations

from pathlib import Path


def text(path: Path) -> str:
    """The text of the file `path` without the white space around it; empty where it cannot be read.

    The strings of a device tree, which NULs end, come with spaces between them.
    """
    try:
        return path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def number(path: Path) -> int | None:
    """The integer in the file `path`, None where there is none."""
    try:
        return int(text(path))
    except ValueError:
        return None
