"""`paretofleet gc`: what on this machine nobody needs, said first and removed on demand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from paretofleet_collector import config
from paretofleet_collector.cli import garbage_text
from paretofleet_collector.cli.terminal import write_text
from paretofleet_collector.cli.units import size

EXAMPLE = "Example: paretofleet gc --keep resnet50 --yes"
#: Folders that a demo leaves where it was broken off, or told to keep them.
_DEMOS = "demo/[0-9]*-[0-9]*-*"


def gc(
    home: Annotated[
        Path | None,
        typer.Option(help="The folder of `up`.", show_default="~/.local/state/paretofleet"),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep", metavar="MODEL", help="A model that stays though no sweep has it. Repeatable."
        ),
    ] = None,
    demos: Annotated[
        bool, typer.Option("--demos", help="Also what demos left in ./demo, samples and all.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove it; without this, only say what it would be.")
    ] = False,
) -> None:
    """Free what nobody needs: models of no sweep, the agent's copies of them, what was merged or superseded.

    Nothing that a sweep or its report refers to, and nothing that waits to be sent. Stop `up` first.
    """
    from paretofleet_collector.service import garbage

    settings = config.load(home / "collector" if home else None)
    with garbage.opened(settings) as (store, lake):
        removable = garbage.collect(store, lake, garbage.Scope(models=True, kept=tuple(keep or ())))
        copies = list(_copies(settings.home, [each.sha256 for each in removable.models]))
        with garbage.left_folders(sorted(Path().glob(_DEMOS)) if demos else ()) as folders:
            lines = [
                *garbage_text.lines(removable),
                *(f"the agent's copy of such a model: {path}, {size(_size(path))}" for path in copies),
                *(f"left by a demo: {folder}, {size(_size(folder))}" for folder in folders),
            ]
            freed = removable.size_bytes + sum(map(_size, (*copies, *folders)))
            for line in lines:
                write_text(line)
            if yes:
                garbage.remove(store, lake, removable)
                _delete((*copies, *folders))
    garbage_text.tell_end(lines, freed, is_removed=yes)


def _copies(home: Path, models: Sequence[str]) -> Iterator[Path]:
    """What the agent beside the collector in `home` keeps of `models`, by their SHA-256.

    Of hard links only the last one frees the disk; an agent fetches again what it needs.
    """
    folder = home.parent / "agent" / "models"
    for sha256 in models:
        for path in (folder / sha256, folder / f"{sha256}.part"):
            if path.is_file():
                yield path


def _size(path: Path) -> int:
    """Bytes of a file that no other name has, or of all files in a folder."""
    files = (each for each in path.rglob("*") if each.is_file()) if path.is_dir() else (path,)
    return sum(each.stat().st_size for each in files if path.is_dir() or each.stat().st_nlink == 1)


def _delete(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
