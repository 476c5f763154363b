"""The efficiency of a report's rows by each method, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.report import files
from paretofleet_analysis.studies import efficiency as study
from paretofleet_analysis.studies.efficiency import efficiency

STORED = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"
LATENCY = "batch_latency_mean_s"


@pytest.fixture(scope="module")
def report():
    return files.read(STORED)


def test_the_most_efficient_rows_come_first_with_their_bounds(report):
    result = efficiency(report, objectives=[LATENCY, "top1"])
    values = [row.efficiency for row in result.rows]
    assert values == sorted(values, reverse=True)
    assert all(0 < row.low <= row.high <= 1 for row in result.rows)
    assert result.rows[0].label.startswith("mobilenet_v2")
    best, worst = 0, len(values) - 1
    assert result.orders.first[best, worst] == 1


def test_envelopment_ranks_the_same_rows(report):
    by_disposal = efficiency(report, objectives=[LATENCY, "top1"])
    by_mixtures = efficiency(report, objectives=[LATENCY, "top1"], method="dea", devices=["desk"])
    assert {row.label for row in by_mixtures.rows} < {row.label for row in by_disposal.rows}


def test_a_stochastic_frontier_says_what_may_be(report):
    result = efficiency(report, objectives=[LATENCY, "macs"], method="sfa")
    assert result.orders is None
    assert all(row.low <= row.efficiency <= row.high for row in result.rows)


def test_the_same_seed_gives_the_same_answer(report):
    first, second = (efficiency(report, objectives=[LATENCY, "top1"], seed=3) for _ in range(2))
    assert first.rows == second.rows


def test_a_row_without_a_ratio_is_left_out_and_said(report):
    at = report.schema.get_field_index("macs")
    none = pa.array([0, *report["macs"].to_pylist()[1:]], report.schema.field(at).type)
    result = efficiency(report.set_column(at, report.schema.field(at), none), objectives=[LATENCY, "macs"])
    assert len(result.rows) == report.num_rows - 1
    assert [each.reason for each in result.exclusions] == ["macs is not a positive number"]


def test_what_cannot_be_weighed_is_refused(report, monkeypatch):
    with pytest.raises(RankError, match="give two or more"):
        efficiency(report, objectives=[LATENCY])
    with pytest.raises(RankError, match="one that is to be minimised"):
        efficiency(report, objectives=["top1", "throughput_items_s"])
    with pytest.raises(ValueError, match="give 'fdh', 'dea' or 'sfa'"):
        efficiency(report, objectives=[LATENCY, "top1"], method="ccr")
    monkeypatch.setitem(study.ROWS_MAX, "fdh", 3)
    with pytest.raises(RankError, match="12 rows are too many"):
        efficiency(report, objectives=[LATENCY, "top1"])
