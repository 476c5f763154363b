"""Manifests for readers of the lake: written anew where the store has changed. For the worker."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath

from paretofleet_collector.lake import manifest
from paretofleet_collector.lake.address import open_lake
from paretofleet_collector.lake.files import MANIFESTS, manifest_file
from paretofleet_collector.store import sealed_runs
from paretofleet_collector.store.engine import reading


def manifest_versions(lake: str) -> dict[str, str]:
    """By which state of the store each manifest in the lake at the address `lake` was written, by its sweep.

    Empty where nobody can tell. Raises StorageUnavailable.
    """
    root = open_lake(lake)
    result = {}
    for relative in root.files_below(MANIFESTS):
        with root.copy_of(relative) as path:
            result[PurePosixPath(relative).stem] = manifest.version_of(path)
    return result


def write_manifest(database: str, lake: str, sweep_id: str, version: str) -> int:
    """Writes the manifest of the sweep `sweep_id` in `database` to the lake at the address `lake`.

    `version` is that of the store before it is read. Returns the number of runs. Raises StorageUnavailable.
    """
    with reading(database) as connection:
        runs = sealed_runs.rows(connection, sweep_id)
    write = partial(manifest.write, runs=runs, version=version)
    open_lake(lake).put(manifest_file(sweep_id), write)
    return len(runs)
