"""The page of a very large report: what it shows is what `rank` says, and what it does not show it names."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from paretofleet_analysis.page import content, studies
from paretofleet_analysis.page.content import Page, gather
from paretofleet_analysis.page.device_rows import counts_of_devices, courses_of_places
from paretofleet_analysis.page.render import render
from paretofleet_analysis.present.ranking_table import table_columns
from paretofleet_analysis.ranking import rank as ranks
from paretofleet_analysis.studies import efficiency as efficiencies
from rank_million import Fleet, fleet_rows

pytest.importorskip("vl_convert")

LATENCY = "batch_latency_p90_s"


def report(rows: int = 600, *, seed: int = 7) -> pa.Table:
    """Networks on two devices, of which one takes a hundred times as long, with runs that do not count,
    blocks with several runs, flags, and texts that are absent.
    """
    rng = np.random.default_rng(seed)
    table = fleet_rows(rng.permutation(10 * rows)[:rows], Fleet.drawn(rng), rng).to_pylist()
    for at, row in enumerate(table):
        if row["device"] == "device-1":
            for name in ("batch_latency_mean_s", LATENCY, "energy_j_per_item"):
                row[name] *= 100
                row[f"{name}_runs"] = [100 * value for value in row[f"{name}_runs"]]
        if at % 5 == 0:
            row["run_counted"], row["runs"] = [True, True, False, True, True], 4
        row["run_blocks"] = [1, 1, 2, 3, 3] if at % 3 else [2] * 5
        row["flags"] = ["warmup_not_steady"] if at % 4 == 0 else []
        row["run_boots"] = [None, "", f"boot-{at % 7}", "a", "b"]
        row["environment_id"] = f"{at % 3:016}"
    return pa.Table.from_pylist(table, schema=fleet_rows(np.arange(1), Fleet.drawn(rng), rng).schema)


@pytest.fixture(scope="module")
def table():
    return report()


@pytest.fixture(scope="module")
def ranked(table):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "TABLE_FROM", 0)
        return ranks.rank_runs(table)


def cells(column: dict) -> list[str]:
    return column.get("cells") or [column["values"][at] for at in column["index"]]


def shown(page: Page) -> list[list[str]]:
    return [cells(column) for column in page.table["columns"]]


def test_the_page_says_how_many_rows_are_surely_dominated_and_not_drawn(ranked):
    page = gather(ranked, title="many")
    count = ranked.ranking.left_out.count
    assert count + len(ranked.rows) == 600
    (said,) = page.left_out
    assert said.startswith(f"{count} more rows are surely dominated and not listed")
    assert "`report query` reads them" in said
    assert said in page.notes
    drawn = f"{count} more rows are surely dominated and not drawn."
    assert drawn in page.front.explanation
    assert page.front.alternative.endswith(drawn)


def test_its_table_is_that_of_rank(ranked):
    assert shown(gather(ranked, title="many")) == [
        list(column.cells) for column in table_columns(ranked.ranking)
    ]


def test_devices_are_counted_with_the_rows_that_are_not_listed(ranked, table):
    whole = ranks.rank_runs(table)
    assert len(whole.rows) == 600
    assert gather(ranked, title="").devices.rows == gather(whole, title="").devices.rows
    assert counts_of_devices(ranked.compared) == counts_of_devices(whole.compared)
    assert ranked.devices == whole.devices == ["device-0", "device-1"]


def test_devices_drift_by_all_rows(ranked, table):
    whole = ranks.rank_runs(table)
    names = [LATENCY, "energy_j_per_item"]
    by_column, by_row = (courses_of_places(each.compared, names) for each in (ranked, whole))
    for name in names:
        assert by_column[name].keys() == by_row[name].keys()
        for place, course in by_row[name].items():
            assert sorted(course) == sorted(by_column[name][place]) == [1, 2, 3]
            for block, away in course.items():
                assert sorted(by_column[name][place][block]) == pytest.approx(sorted(away), abs=1e-9)


def test_rows_in_one_block_show_no_drift(ranked, table):
    column = pa.array([[1] * 5] * len(table), table.schema.field("run_blocks").type)
    at = table.schema.get_field_index("run_blocks")
    flat = replace(ranked, compared=type(ranked.compared)(table.set_column(at, "run_blocks", column)))
    assert all(course == {} for course in courses_of_places(flat.compared, [LATENCY])[LATENCY].values())


def test_of_too_many_listed_rows_the_page_has_the_first_and_says_so(ranked, monkeypatch):
    monkeypatch.setattr(content, "ROWS_MAX", 5)
    page = gather(ranked, title="many")
    assert page.table["count"] == 5
    assert shown(page) == [list(column.cells)[:5] for column in table_columns(ranked.ranking)]
    assert len(page.evidence["blocks"]) == 5
    assert {row["number"] for row in page.front.specification["datasets"]["rows"]} == {1, 2, 3, 4, 5}
    said = f"Of {len(ranked.rows)} listed rows the first 5 are on this page"
    assert said in page.left_out[1]
    assert said in render(page)


def test_studies_look_at_all_devices_that_were_compared(ranked, table):
    best = next(
        answer
        for answer in studies.study_answers(["devices"], table, ranked)
        if answer.title == "The best of each device"
    )
    assert {row[0] for row in best.rows} == {"device-0", "device-1"}


def test_studies_of_too_many_rows_are_left_out_with_a_sentence_each(ranked, table, monkeypatch):
    monkeypatch.setattr(studies, "ROWS_MAX", 599)
    answers = studies.study_answers(list(studies.STUDIES), table, ranked)
    assert [answer.study for answer in answers] == list(studies.STUDIES)
    assert {answer.verdict for answer in answers} == {"left out"}
    assert "at most 599 rows, and these are 600; ask of a sweep alone" in answers[0].sentence
    assert answers[0].sentence in render(gather(ranked, title="many", answers=answers))
    assert json.dumps(studies.too_many_rows(table, ranked))


def test_studies_count_only_rows_of_devices_that_are_ranked(table, monkeypatch):
    ranked = ranks.rank_runs(table, devices=["device-0"])
    monkeypatch.setattr(studies, "ROWS_MAX", len(ranked.rows))
    assert studies.too_many_rows(table, ranked) is None


@pytest.mark.parametrize("method", ["fdh", "dea"])
def test_an_efficiency_of_a_table_is_that_of_its_rows(table, method, monkeypatch):
    few = table.slice(0, 40)
    by_row = efficiencies.efficiency(few, objectives=["top1", LATENCY], method=method)
    monkeypatch.setattr(efficiencies, "TABLE_FROM", 0)
    by_column = efficiencies.efficiency(few, objectives=["top1", LATENCY], method=method)
    assert by_column.rows == by_row.rows
    assert [(each.reason, list(each.rows)) for each in by_column.exclusions] == [
        (each.reason, list(each.rows)) for each in by_row.exclusions
    ]
