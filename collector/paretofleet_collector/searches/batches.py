"""Batches of a search as what the collector hears of them: trials, and the sweep that measures them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from paretofleet_collector.model.remarks import Remarks
from paretofleet_collector.model.searches import SearchBatch, SearchDetail, SearchTrial

if TYPE_CHECKING:
    from paretofleet_collector.planning.simulated import Truths
    from paretofleet_collector.searches.members import Chosen
    from paretofleet_collector.searches.specification import SearchSpecification

#: A device that is away leaves the rotation after so many seconds, unless `measure.wait_s` says otherwise.
AWAY_MAX_S = 600.0
#: Letters of a search's name in those of its sweeps and networks.
_NAME = 54


def away_max_s(specification: SearchSpecification) -> float:
    """Seconds after which a device that is away leaves the rotation of a search by its `specification`."""
    wait_s = specification.measure.wait_s
    return AWAY_MAX_S if wait_s is None else wait_s


def next_batch(detail: SearchDetail, trials: Sequence[int], devices: Sequence[str]) -> SearchBatch:
    """The next batch of a search, by its `detail`: of `trials`, by number, on `devices`."""
    number = len(detail.batches)
    return SearchBatch(number, tuple(trials), tuple(devices), f"{detail.search.name[:_NAME]}-b{number:03d}")


def trials_of(
    detail: SearchDetail, chosen: Sequence[Chosen], stored: Mapping[str, str]
) -> tuple[SearchTrial, ...]:
    """The members that were `chosen` as the next trials of a search, by its `detail`.

    `stored`: by the SHA-256 of its file what the collector calls a network that it has.
    """
    trials = []
    for number, each in enumerate(chosen, start=len(detail.trials)):
        sha256 = hashlib.sha256(each.built.model.read_bytes()).hexdigest()
        own = f"{detail.search.name[:_NAME]}-{each.built.graph[:12]}@file"
        model = stored.get(sha256, own)
        trials.append(SearchTrial(number, each.codes, each.built.graph[:64], model, each.device, each.kind))
    return tuple(trials)


def request_id(search_id: str, batch: int) -> str:
    """The request by which the sweep of that `batch` of the search `search_id` is submitted, once."""
    return hashlib.sha256(f"{search_id}/{batch}".encode()).hexdigest()[:32]


def sweep_json(
    specification: SearchSpecification,
    detail: SearchDetail,
    batch: SearchBatch,
    simulated: Truths | None = None,
) -> str:
    """The sweep of a `batch` of a search by its `specification` and `detail`: the anchor, then its trials.

    `simulated`: what simulated devices are to show of them.
    """
    measure, search = specification.measure, detail.search
    spec = replace(
        measure,
        name=batch.sweep,
        models=(*measure.models, *(detail.trials[number].model for number in batch.trials)),
        devices={"name": batch.devices},
        wait_s=away_max_s(specification),
        simulated=simulated or {},
        repeats=replace(measure.repeats, seed=search.seed),
        remarks=Remarks(
            f"batch {batch.number} of the search {search.name}", (f"search/{search.name[:_NAME]}",)
        ),
    )
    return spec.to_json()
