"""Rows whose items came by the clock, beside those without a break."""

from __future__ import annotations

import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from rankings import reasons

ENERGY = {"objectives": ["batch_latency_mean_s", "energy_j_per_item"]}
LATENCIES = (0.0100, 0.0101, 0.0099, 0.0100, 0.0100)
IDLE_W = 2.0


@pytest.fixture
def both(configuration, summary):
    """A model without a break, and at 5 items a second, where one costs `measured_j` (None: no row)."""

    def rows(name, measured_j, latency_s=0.010, paced_s=0.014, **more):
        def of(mode, energy_j, items_s, latency_s):
            given = configuration(
                name, [latency_s * each / 0.010 for each in LATENCIES], mode=mode, items_s=items_s
            )
            for k, run in enumerate(given.runs):
                spread = 1 + 0.002 * (k - 2)
                run.summary.update(summary(run.summary["batch_latency_mean_s"], energy_j * spread))
                run.summary["energy"][0]["armed_idle_power_w"] = IDLE_W
                run.summary.update(more)
            identity = f"{name}-{mode}-{items_s}"
            runs = [type(run)(**{**vars(run), "run_id": f"{identity}-{run.run_id}"}) for run in given.runs]
            return type(given)(**{**vars(given), "configuration_id": identity, "runs": runs})

        unpaced = of("latency", 0.1, None, latency_s)
        return [unpaced] if measured_j is None else [unpaced, of("paced", measured_j, 5.0, paced_s)]

    return rows


def test_where_every_row_has_a_paced_one_those_are_ranked(both):
    extrapolated_j = 0.1 + IDLE_W * (0.2 - 0.010)
    table = build_report([*both("a", extrapolated_j), *both("b", 0.9)])
    ranking = rank(table, rate_hz=5.0, **ENERGY)
    rows = {row.identity["model"]: row for row in ranking.rows}
    assert {row.identity["mode"] for row in ranking.rows} == {"paced"}
    assert rows["a"].estimates["energy_j_per_item"].mean == pytest.approx(extrapolated_j)
    assert rows["b"].estimates["energy_j_per_item"].mean == pytest.approx(0.9)
    assert rows["b"].estimates["extrapolated_j_per_item"].mean == pytest.approx(extrapolated_j, rel=1e-3)
    assert rows["b"].estimates["batch_latency_mean_s"].mean == pytest.approx(0.014)
    assert "pace_matters" in rows["b"].flags
    assert reasons(ranking) == {"its row of 5 items a second is ranked in its place": 2}
    assert "extrapolated mJ" in ranking_text.render(ranking, columns=200)


def test_the_flag_is_for_what_differs_by_more_than_both_intervals_allow(both):
    extrapolated_j = 0.1 + IDLE_W * (0.2 - 0.010)
    table = build_report(both("a", extrapolated_j * 1.004, paced_s=0.010))
    (row,) = rank(table, rate_hz=5.0, **ENERGY).rows
    assert "pace_matters" not in row.flags
    table = build_report(both("a", extrapolated_j * 1.004, paced_s=0.014))
    (row,) = rank(table, rate_hz=5.0, **ENERGY).rows
    assert "pace_matters" in row.flags, "the latency differs, though the energy does not"


def test_where_some_rows_have_none_latencies_stay_those_without_a_break(both):
    table = build_report([*both("a", 0.9), *both("b", None)])
    ranking = rank(table, rate_hz=5.0, **ENERGY)
    rows = {row.identity["model"]: row for row in ranking.rows}
    assert {row.identity["mode"] for row in ranking.rows} == {"latency"}
    assert rows["a"].estimates["energy_j_per_item"].mean == pytest.approx(0.9)
    extrapolated = rows["b"].estimates["extrapolated_j_per_item"].mean
    assert rows["b"].estimates["energy_j_per_item"].mean == pytest.approx(extrapolated, rel=1e-3)
    assert rows["a"].estimates["batch_latency_mean_s"].mean == pytest.approx(0.010)
    assert reasons(ranking) == {"its energy stands in the row without a break": 1}
    assert any("in 1 of 2 rows it was measured at that rate" in note for note in ranking.notes)


def test_without_a_rate_the_two_are_two_questions(both):
    table = build_report([*both("a", 0.9), *both("b", 0.9)])
    ranking = rank(table, **ENERGY)
    assert {row.identity["mode"] for row in ranking.rows} == {"latency"}
    assert reasons(ranking) == {"mode is not latency": 2}
    only = build_report([row for row in (*both("a", 0.9), *both("b", 0.9)) if row.mode == "paced"])
    assert {row.identity["items_s"] for row in rank(only, **ENERGY).rows} == {5.0}
    with pytest.raises(RankError, match=r"2 x mode is paced at 5 items/s"):
        rank(only, rate_hz=7.0, **ENERGY)


def test_a_row_that_does_not_keep_its_rate_says_which_it_keeps(both):
    absent = dict.fromkeys(("batch_latency_mean_s", "energy_j_per_item"))
    unkept = both("a", 0.9, **absent, throughput_items_s=3.2, flags=["pace_not_kept"])[1]
    table = build_report([unkept, both("b", 0.9)[1]])
    assert reasons(rank(table, **ENERGY)) == {"it keeps 3.2 items a second, not 5": 1}


def test_a_report_without_paced_rows_is_one_that_older_programs_read(both, tmp_path):
    for rows, version in ((both("a", None), b"3"), (both("a", 0.9), b"4")):
        files.write(build_report(rows), tmp_path / "report.parquet")
        written = files.pq.read_schema(tmp_path / "report.parquet")
        assert written.metadata[b"paretofleet.report.version"] == version
        assert ("items_s" in written.names) == (version == b"4")
