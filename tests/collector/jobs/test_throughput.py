"""Sweeps in throughput mode, whose runs have no latency: they stop and are flagged by the time of an item."""

from __future__ import annotations

import itertools

import pytest
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.jobs import report as reports


def measured(rig, mode: str, lengths_s: tuple[float, ...]) -> list[dict]:
    """The report's rows of one configuration whose runs have iterations of these lengths in turn."""
    session = rig.joined()
    sweep = rig.submit(mode=mode, runs_min=5, runs_max=7)
    for seconds in itertools.cycle(lengths_s):
        grant = rig.lease(session)
        if grant is None:
            break
        rig.upload(session, grant, seconds=seconds)
        rig.seal()
    assert rig.sweep(sweep.name).state == "finished"
    inputs = rig.context.store.read_now(lambda connection: reports.report_inputs(connection, sweep.sweep_id))
    return build_report(inputs).to_pylist()


@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_runs_that_agree_are_not_repeated_to_the_most(rig, mode):
    (row,) = measured(rig, mode, (0.010, 0.01001))
    assert (row["runs"], row["batch_latency_mean_s"] is None) == (5, mode == "throughput")
    assert "not_converged" not in row["flags"]


@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_runs_that_never_agree_are_repeated_to_the_most_and_flagged(rig, mode):
    (row,) = measured(rig, mode, (0.010, 0.02))
    assert (row["runs"], row["batch_latency_mean_s"] is None) == (7, mode == "throughput")
    assert "not_converged" in row["flags"]
