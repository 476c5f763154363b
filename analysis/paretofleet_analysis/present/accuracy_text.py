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
    count = int(row["top1_n"])
    lo, hi = accuracy_interval(round(row["top1"] / 100 * count), count)
    top5 = f" top-5 {row['top5']:.1f} %," if row["top5"] is not None else ""
    precision = row["effective_precision"] or row.get("precision")
    top1 = f"top-1 {row['top1']:.1f} % ({lo:.1f} to {hi:.1f})"
    return (
        f"{row['model']}@{row['variant']} on {row['device']}: {top1},"
        f"{top5} {count} items, {row['runtime']} {precision}"
    )


def warning_sentence(row: Mapping[str, Any]) -> str:
    """What is probably wrong with the accuracy of a report's `row`; empty where nothing tells of it."""
    if _AT_CHANCE not in row["flags"]:
        return ""
    return (
        f"{row['model']}@{row['variant']} is right no more often than by chance: labels or pre-processing "
        "are probably wrong. Look whether classes are numbered as the model numbers them, at mean and std."
    )


def paired_sentence(row: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """How the accuracy of a report's `row` differs from that of the `other`, item by item.

    Empty where they are not of the same items. The interval is of 95 %.
    """
    if not are_paired(row, other):
        return ""
    count = int(row["top1_n"])
    paired = compare_paired(unpacked(other["correct_items"], count), unpacked(row["correct_items"], count))
    if not paired.gained and not paired.lost:
        how = f"as right as {other['model']}@{other['variant']} on each item of the same {count}"
        return f"{row['model']}@{row['variant']}: {how}"
    word = "below" if paired.difference < 0 else "above"
    name = f"{other['model']}@{other['variant']}"
    gap = f"{abs(paired.difference):.1f} points {word} {name}" if paired.difference else f"level with {name}"
    return (
        f"{row['model']}@{row['variant']}: {gap} on the same items ({paired.lo:.1f} to {paired.hi:.1f}), "
        f"McNemar p = {_p(paired.p)}"
    )


def are_paired(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a `row` of a report and an `other` are of the same items in one order, with the same labels."""
    sets = [json.loads(each["accuracy_data"]) if each["accuracy_data"] else {} for each in (row, other)]
    same = all(sets[0].get(key) == sets[1].get(key) for key in ("sha256", "labels", "n"))
    return bool(sets[0]) and same and bool(row["correct_items"]) and bool(other["correct_items"])


def _p(value: float) -> str:
    return f"{value:.2f}" if value >= 0.095 else f"{value:.1g}" if value >= 0.0001 else "below 0.0001"
