"""What a training came to is kept before anybody hears of it, and what was killed is begun again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.searches import SearchTraining
from paretofleet_collector.searches.building import BuiltMember
from paretofleet_collector.searches.members import Members
from paretofleet_collector.searches.specification import SearchSpecification, TrainCommand
from paretofleet_collector.searches.training import TrainingTask, refuse_constant, stored, train_and_store
from search_examples import SPECIFICATION
from tiny_search import MODULE, PYTHON, TRAINER

#: Is killed at its first try, by whatever name it left.
KILLED_ONCE = """
import os, sys
from pathlib import Path

mark = Path(sys.argv[1] + ".killed")
if not mark.exists():
    mark.touch()
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def task(tmp_path: Path) -> TrainingTask:
    (tmp_path / "space.py").write_text(MODULE)
    parameters = {"width": [4, 8], "depth": [1], "kernel": [1]}
    specification = replace(SPECIFICATION, module=tmp_path / "space.py", parameters=parameters)
    built = Members(specification, tmp_path / "members", tmp_path).member(np.zeros(3, dtype=np.int64))
    assert isinstance(built, BuiltMember)
    return TrainingTask({"width": 4, "depth": 1, "kernel": 1}, built, seed=1)


def specification(folder: Path, trainer: str) -> SearchSpecification:
    (folder / "train.py").write_text(trainer)
    command = (PYTHON, str(folder / "train.py"), str(folder / "begun"), "0")
    return replace(SPECIFICATION, train=TrainCommand(command, timeout_s=60.0))


def test_an_outcome_is_there_for_the_next_driver(tmp_path: Path, task: TrainingTask) -> None:
    folder = tmp_path / "0-1"
    assert stored(folder) is None
    outcome = train_and_store(specification(tmp_path, TRAINER), task, folder, lock_folder=tmp_path)
    assert isinstance(outcome, SearchTraining)
    assert (outcome.reason, outcome.top1_n, outcome.split, outcome.seed) == ("", 4000, "validation", 1)
    assert stored(folder) == outcome
    (folder / "outcome.json").write_text("{")
    assert stored(folder) is None, "half a file is none"


def test_a_training_that_is_killed_is_begun_again(tmp_path: Path, task: TrainingTask) -> None:
    trainer = specification(tmp_path, KILLED_ONCE + TRAINER)
    outcome = train_and_store(trainer, task, tmp_path / "0-1", lock_folder=tmp_path)
    assert isinstance(outcome, SearchTraining)
    assert outcome.top1 is not None


def test_one_that_is_killed_each_time_has_failed_with_that_reason(tmp_path: Path, task: TrainingTask) -> None:
    trainer = specification(tmp_path, "import os; os.kill(os.getpid(), 9)")
    outcome = train_and_store(trainer, task, tmp_path / "0-1", lock_folder=tmp_path)
    assert isinstance(outcome, SearchTraining)
    assert outcome.reason.startswith("killed: ")
    assert json.loads((tmp_path / "0-1" / "outcome.json").read_text())["reason"] == outcome.reason


def test_nothing_is_kept_of_one_that_was_stopped(tmp_path: Path, task: TrainingTask) -> None:
    trainer = specification(tmp_path, TRAINER)
    stopped = train_and_store(trainer, task, tmp_path / "0-1", lock_folder=tmp_path, is_stopped=lambda: True)
    assert stopped is None
    assert stored(tmp_path / "0-1") is None


def test_one_accuracy_for_all_members_ends_a_search() -> None:
    same = [SearchTraining(trial, 1, "validation", top1=71.5, top1_n=4000) for trial in range(6)]
    failed = SearchTraining(6, 1, "validation", reason="crashed: out of ideas")
    other = SearchTraining(7, 1, "validation", top1=71.6, top1_n=4000)
    refuse_constant(same[:5])
    refuse_constant([*same, failed, other])
    refuse_constant([replace(same[0], seed=seed) for seed in range(1, 9)])
    with pytest.raises(Refused, match="All 6 members that were trained have the same top1"):
        refuse_constant([*same, failed])
