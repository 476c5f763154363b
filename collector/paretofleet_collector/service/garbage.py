"""Removing what an operator asks to have removed, from a home in which no collector works."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from paretofleet_analysis.runs.summary import RULE_VERSION

from paretofleet_collector.config import SQLITE, Config
from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.lake.files import Lake, inputs_file, model_file
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.inputs import InputFile
from paretofleet_collector.service import home
from paretofleet_collector.store import Store, discarded, garbage, input_files, models, retired
from paretofleet_collector.store.engine import FILE_NAME
from paretofleet_collector.store.garbage import KeptAside
from paretofleet_collector.store.retired import OldFile
from paretofleet_collector.suggest import did_you_mean

DAY_S = 86_400.0


@dataclass(frozen=True)
class Scope:
    """What is asked for beside chunks that are kept aside and files that others took the place of: orphans of
    so many days, models of no sweep, samples of runs that were sealed so many days ago.

    With the models go files of samples that neither a sweep nor a model needs; `kept`: models that stay.
    """

    orphans_older_than_days: float | None = None
    models: bool = False
    samples_older_than_days: float | None = None
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Garbage:
    """What may be removed."""

    kept_aside: tuple[KeptAside, ...]
    models: tuple[Variant, ...]
    #: Paths in the lake and their sizes in bytes.
    orphans: tuple[tuple[str, int], ...]
    inputs: tuple[InputFile, ...] = ()
    #: Files of samples that were merged into others, or whose sweeps are gone, and their sizes in bytes.
    discarded: tuple[tuple[str, int], ...] = ()
    #: Files of runs sealed before `old_before_unix_s`, whose summaries stay.
    old: tuple[OldFile, ...] = ()
    #: Files as old, with runs that no summary by today's rule stands for.
    old_that_stay: tuple[OldFile, ...] = ()
    old_before_unix_s: float = 0.0

    @property
    def size_bytes(self) -> int:
        """What removing all of it frees."""
        sizes = [
            *(each.size_bytes for each in self.kept_aside),
            *(each.size_bytes for each in self.models),
            *(each.size_bytes for each in self.inputs),
            *(each.size_bytes for each in self.old),
            *(size for _, size in (*self.orphans, *self.discarded)),
        ]
        return sum(sizes)


@contextmanager
def opened(config: Config) -> Iterator[tuple[Store, Lake]]:
    """The store and the lake of the collector that `config` describes, held while the block runs.

    Raises Refused while a collector works there, StorageUnavailable where one of them is out of reach.
    """
    if config.store == SQLITE and not (config.home / FILE_NAME).is_file():
        raise Refused(f"{config.home} holds no collector; name its folder with --home.")
    with home.hold_home(config.home):
        lake = open_lake(address_of(config.home, config.lake))
        # Before anything is said or taken off a list: what cannot be deleted stays listed.
        lake.probe()
        store = Store.at(config.home, address=config.store)
        try:
            yield store, lake
        finally:
            store.close()


def collect(store: Store, lake: Lake, scope: Scope, now: float | None = None) -> Garbage:
    """What of `store` and `lake` may be removed by `scope`; `now` is in seconds since 1970."""
    kept_aside = store.read_now(garbage.kept_aside)
    _check_kept(scope.kept, store)
    unplanned = store.read_now(garbage.unplanned_models) if scope.models else []
    unplanned = [each for each in unplanned if each.model not in scope.kept]
    inputs = store.read_now(input_files.unused) if scope.models else []
    orphans: list[tuple[str, int]] = []
    now = time.time() if now is None else now
    if scope.orphans_older_than_days is not None:
        before = now - scope.orphans_older_than_days * DAY_S
        orphans = [(each.path, each.size_bytes) for each in lake.orphan_files() if each.since_unix_s < before]
    merged = [(path, lake.size_bytes(path)) for path in store.read_now(garbage.discarded_files)]
    old, old_before = [], 0.0
    if scope.samples_older_than_days is not None:
        old_before = now - scope.samples_older_than_days * DAY_S
        old = store.read_now(partial(retired.old_files, before_unix_s=old_before, rule_version=RULE_VERSION))
    return Garbage(
        tuple(kept_aside),
        tuple(unplanned),
        tuple(orphans),
        tuple(inputs),
        tuple(merged),
        tuple(file for file in old if not file.unsummarised),
        tuple(file for file in old if file.unsummarised),
        old_before,
    )


@contextmanager
def left_folders(folders: Iterable[Path]) -> Iterator[list[Path]]:
    """Those of `folders` below which a collector's home lies that no collector works in.

    They are held while the block runs, so that none starts there.
    """
    with ExitStack() as held:
        free = []
        for folder in folders:
            if (folder / "collector" / FILE_NAME).is_file():
                with suppress(Refused):
                    held.enter_context(home.hold_home(folder / "collector"))
                    free.append(folder)
        yield free


def _check_kept(kept: Sequence[str], store: Store) -> None:
    """Raises NotFound where a model that shall be kept is none: nobody loses one by a misspelt name."""
    names = {each.model for each in store.read_now(models.listing)} if kept else set()
    for name in kept:
        if name not in names:
            raise NotFound(
                f"There is no model '{name}' to keep; {did_you_mean(name, names) or 'none is stored'}"
            )


def remove(store: Store, lake: Lake, removable: Garbage) -> None:
    """Removes from `store` and `lake` what `removable` names, each thing if it still may be removed."""
    for aside in removable.kept_aside:
        store.submit(partial(garbage.drop_kept_aside, key=aside.key)).result()
    for variant in removable.models:
        if store.submit(partial(garbage.drop_model, sha256=variant.sha256)).result():
            lake.remove(model_file(variant.sha256))
    for file in removable.inputs:
        if store.submit(partial(input_files.drop_unused, sha256=file.sha256)).result():
            lake.remove(inputs_file(file.sha256))
    gone = [file.path for file in removable.old if _retire(store, file.path, removable.old_before_unix_s)]
    discardable = [*gone, *(path for path, _ in removable.discarded)]
    unlisted = set(store.read_now(garbage.discarded_files)) if discardable else set()
    for path in discardable:
        if path in unlisted:
            lake.remove(path)
            store.submit(partial(discarded.forget, paths=[path])).result()
    for path, _ in removable.orphans:
        lake.remove(path)


def _retire(store: Store, path: str, before_unix_s: float) -> bool:
    """Takes the runs of an old file off the manifest; the list of retired runs says so from then on."""
    retire = partial(
        retired.retire,
        path=path,
        before_unix_s=before_unix_s,
        rule_version=RULE_VERSION,
        now=time.time(),
    )
    return store.submit(retire).result()
