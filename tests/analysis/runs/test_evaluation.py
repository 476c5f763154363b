"""What an evaluation comes to: shares of right answers, chance, and which items were right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.errors import SampleError
from paretofleet_analysis.runs.evaluation import AT_CHANCE, summarize_evaluation
from paretofleet_analysis.statistics.paired_accuracy import unpacked


def streams(ranked: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    count, told = ranked.shape
    return {"predictions": {"item": np.repeat(np.arange(count), told), "class": ranked.reshape(-1)}}


def facts(classes: int) -> dict[str, Any]:
    return {"effective": {"evaluation": {"classes": classes}}, "load_ns": 5_000_000}


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_the_shares_are_those_of_a_count_by_hand(count: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    ranked = np.array([random.permutation(classes)[:5] for _ in range(count)])
    labels = random.integers(0, classes, count)
    found = summarize_evaluation(streams(ranked), facts(classes), labels)
    first = [row[0] == label for row, label in zip(ranked.tolist(), labels.tolist(), strict=True)]
    five = [label in row for row, label in zip(ranked.tolist(), labels.tolist(), strict=True)]
    assert found["top1"] == pytest.approx(100 * sum(first) / count)
    assert found["top5"] == (pytest.approx(100 * sum(five) / count) if classes > 5 else None)
    assert unpacked(found["correct_items"], count).tolist() == first
    assert (found["top1_n"], found["counted"], found["load_s"]) == (count, True, 0.005)


def test_nothing_is_timed() -> None:
    found = summarize_evaluation(streams(np.array([[0, 1], [1, 0]])), facts(2), np.array([0, 1]))
    assert not {name for name, value in found.items() if "latency" in name and value is not None}
    assert found["iterations"] == 0


BROKEN = {
    "an item is missing": (np.array([0, 0, 2, 2]), 3),
    "an item came twice": (np.array([0, 0, 1, 1, 1, 1]), 3),
    "another order": (np.array([1, 1, 0, 0]), 2),
    "fewer items": (np.array([0, 0]), 2),
    "nothing": (np.empty(0, np.int64), 2),
    "an odd number": (np.array([0, 0, 1]), 2),
}


@pytest.mark.parametrize("case", list(BROKEN))
def test_predictions_of_other_items_make_no_summary(case: str) -> None:
    items, count = BROKEN[case]
    broken = {"predictions": {"item": items, "class": np.zeros(items.size, np.int64)}}
    with pytest.raises(SampleError, match="evaluate again"):
        summarize_evaluation(broken, facts(2), np.zeros(count, np.int64))


def flagged(predicted: np.ndarray, labels: np.ndarray, classes: int = 10) -> bool:
    return AT_CHANCE in summarize_evaluation(streams(predicted[:, None]), facts(classes), labels)["flags"]


def test_a_model_that_guesses_is_named_and_one_that_knows_is_not() -> None:
    labels = np.arange(300) % 10
    assert flagged((labels + 1) % 10, labels), "classes numbered otherwise"
    assert flagged(np.zeros(300, np.int64), labels), "always the same class"
    assert not flagged(labels, labels)
    half = np.where(np.arange(300) < 150, labels, 0)
    assert not flagged(half, labels)


def test_always_saying_the_commonest_class_is_chance() -> None:
    """Nine in ten of one class: 90 % right tells of nothing."""
    labels = np.where(np.arange(200) % 10 == 0, 1, 0)
    assert flagged(np.zeros(200, np.int64), labels, classes=2)
    assert not flagged(labels, labels, classes=2)


def test_labels_at_random_are_called_chance_nearly_always() -> None:
    """The level is 1 %: of 400 models that guess, about 4 may pass."""
    random = np.random.default_rng(0)
    labels = np.arange(100) % 10
    passed = sum(not flagged(random.integers(0, 10, 100), labels) for _ in range(400))
    assert passed <= 12
