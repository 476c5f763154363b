"""What `gc` and `collector gc` would remove, a line each, and what became of it."""

from __future__ import annotations

from collections import Counter
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
    runs: Counter[str] = Counter()
    freed: Counter[str] = Counter()
    for file in removable.old:
        runs[file.sweep] += file.runs
        freed[file.sweep] += file.size_bytes
    old = [
        f"old samples, whose summaries stay: sweep {sweep}, {units.counted(runs[sweep], 'run')}, "
        f"{units.size(freed[sweep])}"
        for sweep in runs
    ]
    return (
        chunks
        + models
        + merged
        + old
        + [f"orphan: {path}, {units.size(size)}" for path, size in removable.orphans]
    )


def tell_what_stays(removable: Garbage) -> None:
    """Says which old samples stay, since no summary by the rule of today stands for them."""
    by_sweep: Counter[str] = Counter()
    for file in removable.old_that_stay:
        by_sweep[file.sweep] += file.unsummarised
    for sweep, runs in by_sweep.items():
        notify(
            f"old samples of sweep {sweep} stay: {units.counted(runs, 'run')} without a summary by today's "
            f"rule; start the collector and run `paretofleet report rebuild {sweep}`"
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
