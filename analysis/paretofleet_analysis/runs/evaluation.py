"""What an evaluation's samples and its labels come to: accuracies, and which items are right.

In mode `accuracy` nothing is timed, so a summary has no measure of time, power or energy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from paretofleet_analysis.errors import SampleError
from paretofleet_analysis.runs.sample_schemas import Streams, stream_columns
from paretofleet_analysis.runs.summary import RULE_VERSION
from paretofleet_analysis.statistics.paired_accuracy import packed

MODE = "accuracy"
#: So many of the best classes are told of an item; with no more classes than that every item would be right.
TOLD = 5
#: Of a model that is right no more often than one that always says the commonest class.
AT_CHANCE = "accuracy_at_chance"
#: How improbable the right answers of such a model must be before the accuracy is above chance.
_LEVEL = 0.01


def summarize_evaluation(streams: Streams, facts: Mapping[str, Any], labels: np.ndarray) -> dict[str, Any]:
    """An evaluation's own values, JSON-ready, null where absent.

    `streams` and `facts` are as for `summarize_run`; `labels` (n,) are the whole numbers of the right
    classes. `correct_items` packs whether the best class of each item is right, as `packed` does. `top5` is
    null for a model of five classes or fewer. Raises `SampleError` where the predictions are not those of n
    items, each once and in order.

    >>> streams = {"predictions": {"item": np.array([0, 0, 1, 1]), "class": np.array([3, 1, 0, 3])}}
    >>> facts = {"effective": {"evaluation": {"classes": 4}}}
    >>> found = summarize_evaluation(streams, facts, np.array([3, 3]))
    >>> found["top1"], found["top5"], found["top1_n"], found["correct_items"]
    (50.0, None, 2, 'gA==')
    """
    predicted = _ranked(*stream_columns(streams, "predictions", "predictions/1"), labels.size)
    is_right = predicted == labels[:, None]
    best = is_right[:, 0]
    classes = int(((facts.get("effective") or {}).get("evaluation") or {}).get("classes") or 0)
    flags = {*(facts.get("flags") or ()), *([AT_CHANCE] if is_at_chance(best, labels, classes) else [])}
    return {
        "iterations": 0,
        "load_s": _seconds(facts.get("load_ns")),
        "first_inference_s": _seconds(facts.get("first_inference_ns")),
        "memory_peak_bytes": facts.get("memory_peak_bytes"),
        "device_memory_bytes": facts.get("device_memory_bytes"),
        "top1": 100.0 * float(best.mean()),
        "top5": 100.0 * float(is_right.any(axis=1).mean()) if classes > TOLD else None,
        "top1_n": int(labels.size),
        "correct_items": packed(best),
        "energy": [],
        "flags": sorted(flags),
        "counted": bool(facts.get("counted", True)),
        "rule_version": RULE_VERSION,
    }


def _ranked(items: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """The predictions of `count` items as a table, a row an item, best class first."""
    told = items.size // count if count else 0
    if not told or items.size != told * count:
        raise SampleError(f"{items.size} predictions are not those of {count} items: evaluate again")
    if not np.array_equal(items, np.repeat(np.arange(count), told)):
        raise SampleError(f"the predictions are not of {count} items, each once and in order: evaluate again")
    return classes.reshape(count, told)


def is_at_chance(correct: np.ndarray, labels: np.ndarray, classes: int) -> bool:
    """Whether the items of (n,) `labels` that are `correct` (n,) are no more than chance would give.

    Chance is the share of the commonest label, which always saying it would reach, or of one class among all
    `classes` where there is but one label. By the exact binomial test, one-sided, at 1 %.
    """
    from paretofleet_analysis.special_functions import bdtrc

    shares = np.unique(labels, return_counts=True)[1] / labels.size
    chance = float(shares.max()) if shares.size > 1 else 1.0 / max(classes, 2)
    right = int(correct.sum())
    return right == 0 or float(bdtrc(right - 1, labels.size, chance)) > _LEVEL


def _seconds(value_ns: int | None) -> float | None:
    return None if value_ns is None else value_ns / 1e9
