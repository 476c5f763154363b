"""A trial's training, once: what it came to lies in a file before anybody hears of it."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.searches import SearchTraining
from paretofleet_collector.plain_text import printable
from paretofleet_collector.searches.building import CandidateFailed
from paretofleet_collector.searches.specification import SearchSpecification
from paretofleet_collector.searches.trainer import TrainedMember, TrainingTask, train

__all__ = ["REASON_BYTES", "TrainingTask", "refuse_constant", "stored", "train_and_store"]
#: A training that somebody killed is begun so often; one that the kernel kills for want of memory, too.
_TRIES = 3
_FILE = "outcome.json"
#: Of a reason, so that it can be recorded.
REASON_BYTES = 1000
#: So many members that all have one accuracy were not judged by their networks.
_CONSTANT = 6
_log = logging.getLogger(__name__)


def stored(folder: Path) -> SearchTraining | None:
    """What the training in a `folder` came to; None where it did not come to its end."""
    try:
        return SearchTraining(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def train_and_store(
    specification: SearchSpecification,
    task: TrainingTask,
    folder: Path,
    *,
    lock_folder: Path | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> SearchTraining | None:
    """What a `task` of a `specification` comes to, kept in the `folder`; None where `is_stopped` ended it.

    The number of its trial is 0: the caller knows it. `lock_folder` as of `trainer.train`. Raises Refused
    where the command cannot be started, CollectorError where what stands before it was killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, _TRIES + 1):
        result = train(specification, task, folder, lock_folder=lock_folder, is_stopped=is_stopped)
        if not isinstance(result, CandidateFailed) or result.reason != "killed" or number == _TRIES:
            break
        _log.warning("%s It is begun again.", result.sentence)
    if result is None:
        return None
    outcome = _outcome(result, task)
    new = folder / f"{_FILE}.new"
    new.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
    new.replace(folder / _FILE)
    shutil.rmtree(folder / "training", ignore_errors=True)
    return outcome


def refuse_constant(trainings: Sequence[SearchTraining]) -> None:
    """Raises Refused where the `trainings` of a search, failed ones left out, all have one accuracy."""
    known = [each for each in trainings if not each.reason]
    trials = {each.trial for each in known}
    if len(trials) >= _CONSTANT and len({(each.top1, each.top1_n) for each in known}) == 1:
        raise Refused(
            f"All {len(trials)} members that were trained have the same top1, {known[0].top1:g} %: let "
            "training judge the network that it trained. The trials are kept."
        )


def _outcome(result: TrainedMember | CandidateFailed, task: TrainingTask) -> SearchTraining:
    if isinstance(result, CandidateFailed):
        text = printable(f"{result.reason}: {result.sentence}").encode()[:REASON_BYTES]
        return SearchTraining(0, task.seed, task.split, text.decode(errors="ignore"))
    return SearchTraining(
        trial=0,
        seed=task.seed,
        split=task.split,
        top1=result.top1,
        top1_n=result.top1_n,
        wall_s=result.wall_s,
        cpu_s=result.cpu_s,
        memory_peak_bytes=result.memory_peak_bytes,
    )
