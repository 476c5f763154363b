"""Which members are tried next: hand-made ones first, no architecture twice, the same for the same trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paretofleet_collector.model.searches import SearchTrial
from paretofleet_collector.searches.building import BuiltMember, CandidateFailed
from paretofleet_collector.searches.costs import CostTable, cost_table
from paretofleet_collector.searches.members import Chosen, Members, choose
from paretofleet_collector.searches.step import Propose
from search_examples import SPECIFICATION
from tiny_search import MODULE

#: `twin` changes nothing of a network, and a width of 3 cannot be built.
PARAMETERS = {"width": [3, 4], "depth": [1, 2], "kernel": [1], "twin": [0, 1]}
BROKEN = MODULE.replace(
    "    random =", "    if member['width'] == 3:\n        raise ValueError('odd')\n    random ="
)
SMALL = {"width": 4, "depth": 1, "kernel": 1, "twin": 0}


@pytest.fixture
def members(tmp_path: Path) -> Members:
    (tmp_path / "space.py").write_text(BROKEN)
    specification = replace(
        SPECIFICATION, module=tmp_path / "space.py", parameters=PARAMETERS, hand_made=(SMALL,), start=9
    )
    return Members(specification, tmp_path / "members", lock_folder=tmp_path)


def table(members: Members, *trials: SearchTrial) -> CostTable:
    return cost_table(members.specification, ("box", "tx2"), trials, (), ())


def chosen(members: Members, count: int, *trials: SearchTrial) -> tuple[list[Chosen], list[str]]:
    notes: list[str] = []
    action = Propose(count, ("box", "tx2"))
    return choose(table(members, *trials), action, 1, members, notes.append), notes


def test_every_architecture_is_tried_once_hand_made_ones_first(members: Members) -> None:
    found, notes = chosen(members, 4)
    assert [members.values(np.array(each.codes))["depth"] for each in found] == [1, 2]
    assert [each.kind for each in found] == ["seed", "diagonal"]
    assert [each.device for each in found] == ["box", "tx2"], "devices take turns"
    assert found[0].codes == (1, 0, 0, 0)
    assert any("passed over" in note and "odd" in note for note in notes)


def test_a_member_of_another_input_is_passed_over(members: Members, tmp_path: Path) -> None:
    module = MODULE.replace("3, 16, 16]", "3, 16 * member['depth'], 16]")
    (tmp_path / "space.py").write_text(module)
    found, notes = chosen(members, 4)
    assert {members.values(np.array(each.codes))["depth"] for each in found} == {1}
    assert any(
        "takes float N x 3 x 32 x 16, the first one took float N x 3 x 16 x 16" in note for note in notes
    )


def test_the_same_trials_give_the_same_members(members: Members, tmp_path: Path) -> None:
    first = chosen(members, 1)[0][0]
    trial = SearchTrial(0, first.codes, first.built.graph, "edge-0@file", first.device, first.kind)
    (after,), _ = chosen(members, 1, trial)
    anew = Members(members.specification, tmp_path / "elsewhere", lock_folder=tmp_path)
    (again,), _ = chosen(anew, 1, trial)
    assert (again.codes, again.built.graph, again.kind) == (after.codes, after.built.graph, after.kind)
    assert again.built.graph != first.built.graph
    assert chosen(members, 1, trial, replace(trial, number=1, graph=after.built.graph))[0] == []


def test_a_member_is_built_once_and_found_by_the_next_driver(members: Members) -> None:
    built = members.member(np.array([1, 0, 0, 0]))
    assert isinstance(built, BuiltMember)
    stamp = built.model.stat().st_mtime_ns
    again = Members(members.specification, members.folder, members.lock_folder).member(np.array([1, 0, 0, 0]))
    assert again == built
    assert built.model.stat().st_mtime_ns == stamp
    failed = members.member(np.array([0, 0, 0, 0]))
    assert isinstance(failed, CandidateFailed)
    assert Members(members.specification, members.folder).member(np.array([0, 0, 0, 0])) == failed


def test_nothing_is_built_once_the_search_is_stopped(members: Members) -> None:
    members.is_stopped = lambda: True
    assert members.member(np.array([1, 0, 0, 0])) is None
    assert chosen(members, 2)[0] == []
