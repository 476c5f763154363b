"""Makes the pages of docs/reference and the pictures of docs that follow from the code: `make docs`.

`make check` and a test compare them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from reference.bench import benches
from reference.boards import boards
from reference.commands import commands
from reference.data import flags, lake, report, samples
from reference.keys import configuration, search, specification
from reference.limits import limits_page
from reference.photographs import PHOTOGRAPHS, page_stamp, stamp_of, take_photographs
from reference.pictures import frontier_picture, ranking_picture
from reference.service_file import service_variables
from reference.zoo import zoo_page

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
#: The pages by file name.
PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "specification.md": specification,
    "search.md": search,
    "configuration.md": configuration,
    "report.md": report,
    "flags.md": flags,
    "samples.md": samples,
    "lake.md": lake,
    "boards.md": boards,
    "bench.md": benches,
    "limits.md": limits_page,
    "zoo.md": zoo_page,
}

#: The file of settings of the collector as a service.
SERVICE_FILE = FOLDER.parents[1] / "deploy" / "paretofleet-collector.env"

#: The pictures by file name, in the folder above.
PICTURES: Mapping[str, Callable[[], str]] = {
    "ranking.svg": ranking_picture,
    "frontier.svg": frontier_picture,
}


def write_pages(folder: Path = FOLDER) -> None:
    """Writes every page into the `folder`."""
    for name, make in PAGES.items():
        (folder / name).write_text(make(), encoding="utf-8")
    if folder == FOLDER:
        SERVICE_FILE.write_text(service_variables(), encoding="utf-8")


def write_pictures(folder: Path = FOLDER.parent) -> None:
    """Writes every picture into the `folder`."""
    for name, make in PICTURES.items():
        (folder / name).write_text(make(), encoding="utf-8")


def write_photographs(folder: Path = FOLDER.parent) -> list[str]:
    """Photographs the page into the `folder` where the pictures there show another one; says why not."""
    return take_photographs(folder) if old_photographs(folder) else []


def old_photographs(folder: Path = FOLDER.parent) -> list[Path]:
    """The photographs in the `folder` that are missing, or do not show what the code makes."""
    paths = [folder / name for name in PHOTOGRAPHS]
    return [path for path in paths if not path.exists() or stamp_of(path.read_bytes()) != page_stamp()]


def stale() -> list[str]:
    """The files that are not what the code makes."""
    made = {FOLDER / name: make for name, make in PAGES.items()}
    made |= {FOLDER.parent / name: make for name, make in PICTURES.items()}
    made[SERVICE_FILE] = service_variables
    old = [
        path for path, make in made.items() if not path.exists() or path.read_text(encoding="utf-8") != make()
    ]
    return [str(path) for path in (*old, *old_photographs())]
