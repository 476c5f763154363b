"""What `models show` says of accuracies that devices measured: each with its interval, and paired."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from paretofleet_analysis.statistics.paired_accuracy import packed
from paretofleet_collector.cli.measured_accuracy import measured_rows, measured_texts
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.views import Evaluation

PARENT = Variant("mine", "file", "a" * 64, 100)
INT8 = Variant("mine", "int8", "b" * 64, 30, parent="a" * 64)
DATA = json.dumps({"name": "set.npz", "sha256": "c" * 64, "labels": "d" * 64, "n": 200})


def evaluation(variant: Variant, wrong: int, device: str = "tx2") -> Evaluation:
    """200 items of which the first ones are wrong."""
    correct = np.arange(200) >= wrong
    top1 = 100 * float(correct.mean())
    return Evaluation(variant.sha256, device, "onnxruntime", "fp32", top1, 200, None, packed(correct), DATA)


def test_each_accuracy_has_its_interval_its_items_and_who_measured_it() -> None:
    texts = measured_texts([evaluation(PARENT, 20), evaluation(PARENT, 10, "here")], PARENT, None)
    assert texts == [
        "top-1 90.0 % (85.3 to 93.6), 200 items of set.npz, onnxruntime fp32 on tx2",
        "top-1 95.0 % (91.3 to 97.4), 200 items of set.npz, onnxruntime fp32 on here",
    ]


def test_a_variant_is_held_against_its_parent_item_by_item_on_the_same_device() -> None:
    measured = [evaluation(INT8, 30), evaluation(PARENT, 5, "here"), evaluation(PARENT, 20)]
    (text,) = measured_texts(measured, INT8, PARENT)
    assert text.endswith("; 5.0 points below mine@file on the same items (-8.2 to -1.7), McNemar p = 0.002")


def test_other_items_or_another_device_are_no_pair() -> None:
    other = replace(evaluation(PARENT, 20), accuracy_data=DATA.replace("c" * 64, "e" * 64))
    (text,) = measured_texts([evaluation(INT8, 30), other, evaluation(PARENT, 20, "here")], INT8, PARENT)
    assert "mine@file" not in text


def test_as_data_each_variant_has_its_own() -> None:
    rows = measured_rows([evaluation(INT8, 30), evaluation(PARENT, 20)], INT8)
    assert [(row["top1"], row["accuracy_data"]["name"]) for row in rows] == [(85.0, "set.npz")]
