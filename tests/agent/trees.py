"""Copied trees from tests/fixtures, one line a file: PATH = CONTENT with Python's escapes.

Other lines: `!dir PATH`, `!fifo PATH`, `!ln TARGET PATH` and `!chmod MODE PATH`, with an octal mode.

The layouts follow drivers, device trees and guides; the values are plausible and no measurements.
Device tree properties hold exactly their content; every other file ends in a new line, as in /sys.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Sequence

FIXTURES = Path(__file__).parent.parent / "fixtures"
EXACT = ("proc/device-tree/", "/of_node/")


def unpack(name: str, root: Path) -> Path:
    """Unpacks tests/fixtures/NAME/tree.txt below `root`."""
    for line in (FIXTURES / name / "tree.txt").read_text().splitlines():
        if line.startswith("!"):
            _obey(line.split(), root)
        elif line and not line.startswith("#"):
            path, _, content = line.partition(" = ")
            end = "" if any(part in path for part in EXACT) else "\n"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes((content.encode().decode("unicode_escape") + end).encode("latin-1"))
    return root


def _obey(directive: Sequence[str], root: Path) -> None:
    path = root / directive[-1]
    path.parent.mkdir(parents=True, exist_ok=True)
    if directive[0] == "!dir":
        path.mkdir(exist_ok=True)
    elif directive[0] == "!fifo":
        os.mkfifo(path)
    elif directive[0] == "!ln":
        path.symlink_to(directive[1])
    elif directive[0] == "!chmod":
        path.chmod(int(directive[1], 8))
    else:
        raise ValueError(directive[0])
