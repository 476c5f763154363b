"""The table of techniques: what each has over learning from scratch, in pairs of the same seeds."""

from __future__ import annotations

import pytest
from paretofleet_collector.cli.train_techniques import Measured, table_rows

NAMES = {
    "scratch": ["m@file", "m-s2@file", "m-s3@file"],
    "frozen": ["m@frozen", "m-s2@frozen", "m-s3@frozen"],
    "int8-static": ["m@int8", "m-s2@int8", "m-s3@int8"],
}
MEASURED = Measured(
    accuracies={
        "m@file": 90.0,
        "m-s2@file": 95.0,
        "m-s3@file": 97.0,
        "m@frozen": 89.0,
        "m-s2@frozen": 94.0,
        "m-s3@frozen": 96.0,
        "m@int8": 90.5,
        "m-s2@int8": 95.0,
    },
    times={
        "m@file": {
            "batch_latency_mean_s": 2e-5,
            "batch_latency_mean_s_lo": 1.9e-5,
            "batch_latency_mean_s_hi": 2.1e-5,
        }
    },
    sizes={"m@file": 4000, "m@frozen": 4000, "m@int8": 1500},
    training_s={"scratch": [2.0, 2.2, 2.4], "frozen": [1.0, 1.1, 1.2]},
)


@pytest.fixture
def rows():
    return {row["technique"]: row for row in table_rows(NAMES, MEASURED)}


def test_a_difference_in_pairs_of_seeds_is_surer_than_the_means_are(rows):
    frozen = rows["frozen"]
    assert (frozen["points"], frozen["points_lo"], frozen["points_hi"]) == (-1.0, -1.0, -1.0)
    assert frozen["top1_hi"] - frozen["top1_lo"] > 10.0
    assert rows["scratch"]["top1_hi"] == 100.0, "Student's own end would be above"
    assert rows["scratch"]["points"] is None


def test_what_was_not_measured_is_absent_and_never_scratchs(rows):
    static = rows["int8-static"]
    assert (static["seeds"], static["top1"], static["points"]) == (2, 92.75, 0.25)
    assert static["item_us"] is None
    assert rows["scratch"]["item_us_hi"] == pytest.approx(21.0)


def test_what_is_made_of_a_trained_file_costs_its_training(rows):
    assert rows["int8-static"]["training_s"] == rows["scratch"]["training_s"] == pytest.approx(2.2)
    assert rows["frozen"]["training_s"] == pytest.approx(1.1)
    assert rows["int8-static"]["size_bytes"] == 1500
