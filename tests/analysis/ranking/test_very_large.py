"""Very large reports: rows that are surely dominated are left out, and nothing else changes by that."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.page.content import gather
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking import rank as ranks
from paretofleet_analysis.ranking.result import RankedRow, Ranking
from rank_million import Fleet, fleet_rows

#: What depends on how many rows are listed, and not on what is said of them.
OF_LISTS = {"number", "group", "sentence"}


def report(rows: int, *, seed: int, noise: float = 0.02) -> pa.Table:
    rng = np.random.default_rng(seed)
    return fleet_rows(rng.permutation(10 * rows)[:rows], Fleet.drawn(rng, noise), rng)


def both(table: pa.Table, monkeypatch: pytest.MonkeyPatch, **keywords: object) -> tuple[Ranking, Ranking]:
    """The ranking of all rows, and that which leaves some out."""
    whole = ranks.rank(table, **keywords)
    monkeypatch.setattr(ranks, "TABLE_FROM", 0)
    return whole, ranks.rank(table, **keywords)


def said(row: RankedRow) -> dict[str, object]:
    return {
        each.name: getattr(row, each.name) for each in dataclasses.fields(row) if each.name not in OF_LISTS
    }


def assert_alike(whole: Ranking, listed: Ranking) -> None:
    """What is said of the rows that are listed is the same to the last digit; the others are beaten."""
    rows = {(row.identity["configuration_id"], row.identity["sweep"]): row for row in whole.rows}
    for row in listed.rows:
        assert said(row) == said(rows.pop((row.identity["configuration_id"], row.identity["sweep"])))
    assert {row.verdict for row in rows.values()} <= {"beaten"}
    assert {row.p_front for row in rows.values()} <= {0.002}
    assert len(rows) == (0 if listed.left_out is None else listed.left_out.count)
    assert listed.notes == whole.notes
    assert listed.evidence == whole.evidence
    assert [(each.reason, list(each.rows)) for each in listed.exclusions] == [
        (each.reason, list(each.rows)) for each in whole.exclusions
    ]


@pytest.mark.parametrize(("seed", "noise"), [(1, 0.02), (2, 0.02), (3, 0.2)])
def test_what_is_said_of_the_others_is_the_same_to_the_last_digit(seed, noise, monkeypatch):
    whole, listed = both(report(600, seed=seed, noise=noise), monkeypatch)
    assert listed.left_out is not None
    assert_alike(whole, listed)


def test_so_it_is_with_one_device_a_limit_or_a_promise_of_all_verdicts(monkeypatch):
    table = report(700, seed=4)
    one = table.filter(pa.compute.equal(table["device"], "device-0"))
    for keywords in ({}, {"promise": "all"}, {"promise": "share"}, {"maxima": {"batch_latency_p90_s": 0.02}}):
        with monkeypatch.context() as patch:
            whole, listed = both(one, patch, **keywords)
        assert_alike(whole, listed)


def test_rows_that_cannot_be_ranked_have_the_same_reasons(monkeypatch):
    table = report(500, seed=5)
    rows = table.to_pylist()
    for row in rows[:9]:
        row["batch_size"] = 8
    rows[10] |= {"status": "failed", "reason": "oom"}
    rows[11]["flags"] = ["no_work"]
    rows[12]["run_counted"] = [False] * 5
    rows[13]["energy_j_per_item_runs"][2] = None
    rows[14]["batch_latency_p90_s_runs"] = [0.0] * 5
    rows[15] = dict(rows[16])
    rows[17]["run_counted"] = [True, True, False, False, False]
    whole, listed = both(pa.Table.from_pylist(rows, schema=table.schema), monkeypatch)
    assert sum(len(each.rows) for each in whole.exclusions) == 14
    assert_alike(whole, listed)


def test_a_measurement_entered_twice_and_a_second_sweep_stay_what_they_are(monkeypatch):
    table = report(400, seed=6)
    rows = table.to_pylist()
    again = [
        row
        | {"sweep": "again", "run_ids": [f"{name}-again" for name in row["run_ids"]]}
        | {"energy_j_per_item_runs": [value * 1.1 for value in row["energy_j_per_item_runs"]]}
        for row in rows[::2]
    ]
    twin = [row | {"configuration_id": f"{k:>016}"} for k, row in enumerate(rows[1:40:2])]
    joined = pa.Table.from_pylist([*rows, *again, *twin], schema=table.schema)
    whole, listed = both(joined, monkeypatch)
    assert_alike(dataclasses.replace(whole, notes=()), dataclasses.replace(listed, notes=()))


def test_a_table_says_how_many_are_left_out_and_who_is_ahead(monkeypatch):
    _, listed = both(report(600, seed=7), monkeypatch)
    text = " ".join(ranking_text.render(listed).split())
    assert f"{listed.left_out.count} more rows are surely dominated and not listed" in text
    assert listed.left_out.example in text
    assert '"left_out": {' in ranking_text.to_json(listed)


def test_the_page_says_so_too(monkeypatch):
    monkeypatch.setattr(ranks, "TABLE_FROM", 0)
    page = gather(ranks.rank_runs(report(600, seed=7)), title="many")
    assert any("more rows are surely dominated" in note for note in page.notes)


def test_a_row_that_is_meant_is_listed_whatever_beats_it(monkeypatch):
    table = report(600, seed=8)
    whole, listed = both(table, monkeypatch)
    left = {row.identity["configuration_id"] for row in whole.rows}
    left -= {row.identity["configuration_id"] for row in listed.rows}
    name = min(left)
    assert ranks.rank(table, why=name).why is not None


def test_where_too_many_are_left_or_another_question_is_asked_it_is_refused(monkeypatch):
    table = report(600, seed=9)
    monkeypatch.setattr(ranks, "ROWS_MAX", 20)
    monkeypatch.setattr(ranks, "TABLE_FROM", 21)
    with pytest.raises(RankError, match="are not surely dominated, and at most 20 are ranked at once"):
        ranks.rank(table)
    with pytest.raises(RankError, match="600 rows and at most 20 are ranked at once by another question"):
        ranks.rank(table, question="run")
