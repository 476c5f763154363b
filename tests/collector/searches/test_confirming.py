"""A confirmed member's network in the collector: sent once, and again where there are more trainings."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from paretofleet_collector.model.messages import NewModel
from paretofleet_collector.model.searches import SearchDetail, SearchTraining, SearchView
from paretofleet_collector.searches.confirming import Confirming
from search_examples import SPECIFICATION, TRIALS

VIEW = SearchView("s1s1s1s1", "edge1", "finished", "", "{}", "d", 7, 0.0, 0, 0.0, 0.0, 0.0, None)


class Collector:
    """Keeps the networks that it is sent as they come, by name."""

    def __init__(self) -> None:
        self.models: dict[str, SimpleNamespace] = {}
        self.sent: list[str] = []

    def list_models(self) -> list[SimpleNamespace]:
        return list(self.models.values())

    def add_model(self, _path: Path, new: NewModel) -> None:
        training = json.loads(new.training_json)
        self.sent.append(new.model)
        self.models[new.model] = SimpleNamespace(
            model=new.model, variant="file", stored=True, sha256="s", training=training
        )


@pytest.fixture
def confirming(tmp_path: Path) -> Confirming:
    folder = tmp_path / "confirmed" / "2-1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"network")
    return Confirming(Collector(), SearchDetail(VIEW, TRIALS), SPECIFICATION, tmp_path, tmp_path)


def trainings(count: int) -> list[SearchTraining]:
    return [
        SearchTraining(2, seed, "test", top1=70.0 + seed, top1_n=100, wall_s=1.0, cpu_s=1.0)
        for seed in range(1, count + 1)
    ]


def test_more_seeds_renew_what_the_network_keeps_and_fewer_do_not(confirming: Confirming) -> None:
    collector = confirming.client
    for seeds, sent, kept in (
        (2, 1, [71.0, 72.0]),
        (2, 1, [71.0, 72.0]),
        (3, 2, [71.0, 72.0, 73.0]),
        (1, 2, None),
    ):
        assert confirming.send(trainings(seeds)) == "edge1-s1s1s1-t2@file"
        assert len(collector.sent) == sent
        (stored,) = collector.models.values()
        if kept:
            assert stored.training["top1"] == kept
    stored.training["device"] = "desk"
    confirming.send(trainings(4))
    assert collector.models["edge1-s1s1s1-t2"].training["device"] == "desk", "what a user said of it stays"
