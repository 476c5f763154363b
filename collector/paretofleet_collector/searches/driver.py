"""The loop of a search: looks at what the collector keeps of it, takes one step, and looks again.

Nothing that matters is in this process: it may be killed anywhere. Trials and batches are recorded before
they are measured, a batch's sweep is submitted under a request id of its own, and what a training came to is
in a file before the collector hears of it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from paretofleet_collector.errors import CollectorError, NotFound, Refused, Taken, Unreachable
from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.model.messages import NewModel
from paretofleet_collector.model.searches import (
    FAILED,
    FINISHED,
    RUNNING,
    SearchBatch,
    SearchDetail,
    SearchRecord,
    SearchTrial,
)
from paretofleet_collector.plain_text import printable
from paretofleet_collector.searches import training
from paretofleet_collector.searches.batches import (
    away_max_s,
    next_batch,
    request_id,
    sweep_json,
    trials_of,
)
from paretofleet_collector.searches.building import BuiltMember
from paretofleet_collector.searches.costs import CostTable
from paretofleet_collector.searches.measured import TrialMeasurement
from paretofleet_collector.searches.members import Members, choose
from paretofleet_collector.searches.reading import read_table, report_path
from paretofleet_collector.searches.specification import TOP1
from paretofleet_collector.searches.step import (
    Action,
    Ended,
    Fill,
    Idle,
    Loop,
    Measure,
    Propose,
    Train,
    TrialState,
    step,
)
from paretofleet_collector.searches.stored import stored_specification
from paretofleet_collector.searches.truth import Truth, load_truth

if TYPE_CHECKING:
    from paretofleet_collector.planning.simulated import Truths
    from paretofleet_collector.rpc.search_client import SearchClient
    from paretofleet_collector.searches.specification import SearchSpecification

#: Seconds between two looks at a sweep, and at whether the search shall stop; between two signs of life; for
#: a collector to come back. Looks are few and light: this host may be measuring.
POLL_S, LOOK_S, HEARD_S, AWAY_S = 1.0, 3.0, 30.0, 2.0
#: So often a fault of the collector, such as a full disk, is outlived in a row.
_FAULTS_MAX, _FAULT_S = 60, 5.0
_log = logging.getLogger(__name__)


@dataclass
class Driver:
    """A search that is driven: the `search_id`, its `specification` and `devices`, its `folder` on this
    machine. `lock_folder`: of this host's lock, None for the usual one.
    """

    client: SearchClient
    search_id: str
    specification: SearchSpecification
    devices: Sequence[str]
    folder: Path
    lock_folder: Path | None = None
    truth: Truth | None = field(init=False)
    members: Members = field(init=False)
    began_s: float = field(default_factory=time.monotonic)
    spent_before_s: float | None = None
    is_exhausted: bool = False
    _looked_s: float = -math.inf
    _recorded_s: float = -math.inf
    _idle: str = ""
    _is_stopped: bool = False
    _has_rival: bool = False
    _read: dict[int, list[TrialMeasurement]] = field(default_factory=dict)
    _sweeps: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.truth = load_truth(self.specification)
        self.members = Members(
            self.specification, self.folder / "members", self.lock_folder, self.is_stopped, self.truth
        )

    def drive(self) -> None:
        """Takes steps until the search has ended, failed or was stopped; waits for a collector that is away.

        Raises NotFound where the search was deleted.
        """
        faults = 0
        while True:
            try:
                if not self.advance():
                    return
                faults = 0
            except Unreachable as error:
                _log.warning("%s", error)
                time.sleep(AWAY_S)
            except Refused as error:
                self._end(FAILED, str(error))
                return
            except CollectorError as error:
                faults += 1
                _log.warning("%s", error)
                if faults > _FAULTS_MAX:
                    self._end(FAILED, str(error))
                    return
                time.sleep(_FAULT_S)

    def advance(self) -> bool:
        """Takes one step; False where there is no further one. Raises CollectorError."""
        detail = self.client.show_search(self.search_id)
        if self.spent_before_s is None:
            self.spent_before_s = detail.search.spent_s
        if detail.search.state != RUNNING:
            _log.info("the search is %s", detail.search.state)
            return False
        self._is_stopped = False
        table = read_table(self.specification, self.devices, detail, self.folder, self._read)
        action = step(self._loop(detail, table))
        if isinstance(action, Ended):
            self._end(FINISHED, action.reason)
            return False
        self._perform(action, detail, table)
        return not self._has_rival

    def is_stopped(self) -> bool:
        """Whether the search shall not go on, asked of the collector now and then; False while it is away.

        Meanwhile the collector hears that the search is driven, and for how long.
        """
        now = time.monotonic()
        if now - self._looked_s > LOOK_S:
            self._looked_s = now
            try:
                self._is_stopped = self.client.show_search(self.search_id).search.state != RUNNING
                if now - self._recorded_s > HEARD_S:
                    self._record(SearchRecord())
            except NotFound:
                self._is_stopped = True
            except CollectorError:
                pass  # what is under way needs no collector
        return self._is_stopped

    @property
    def spent_s(self) -> float:
        """For how long the search has been driven, now and before."""
        return (self.spent_before_s or 0.0) + time.monotonic() - self.began_s

    def _end(self, state: str, reason: str) -> None:
        _log.info("%s: %s", state, reason)
        text = printable(reason).encode()[: training.REASON_BYTES].decode(errors="ignore")
        while True:
            try:
                self._record(SearchRecord())
                self.client.change_search(self.search_id, state, text)
            except Unreachable as error:
                _log.warning("%s", error)
                time.sleep(AWAY_S)
            else:
                return

    def _record(self, record: SearchRecord) -> None:
        """Appends a record; where something else stands in its place, another machine drives this search."""
        self._recorded_s = time.monotonic()
        try:
            self.client.record_trials(self.search_id, replace(record, spent_s=self.spent_s))
        except Taken as error:
            _log.error("%s This driver ends.", error)
            self._has_rival = True

    def _loop(self, detail: SearchDetail, table: CostTable) -> Loop:
        states = []
        for trial in detail.trials:
            tries: dict[str, int] = {}
            for batch in detail.batches:
                if trial.number in batch.trials:
                    tries |= {name: tries.get(name, 0) + 1 for name in batch.devices}
            measured = {
                name: table.is_good(of_device[trial.number])
                for name, of_device in table.by_device.items()
                if trial.number in of_device
            }
            states.append(TrialState(trial.number, measured, tries, self._is_trained(table, trial.number)))
        search = detail.search
        return Loop(
            trials=states,
            open_batches=[each.number for each in detail.batches if each.number not in self._read],
            away_s=self._away_s(),
            spent_s=self.spent_s,
            trial_s=self.spent_s / len(states) if states else 0.0,
            budget_s=search.budget_s,
            trials_max=search.trials_max,
            away_max_s=away_max_s(self.specification),
            is_exhausted=self.is_exhausted,
        )

    def _is_trained(self, table: CostTable, number: int) -> bool:
        done = table.trained(number)
        return any(each.reason for each in done) or len(done) >= self.specification.train.seeds

    def _away_s(self) -> Mapping[str, float]:
        """Of each device of the search how long it is away; one that is paused or removed left for good."""
        away = dict.fromkeys(self.devices, math.inf)
        for device in self.client.list_devices():
            if device.name in away and device.state == "online":
                away[device.name] = 0.0
            elif device.name in away and device.state == "offline":
                seen = device.last_seen_unix_s
                away[device.name] = math.inf if seen is None else max(0.001, time.time() - seen)
        return away

    def _perform(self, action: Action, detail: SearchDetail, table: CostTable) -> None:
        if isinstance(action, Measure):
            self._measure(detail, detail.batches[action.batch])
        elif isinstance(action, Train):
            self._train(detail, detail.trials[action.trial], table)
        elif isinstance(action, Fill):
            _log.info("%s lacks the trials %s: they are measured there", action.device, action.trials)
            self._record(SearchRecord(batches=(next_batch(detail, action.trials, (action.device,)),)))
        elif isinstance(action, Propose):
            self._propose(action, detail, table)
        elif isinstance(action, Idle):
            if self._idle != action.reason:
                _log.info("%s", action.reason)
            self._idle = action.reason
            time.sleep(action.seconds)

    def _propose(self, action: Propose, detail: SearchDetail, table: CostTable) -> None:
        chosen = choose(table, action, detail.search.seed, self.members, lambda text: _log.info("%s", text))
        if self.is_stopped():
            return
        if not chosen:
            self.is_exhausted = True
            return
        stored = {each.sha256: f"{each.model}@{each.variant}" for each in self.client.list_models()}
        trials = trials_of(detail, chosen, stored)
        batch = next_batch(detail, [each.number for each in trials], action.rotation)
        self._record(SearchRecord(trials, (batch,)))
        _log.info("trials %s are proposed", batch.trials)

    def _measure(self, detail: SearchDetail, batch: SearchBatch) -> None:
        """Submits the sweep of a batch unless it is there, and takes its report once it is over."""
        sweep_id = self._sweeps.get(batch.number)
        if sweep_id is None:
            self._upload(detail, batch)
            sweep, refusals = self.client.submit_sweep(
                sweep_json(self.specification, detail, batch, self._simulated(detail, batch)),
                request_id(self.search_id, batch.number),
                keep_name=True,
            )
            for refusal in refusals:
                _log.warning("left out: %s: %s", refusal.combination, refusal.why)
            sweep_id = self._sweeps[batch.number] = sweep.sweep_id
        try:
            while self.client.show_sweep(sweep_id).sweep.state not in SWEEP_FINAL:
                if self.is_stopped():
                    return
                time.sleep(POLL_S)
        except NotFound:  # somebody deleted it
            del self._sweeps[batch.number]
            return
        report = report_path(self.folder, batch.number)
        report.parent.mkdir(parents=True, exist_ok=True)
        self.client.pull_report(sweep_id, report)
        self._record(SearchRecord())

    def _simulated(self, detail: SearchDetail, batch: SearchBatch) -> Truths:
        """What the devices of a `batch` are to show of its trials; empty without a table of truths."""
        if self.truth is None:
            return {}
        import numpy as np

        trials = [detail.trials[number] for number in batch.trials]
        members = {trial.model: self.members.values(np.array(trial.codes)) for trial in trials}
        return self.truth.simulated(members, batch.devices)

    def _upload(self, detail: SearchDetail, batch: SearchBatch) -> None:
        """Sends the networks of a batch that the collector does not have."""
        stored = {f"{each.model}@{each.variant}" for each in self.client.list_models() if each.stored}
        for number in batch.trials:
            trial = detail.trials[number]
            if trial.model in stored:
                continue
            try:
                self.client.add_model(self._built(trial).model, NewModel(trial.model.partition("@")[0]))
            except Taken as error:  # of the same architecture, but with other weights
                _log.info("%s", error)

    def _built(self, trial: SearchTrial) -> BuiltMember:
        import numpy as np

        made = self.members.member(np.array(trial.codes))
        if not isinstance(made, BuiltMember):
            why = made.sentence if made is not None else "The search was stopped."
            raise Refused(f"The network of trial {trial.number} cannot be built again: {why}")
        return made

    def _train(self, detail: SearchDetail, trial: SearchTrial, table: CostTable) -> None:
        """Trains a trial from its next seed, or reports what a driver before this one trained."""
        done = {each.seed for each in table.trained(trial.number)}
        seed = next(each for each in range(1, self.specification.train.seeds + 1) if each not in done)
        folder = self.folder / "trained" / f"{trial.number}-{seed}"
        outcome = training.stored(folder)
        if outcome is None:
            import numpy as np

            values = self.members.values(np.array(trial.codes))
            task = training.TrainingTask(values, self._built(trial), seed)
            outcome = training.train_and_store(
                self.specification, task, folder, lock_folder=self.lock_folder, is_stopped=self.is_stopped
            )
        if outcome is not None:
            result = replace(outcome, trial=trial.number, seed=seed)
            self._record(SearchRecord(trainings=(result,)))
            said = result.reason or f"{TOP1} {result.top1:.2f} % of {result.top1_n}"
            _log.info("trial %d, seed %d: %s", trial.number, seed, said)
            training.refuse_constant([*detail.trainings, result])


def stored_search(client: SearchClient, search_id: str) -> tuple[SearchSpecification, tuple[str, ...]]:
    """Specification and devices of the search `search_id`, as `client` has them; waits for a collector.

    Raises CollectorError.
    """
    while True:
        try:
            return stored_specification(client.show_search(search_id).search.spec_json)
        except Unreachable as error:
            _log.warning("%s", error)
            time.sleep(AWAY_S)
