"""Draws what a command prints as docs/NAME.svg: picture.py NAME COMMAND...

The picture in the README: `.venv/bin/python scripts/picture.py ranking .venv/bin/paretofleet rank
report.parquet` after `make demo`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text


def main(name: str, *command: str) -> None:
    """Runs the command and writes its output as an SVG beside the documentation."""
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    console = Console(record=True, width=100, file=sys.stderr)
    console.print(Text(printed))
    title = " ".join([Path(command[0]).name, *command[1:]])
    path = Path(__file__).parent.parent / "docs" / f"{name}.svg"
    path.write_text(console.export_svg(title=title), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
