"""Copied trees from tests/fixtures, one line a file: PATH = CONTENT with Python's escapes.

The layouts follow drivers, device trees and guides; the values are plausible and no measurements.
Device tree properties hold exactly their content; every other file ends in a new line, as in /sys.
"""

from __future__ import annotations

from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures"
EXACT = ("proc/device-tree/", "/of_node/")


def unpack(name: str, root: Path) -> Path:
    """Unpacks tests/fixtures/NAME/tree.txt below `root`."""
    for line in (FIXTURES / name / "tree.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            path, _, content = line.partition(" = ")
            end = "" if any(part in path for part in EXACT) else "\n"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes((content.encode().decode("unicode_escape") + end).encode("latin-1"))
    return root
