"""Members that a search selected, trained anew on the test split and sent to be measured anew.

Nothing is done twice: a training is recorded by trial, seed and split, its network lies in a folder until
the collector has it, and the sweep has a request of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.messages import TRAINED, GivenFacts, NewModel
from paretofleet_collector.model.remarks import Remarks
from paretofleet_collector.model.searches import SearchDetail, SearchRecord, SearchTraining
from paretofleet_collector.searches import training
from paretofleet_collector.searches.building import MODEL, BuiltMember
from paretofleet_collector.searches.confirmed import TEST, confirmed_name, search_label, trained_name
from paretofleet_collector.searches.fronts import front_rows
from paretofleet_collector.searches.members import Members
from paretofleet_collector.searches.truth import load_truth

if TYPE_CHECKING:
    from paretofleet_collector.planning.simulated import Truths
    from paretofleet_collector.planning.specification import Spec
    from paretofleet_collector.rpc.search_client import SearchClient
    from paretofleet_collector.searches.costs import CostTable
    from paretofleet_collector.searches.specification import SearchSpecification


def selected_members(table: CostTable, seed: int, most: int | None = None) -> list[int]:
    """The trials of a `table` that are on the front of a device, those of the greatest `p_front` first.

    At most so many as `most`; draws from `seed`. Raises Refused where no front has anybody.
    """
    p_front: dict[int, float] = {}
    for device in table.by_device:
        for row in front_rows(table, device, seed):
            p_front[row["trial"]] = max(row["p_front"], p_front.get(row["trial"], 0.0))
    if not p_front:
        raise Refused(
            "No trial is measured, trained and within the limits on any device: there is no front to confirm."
        )
    return sorted(p_front, key=lambda number: (-p_front[number], number))[:most]


@dataclass
class Confirming:
    """Trainings of a search, by its `detail` and `specification`, on the split that it never read.

    `folder`: the search's on this machine. `lock_folder`: of this host's lock, None for the usual one.
    `note` hears what each training came to.
    """

    client: SearchClient
    detail: SearchDetail
    specification: SearchSpecification
    folder: Path
    lock_folder: Path | None = None
    note: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.truth = load_truth(self.specification)
        self.members = Members(self.specification, self.folder / "members", self.lock_folder)

    def train(self, number: int, seeds: int) -> tuple[SearchTraining, ...]:
        """Trains trial `number` from each of so many `seeds`, unless that is recorded; returns all of them.

        Ends with the first that fails. Raises CollectorError and Refused.
        """
        recorded = {
            each.seed: each for each in self.detail.trainings if (each.trial, each.split) == (number, TEST)
        }
        done: list[SearchTraining] = []
        for seed in range(1, seeds + 1):
            result = recorded.get(seed) or self._train(number, seed)
            done.append(result)
            if result.reason:
                break
        return tuple(done)

    def _train(self, number: int, seed: int) -> SearchTraining:
        import numpy as np

        folder = self._folder(number, seed)
        outcome = training.stored(folder)
        if outcome is None:
            codes = np.array(self.detail.trials[number].codes)
            built = self.members.member(codes)
            if not isinstance(built, BuiltMember):
                why = built.sentence if built is not None else ""
                raise Refused(f"The network of trial {number} cannot be built again: {why}")
            task = training.TrainingTask(self.members.values(codes), built, seed, TEST)
            outcome = training.train_and_store(self.specification, task, folder, lock_folder=self.lock_folder)
            if outcome is None:
                raise Refused(f"The training of trial {number} was stopped: run this again.")
        result = replace(outcome, trial=number, seed=seed)
        self.client.record_trials(self.detail.search.search_id, SearchRecord(trainings=(result,)))
        said = result.reason or f"top1 {result.top1:.2f} % of {result.top1_n}, {result.wall_s or 0:.0f} s"
        self.note(f"trial {number}, seed {seed}: {said}")
        return result

    def send(self, trainings: Sequence[SearchTraining]) -> str:
        """What the collector calls a member's trained network, by its `trainings`; sent unless it is there.

        Its weights and accuracy are of the first seed; it keeps what every seed came to, and is sent again
        where there are more. Raises Refused where its file is on another machine.
        """
        first, record = trainings[0], _record(trainings)
        name = trained_name(self.detail, first.trial)
        stored = [each for each in self.client.list_models() if each.stored]
        for each in stored:
            if each.model == name:
                if len(each.training.get("seeds", ())) >= len(trainings):
                    return f"{name}@file"
                record = {**each.training, **record}
        path = self._folder(first.trial, first.seed) / MODEL
        if not path.is_file():
            raise Refused(
                f"{path} is missing, the trained network of trial {first.trial}: confirm the search on the "
                "machine where it was trained."
            )
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        for each in stored:
            if each.sha256 == sha256 and each.model != name:  # training changed no weight
                given = GivenFacts(top1=first.top1, top1_n=first.top1_n)
                self.client.change_model(f"{each.model}@{each.variant}", "set", given)
                return f"{each.model}@{each.variant}"
        new = NewModel(
            name,
            top1=first.top1,
            top1_n=first.top1_n,
            top1_source=TRAINED,
            weights_source=f"trial {first.trial} of the search {self.detail.search.name}, seed {first.seed}",
            training_json=json.dumps(record),
        )
        self.client.add_model(path, new)
        return f"{name}@file"

    def sweep(self, models: Mapping[int, str], devices: Sequence[str], protocol: str) -> Spec:
        """The sweep that measures the trained `models`, by trial, beside the anchor on `devices`.

        By the limits of a `protocol`.
        """
        measure, search = self.specification.measure, self.detail.search
        return replace(
            measure,
            name=confirmed_name(search.name),
            models=(*measure.models, *models.values()),
            devices={"name": tuple(devices)},
            simulated=self._simulated(models, devices),
            protocol=protocol,
            repeats=replace(measure.repeats, seed=search.seed + 1),
            remarks=Remarks(f"the front of the search {search.name}, anew", (search_label(search.name),)),
        )

    def _simulated(self, models: Mapping[int, str], devices: Sequence[str]) -> Truths:
        if self.truth is None:
            return {}
        import numpy as np

        trials = self.detail.trials
        members = {model: self.members.values(np.array(trials[at].codes)) for at, model in models.items()}
        return self.truth.simulated(members, devices)

    def request_id(self, spec: Spec) -> str:
        """The request by which this `spec` of the search is submitted, once."""
        return hashlib.sha256(f"{self.detail.search.search_id}/{spec.to_json()}".encode()).hexdigest()[:32]

    def _folder(self, number: int, seed: int) -> Path:
        return self.folder / "confirmed" / f"{number}-{seed}"


def _record(trainings: Sequence[SearchTraining]) -> dict[str, object]:
    """What the trainings of a member came to, as its model keeps it."""
    return {
        "seeds": [each.seed for each in trainings],
        "top1": [each.top1 for each in trainings],
        "s": [each.wall_s or 0.0 for each in trainings],
        "cpu_s": [each.cpu_s or 0.0 for each in trainings],
        "split": TEST,
        "source": "measured: trained here, by the search's command",
    }
