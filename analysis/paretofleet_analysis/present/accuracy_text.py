"""Measured accuracies in sentences: one row's, and how a variant differs from another on the same items."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from paretofleet_analysis.statistics.paired_accuracy import accuracy_interval, compare_paired, unpacked

#: The flag of a model that is right no more often than by chance.
_AT_CHANCE = "accuracy_at_chance"


def accuracy_sentence(row: Mapping[str, Any]) -> str:
    """What a report's `row` of a measured accuracy says, with the central 95 % of it.

    >>> row = {"model": "mine", "variant": "file", "device": "tx2-1", "top1": 97.5, "top5": None}
    >>> accuracy_sentence({**row, "top1_n": 360, "runtime": "onnxruntime", "effective_precision": "fp32"})
    'mine@file on tx2-1: top-1 97.5 % (95.5 to 98.8), 360 items, onnxruntime fp32'
    """
    precision = row["effective_precision"] or row.get("precision")
    name = f"{row['model']}@{row['variant']} on {row['device']}"
    return f"{name}: {accuracy_text(row)}, {row['runtime']} {precision}"


def accuracy_text(row: Mapping[str, Any]) -> str:
    """The accuracy in a report's `row`, with the central 95 % of it and the number of items.

    >>> accuracy_text({"top1": 97.5, "top5": 100.0, "top1_n": 360})
    'top-1 97.5 % (95.5 to 98.8), top-5 100.0 %, 360 items'
    """
    count = int(row["top1_n"])
    lo, hi = accuracy_interval(round(row["top1"] / 100 * count), count)
    top5 = f" top-5 {row['top5']:.1f} %," if row["top5"] is not None else ""
    return f"top-1 {row['top1']:.1f} % ({lo:.1f} to {hi:.1f}),{top5} {count} items"


def warning_sentence(row: Mapping[str, Any]) -> str:
    """What is probably wrong with the accuracy of a report's `row`; empty where nothing tells of it."""
    if _AT_CHANCE not in row["flags"]:
        return ""
    return (
        f"{row['model']}@{row['variant']} is right no more often than by chance: labels or pre-processing "
        "are probably wrong. Look whether classes are numbered as the model numbers them, at mean and std."
    )


def paired_sentence(row: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """How the accuracy of a report's `row` differs from that of the `other`, item by item, with its name.

    Empty where they are not of the same items. The interval is of 95 %.
    """
    text = paired_text(row, other)
    return text and f"{row['model']}@{row['variant']}: {text}"


def paired_text(row: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What `paired_sentence` says of a `row` against the `other`, without the name of the first."""
    if not are_paired(row, other):
        return ""
    count = int(row["top1_n"])
    paired = compare_paired(unpacked(other["correct_items"], count), unpacked(row["correct_items"], count))
    if not paired.gained and not paired.lost:
        return f"as right as {other['model']}@{other['variant']} on each item of the same {count}"
    word = "below" if paired.difference < 0 else "above"
    name = f"{other['model']}@{other['variant']}"
    gap = f"{abs(paired.difference):.1f} points {word} {name}" if paired.difference else f"level with {name}"
    return f"{gap} on the same items ({paired.lo:.1f} to {paired.hi:.1f}), McNemar p = {_p(paired.p)}"


def are_paired(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a `row` of a report and an `other` are of the same items in one order, with the same labels."""
    sets = [json.loads(each["accuracy_data"]) if each["accuracy_data"] else {} for each in (row, other)]
    same = all(sets[0].get(key) == sets[1].get(key) for key in ("sha256", "labels", "n"))
    return bool(sets[0]) and same and bool(row["correct_items"]) and bool(other["correct_items"])


def _p(value: float) -> str:
    return f"{value:.2f}" if value >= 0.095 else f"{value:.1g}" if value >= 0.0001 else "below 0.0001"
