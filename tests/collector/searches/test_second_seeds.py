"""Kendall's tau of a search's accuracies with those of a second seed, or that there are too few."""

from __future__ import annotations

from dataclasses import replace

from paretofleet_collector.model.searches import SearchTraining, SearchTrial
from paretofleet_collector.searches.costs import CostTable, cost_table
from paretofleet_collector.searches.second_seeds import seed_sentences
from scipy.stats import kendalltau
from search_examples import SPECIFICATION

FIRST = (61.0, 64.0, 70.0, 66.0, 75.0, 73.0)
SECOND = (62.0, 63.0, 69.0, 71.0, 74.0, 73.5)


def trainings(*values: float, seed: int = 1, split: str = "validation") -> list[SearchTraining]:
    return [SearchTraining(number, seed, split, top1=top1, top1_n=1000) for number, top1 in enumerate(values)]


def table(done: list[SearchTraining], split: str = "validation") -> CostTable:
    trials = [
        SearchTrial(n, (n % 4, n % 2), f"g{n}", f"m{n}@file", "box", "start") for n in range(len(FIRST))
    ]
    return replace(cost_table(SPECIFICATION, ("box",), trials, [], done), split=split)


def test_two_seeds_of_a_search_are_held_against_each_other() -> None:
    both = table([*trainings(*FIRST), *trainings(*SECOND, seed=2)])
    (said,) = seed_sentences(both, None, "edge1")
    tau = kendalltau(FIRST, SECOND).statistic
    assert said.startswith(f"top1 by another seed: Kendall's tau {tau:.2g} [")
    assert said.endswith("], of 6 members trained from two seeds")


def test_who_is_confirmed_has_a_second_seed_on_the_test_split() -> None:
    again = [*trainings(*FIRST[::-1], split="test"), *trainings(*SECOND, seed=2, split="test")]
    searched = table([*trainings(*FIRST), *again])
    (said,) = seed_sentences(searched, replace(searched, split="test"), "edge1")
    tau = kendalltau(FIRST, SECOND).statistic
    assert said.startswith(f"top1 by another seed on the test split: Kendall's tau {tau:.2g} [")
    assert said.endswith("], of 6 members chosen and trained anew")


UNDECIDED = "whether another seed ranks top1 alike is undecided: "
MORE = "; `paretofleet search confirm edge1 --seeds 3` also trains the selected members from other seeds"


def test_too_few_members_decide_nothing() -> None:
    searched = table([*trainings(*FIRST), *trainings(*SECOND[:4], seed=2)])
    assert list(seed_sentences(searched, None, "edge1")) == [
        f"{UNDECIDED}4 members are trained from two seeds, of at least 5"
    ]


def test_one_seed_decides_nothing_and_what_trains_another_is_said() -> None:
    searched = table(trainings(*FIRST))
    assert list(seed_sentences(searched, None, "edge1")) == [f"{UNDECIDED}members have one seed{MORE}"]


def test_confirmed_from_the_seed_of_the_search_is_no_second_seed() -> None:
    searched = table([*trainings(*FIRST), *trainings(*SECOND, seed=1, split="test")])
    (said,) = seed_sentences(searched, replace(searched, split="test"), "edge1")
    assert said == f"{UNDECIDED}`confirm` trained from the search's own seed only{MORE}"


def test_second_seeds_that_failed_are_too_few_and_not_absent() -> None:
    failed = [replace(each, reason="crashed", top1=None) for each in trainings(*SECOND, seed=2, split="test")]
    searched = table([*trainings(*FIRST), *trainings(*FIRST, split="test"), *failed])
    (said,) = seed_sentences(searched, replace(searched, split="test"), "edge1")
    assert said.endswith("is undecided: 0 members are chosen and trained anew, of at least 5")


def test_a_failed_training_has_no_accuracy_and_one_accuracy_no_order() -> None:
    failed = replace(trainings(*FIRST)[0], seed=2, reason="crashed", top1=None, top1_n=None)
    done = [*trainings(*FIRST), failed, *trainings(*SECOND, seed=2)[1:]]
    assert "of 5 members" in next(seed_sentences(table(done), None, "edge1"))
    alike = [*trainings(*FIRST), *trainings(*[70.0] * 6, seed=2)]
    assert next(seed_sentences(table(alike), None, "edge1")).endswith(
        "6 members trained from two seeds have one top1"
    )


def test_before_the_first_training_nothing_is_said() -> None:
    assert list(seed_sentences(table([]), None, "edge1")) == []
