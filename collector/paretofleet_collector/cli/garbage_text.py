"""What `collector gc` would remove, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paretofleet_collector.cli import units

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
