"""A run is set aside on evidence about the device, never on its value, and a row still says what it can."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.report.inputs import ReportInput, RunInput
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.runs.sample_schemas import PHASES
from paretofleet_analysis.runs.summary import summarize_run

MS = 10**6


def summary(durations_ms, **facts):
    durations = np.round(np.asarray(durations_ms) * MS).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(durations)[:-1]])
    streams = {
        "marks": {
            "t_ns": np.array([0, int(durations.sum())]),
            "phase": np.array([PHASES.index("measure"), PHASES.index("guard_after")]),
        },
        "iterations": {"start_ns": starts, "duration_ns": durations},
    }
    return summarize_run(streams, facts, batch_size=1, mode="latency", target_kind="cpu")


def row(*runs):
    """The report's row of a configuration with these (summary, facts)."""
    inputs = [
        RunInput(f"r{i}", i, "sealed", environment_id="e", counted=one["counted"], summary=one, facts=facts)
        for i, (one, facts) in enumerate(runs)
    ]
    names = ("sweep", "configuration_id", "model", "variant", "variant_sha256", "weights_precision", "device")
    more = ("device_class", "target", "runtime", "precision", "mode", "timing_scope", "protocol")
    given = ReportInput(
        **dict.fromkeys((*names, *more), "x"),
        options={},
        batch_size=1,
        threads=1,
        simulated=False,
        runs=inputs,
    )
    return build_report([given]).to_pylist()[0]


def test_foreign_load_sets_a_run_aside_unless_the_protocol_is_short():
    assert summary([10] * 30)["counted"]
    assert not summary([10] * 30, flags=["contaminated"])["counted"]
    assert summary([10] * 30, flags=["contaminated", "short_protocol"])["counted"]
    assert not summary([10] * 30, counted=False)["counted"]


def test_no_value_sets_a_run_aside():
    wild = [10] * 100 + [500] * 100
    assert summary(wild)["counted"]
    assert summary(wild)["flags"] == ["slowing"]
    assert summary(wild)["batch_latency_mean_s"] == pytest.approx(0.255)
    assert summary(wild)["iterations"] == 200


def test_a_series_that_is_not_steady_says_so_and_keeps_every_value():
    noise = 10 + 0.01 * np.sin(np.arange(200) ** 2)
    assert summary(noise)["flags"] == []
    assert summary(noise + np.where(np.arange(200) < 60, 2, 0))["flags"] == ["warming"]
    assert summary(noise + np.where(np.arange(200) // 25 % 2, 2, 0))["flags"] == ["no_steady"]
    clocks = {
        "readings_before": {"frequencies_khz": [2_000_000]},
        "readings_after": {"frequencies_khz": [1_200_000]},
    }
    hot = summary(noise + np.where(np.arange(200) > 60, 2, 0), **clocks)
    assert hot["flags"] == ["slowing", "thermally_limited"]
    assert hot["counted"]


def test_runs_under_foreign_load_leave_the_mean_where_others_are():
    clean, busy = ({"counted": True}, {"counted": True, "flags": ["contaminated"]})
    mixed = row((summary([10] * 30, **clean), clean), (summary([14] * 30, **busy), busy))
    assert mixed["batch_latency_mean_s"] == pytest.approx(0.010)
    assert (mixed["runs"], mixed["run_counted"], mixed["flags"]) == (1, [True, False], [])
    assert mixed["batch_latency_mean_s_runs"] == pytest.approx([0.010, 0.014])


def test_where_every_run_and_replacement_was_under_foreign_load_the_row_says_so_with_its_numbers():
    busy = {"counted": True, "flags": ["contaminated"]}
    slept = {"counted": False, "flags": ["contaminated"]}
    only = row((summary([14] * 30, **busy), busy), (summary([90] * 30, **slept), slept))
    assert only["batch_latency_mean_s"] == pytest.approx(0.014)
    assert (only["runs"], only["flags"]) == (1, ["contaminated"])
    gone = row((summary([90] * 30, **slept), slept))
    assert (gone["batch_latency_mean_s"], gone["runs"]) == (None, 0)
