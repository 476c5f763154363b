"""Further runs of a sweep go where the ranking of its report is open."""

from __future__ import annotations

import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.ranking.allocation import allocate_runs
from paretofleet_analysis.report.rows import build_report

CLOSE = (0.0100, 0.0104, 0.0097, 0.0102, 0.0098)
CLOSE_TOO = (0.0101, 0.0098, 0.0104, 0.0096, 0.0103)
LOSER = (0.0500, 0.0502, 0.0499, 0.0501, 0.0500)


def identified(configuration, name, latencies, **more):
    return configuration(name, latencies, configuration_id=name, **more)


def test_a_close_pair_gets_the_runs_and_a_clear_loser_none(configuration):
    table = build_report(
        [
            identified(configuration, "a", CLOSE, top1=70.0),
            identified(configuration, "b", CLOSE_TOO, top1=70.5),
            identified(configuration, "loser", LOSER, top1=60.0),
        ]
    )
    found = allocate_runs(table, use="realtime", budget=8, seed=1)
    assert found.objectives == ("top1", "batch_latency_p90_s")
    assert found.compared == ("a", "b", "loser")
    assert sum(found.runs.values()) == 8
    assert set(found.runs) == {"a", "b"}
    assert "loser" not in found.undecided
    assert set(found.undecided) <= {"a", "b"}
    assert found.undecided
    assert found == allocate_runs(table, use="realtime", budget=8, seed=1)


def test_what_is_decided_is_not_called_undecided(fleet):
    table = fleet({"a": (70.0, 0.010), "b": (80.0, 0.020), "c": (60.0, 0.040)})
    assert allocate_runs(table, use="realtime", budget=4, seed=1).undecided == ()


def test_without_any_accuracy_the_other_objectives_are_compared(configuration):
    table = build_report(
        [identified(configuration, name, CLOSE, top1=None, top1_source=None) for name in ("a", "b")]
    )
    assert allocate_runs(table, use="realtime", budget=2, seed=1).objectives == ("batch_latency_p90_s",)


def test_what_the_use_does_not_rank_takes_no_part(configuration):
    table = build_report(
        [
            identified(configuration, "a", CLOSE),
            identified(configuration, "b", CLOSE_TOO),
            identified(configuration, "large", CLOSE, batch_size=8),
            identified(configuration, "few", CLOSE[:2]),
        ]
    )
    assert allocate_runs(table, use="realtime", budget=2, seed=1).compared == ("a", "b")
    assert "large" in allocate_runs(table, use="offline", budget=2, seed=1).compared


def test_fewer_than_two_configurations_cannot_be_compared(configuration):
    table = build_report([identified(configuration, "a", CLOSE), identified(configuration, "b", CLOSE[:2])])
    with pytest.raises(RankError, match="fewer than 2 configurations have 3 runs"):
        allocate_runs(table, use="realtime", budget=2, seed=1)
