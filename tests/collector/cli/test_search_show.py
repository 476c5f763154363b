"""`search show`: what stands beside the fronts of a search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from command_harness import Command
from fake_control import FakeControl
from paretofleet_collector.rpc.convert.searches import search_detail_to_proto
from paretofleet_collector.searches.process import search_folder
from stored_search import write_stored


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (1, "members have one seed; `paretofleet search confirm edge1 --seeds 3` also trains"),
        (2, "top1 by another seed: Kendall's tau 1 ["),
    ],
)
def test_a_second_seed_stands_beside_the_fronts(
    seeds: int,
    said: str,
    paretofleet: Command,
    control: FakeControl,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    detail = write_stored(search_folder("s1"), ("wide1",))
    trainings = [replace(each, seed=seed) for seed in range(1, seeds + 1) for each in detail.trainings]
    control.searches["edge1"] = search_detail_to_proto(replace(detail, trainings=tuple(trainings)))
    assert said in paretofleet("search", "show", "edge1").err
