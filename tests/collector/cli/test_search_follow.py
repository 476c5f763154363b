"""What a search that is followed says: each thing once, and nothing of what was before."""

from __future__ import annotations

from dataclasses import replace

from paretofleet_collector.cli.search_follow import news
from paretofleet_collector.model.searches import (
    SearchBatch,
    SearchDetail,
    SearchTraining,
    SearchTrial,
    SearchView,
)

VIEW = SearchView("s1", "edge1", "running", "", "{}", "d", 7, 0.0, 0, 0.0, 0.0, 0.0, None)
TRIALS = tuple(SearchTrial(at, (at,), f"g{at}", f"m{at}", "box", "start") for at in range(2))
BEGUN = SearchDetail(VIEW, TRIALS, (SearchBatch(0, (0, 1), ("box", "tx2"), "edge1-b000"),))
TRAINED = replace(
    BEGUN, trainings=(SearchTraining(0, 1, "validation", top1=71.239, top1_n=400, wall_s=61.0),)
)


def test_what_happens_is_said_once() -> None:
    empty = SearchDetail(VIEW)
    assert list(news(None, empty)) == []
    assert list(news(empty, BEGUN)) == ["trials 0, 1 are proposed, on box, tx2"]
    assert list(news(BEGUN, TRAINED)) == ["trial 0: top1 71.24 % of 400, 61 s"]
    assert list(news(TRAINED, TRAINED)) == []


def test_who_comes_later_hears_how_far_it_is() -> None:
    assert list(news(None, TRAINED)) == ["2 trials so far, 1 training"]


def test_gaps_that_are_filled_are_told_from_what_is_new() -> None:
    filled = replace(TRAINED, batches=(*BEGUN.batches, SearchBatch(1, (0, 1), ("tx2",), "edge1-b001")))
    assert list(news(TRAINED, filled)) == ["trials 0, 1 are measured where they were missing, on tx2"]
