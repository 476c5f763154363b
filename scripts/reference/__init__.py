"""Makes the pages of docs/reference that follow from the code: `make docs`. A test compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from reference.bench import benches
from reference.boards import boards
from reference.commands import commands
from reference.data import flags, report, samples
from reference.keys import configuration, specification
from reference.limits import limits_page

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
#: The pages by file name.
PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "specification.md": specification,
    "configuration.md": configuration,
    "report.md": report,
    "flags.md": flags,
    "samples.md": samples,
    "boards.md": boards,
    "bench.md": benches,
    "limits.md": limits_page,
}


def write_pages(folder: Path = FOLDER) -> None:
    """Writes every page into the `folder`."""
    for name, make in PAGES.items():
        (folder / name).write_text(make(), encoding="utf-8")
