"""What `gc` and `collector gc` would remove, a line each, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paretofleet_collector.cli import units
from paretofleet_collector.cli.session import notify

if TYPE_CHECKING:  # the store takes half a second to load, and every command loads this file
    from paretofleet_collector.service.garbage import Garbage


def lines(removable: Garbage) -> list[str]:
    """A line for each thing in `removable`, or for each sweep whose files go: its kind, name and size."""
    chunks = [
        f"chunks kept aside: attempt {each.key.attempt} of run {each.key.run_id}, "
        f"{units.counted(each.chunks, 'chunk')}, {units.size(each.size_bytes)}"
        for each in removable.kept_aside
    ]
    models = [
        f"model of no sweep: {each.model} ({each.variant}), {units.size(each.size_bytes)}"
        for each in removable.models
    ]
    models += [
        f"samples of no sweep: {each.name} ({each.sha256[:12]}), {units.size(each.size_bytes)}"
        for each in removable.inputs
    ]
    by_folder: dict[str, list[int]] = {}
    for path, size in removable.discarded:
        by_folder.setdefault(path.rpartition("/")[0], []).append(size)
    merged = [
        f"samples that nothing lists any more: {folder}, {units.counted(len(sizes), 'file')}, "
        f"{units.size(sum(sizes))}"
        for folder, sizes in by_folder.items()
    ]
    return (
        chunks + models + merged + [f"orphan: {path}, {units.size(size)}" for path, size in removable.orphans]
    )


def tell_end(shown: Sequence[str], size_bytes: int, *, is_removed: bool) -> None:
    """Says what became of the things whose lines were `shown`, and how much `size_bytes` of them free."""
    things = units.counted(len(shown), "thing")
    if not shown:
        notify("there is nothing to free")
    elif is_removed:
        notify(f"removed {things}, {units.size(size_bytes)}")
    else:
        notify(f"{units.size(size_bytes)} can be freed; say --yes to remove {things}")
