"""Two reports of the same configurations: what is matched, what is called changed, what is said beside."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from paretofleet_analysis.errors import RankError, RequestError
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.present.compare_text import (
    comparison_document,
    comparison_rows,
    render_comparison,
    render_comparison_markdown,
)
from paretofleet_analysis.present.otava import write_series
from paretofleet_analysis.present.table import columns_of
from paretofleet_analysis.ranking.before_after import (
    ENERGY,
    FASTER,
    LATENCY,
    MORE,
    OPEN,
    SAME,
    SLOWER,
    compare_reports,
)
from paretofleet_analysis.report.rows import build_report

MODELS = ("alexnet", "resnet18", "resnet50", "squeezenet", "mobilenet")
OLD = {"kernel": "6.1", "gpu_driver": "535.1", "governor": {"0": "performance"}}
NEW = OLD | {"gpu_driver": "550.2", "governor": {"0": "ondemand"}}


@pytest.fixture
def report(configuration):
    def make(boot, factors=(), environment=OLD, energies=None, runs=6, noise=0.002, **more):
        rng = np.random.default_rng(sum(boot.encode()))
        rows = []
        for at, name in enumerate(MODELS):
            factor = factors[at] if at < len(factors) else 1.0
            values = list(0.01 * (at + 1) * factor * np.exp(noise * rng.standard_normal(runs)))
            joules = None if energies is None else [energies * value for value in values]
            row = configuration(name, values, joules, sweep=boot, **more)
            facts = {**row.runs[0].facts, "environment": environment}
            identity = "e" * 16 if environment is OLD else "f" * 16
            changed = [
                replace(
                    run, boot_id=boot, facts=facts, environment_id=identity, run_id=f"{boot}-{run.run_id}"
                )
                for run in row.runs
            ]
            rows.append(replace(row, runs=changed))
        return build_report(rows)

    return make


def verdicts(result, measure=LATENCY):
    return {c.before["model"]: c.verdict for c in result.changes if c.measure == measure}


def test_what_changed_is_told_from_what_did_not(report):
    found = compare_reports(report("old"), report("new", (1.1, 0.9)))
    assert verdicts(found) == {
        "alexnet": SLOWER,
        "resnet18": FASTER,
        "resnet50": SAME,
        "squeezenet": SAME,
        "mobilenet": SAME,
    }
    assert found.is_worse
    first = found.changes[0]
    assert (first.before["model"], first.is_worse) == ("alexnet", True)
    lo, hi = first.shift.interval
    assert lo < 1.1 < hi < 1.12


def test_more_energy_is_a_regression_and_less_time_is_none(report):
    found = compare_reports(report("old", energies=5.0), report("new", [0.8] * 5, energies=7.0))
    assert set(verdicts(found).values()) == {FASTER}
    assert set(verdicts(found, ENERGY).values()) == {MORE}
    assert found.is_worse
    assert not compare_reports(report("old"), report("new", [0.8] * 5)).is_worse


def of_scope(table, scope):
    at = table.schema.get_field_index("power_scope")
    return table.set_column(at, table.schema.field(at), pa.array([scope] * len(table), pa.string()))


def test_energies_of_unlike_scopes_are_not_compared_and_that_is_said(report):
    before, after = report("old", energies=5.0), report("new", [0.8] * 5, energies=7.0)
    found = compare_reports(before, of_scope(after, "wall"))
    assert {change.measure for change in found.changes} == {LATENCY}
    said = (
        "energy_j_per_item of 5 configurations is not compared: its power is of package in A and of wall in B"
    )
    assert found.unmatched[0].endswith(f": {said}")
    assert said in " ".join(render_comparison(found).split())
    alike = compare_reports(of_scope(before, "wall"), of_scope(after, "wall"))
    assert {change.measure for change in alike.changes} == {LATENCY, ENERGY}
    assert alike.unmatched == ()


def test_a_margin_decides_what_counts(report):
    tables = report("old"), report("new", (1.1, 0.9))
    found = compare_reports(*tables, margins={LATENCY: Margin(0.2)})
    assert set(verdicts(found).values()) == {SAME}
    with pytest.raises(RequestError, match="a share like 2%"):
        compare_reports(*tables, margins={LATENCY: Margin(0.2, relative=False)})
    with pytest.raises(RequestError, match="no measure of runs"):
        compare_reports(*tables, measures=["top1"])
    with pytest.raises(RequestError, match="margin for power_w, which is not compared"):
        compare_reports(*tables, measures=[LATENCY], margins={"power_w": Margin(0.1)})


def test_one_run_a_side_cannot_tell(report):
    found = compare_reports(report("old", runs=1), report("new", (1.5,), runs=1))
    assert set(verdicts(found).values()) == {OPEN}
    assert found.changes[0].why == "too few blocks"
    assert not found.is_worse


def test_the_environment_comes_first_with_what_changed(report):
    found = compare_reports(report("old"), report("new", environment=NEW))
    facts = {each.fact: (each.before, each.after) for each in found.facts}
    assert facts == {
        "gpu_driver": (("535.1",), ("550.2",)),
        "governor.0": (("performance",), ("ondemand",)),
    }
    lines = render_comparison(found).splitlines()
    assert lines[0] == "Changed in the environment:"
    assert any("535.1" in line and "550.2" in line for line in lines[:4])


def test_a_report_of_an_older_version_says_that_its_environments_are_unknown(report):
    old, new = report("old").drop_columns(["environment"]), report("new", environment=NEW)
    old = old.replace_schema_metadata({b"paretofleet.report.version": b"6"})
    found = compare_reports(old, new)
    assert any("does not hold what the environment of desk was" in note for note in found.notes)
    assert "environment_id" in {each.fact for each in found.facts}


def test_what_only_one_side_has_is_said(configuration):
    lone = build_report([configuration("lonely", [0.01, 0.011, 0.012])])
    both = build_report([configuration("resnet18", [0.01, 0.011, 0.012])])
    found = compare_reports(pa.concat_tables([both, lone]), both)
    assert [text.partition(",")[0] for text in found.unmatched] == ["lonely fp32"]
    assert "only in A" in found.unmatched[0]
    with pytest.raises(RankError, match="no configuration in common"):
        compare_reports(lone, both)


def test_a_failed_row_is_said_and_not_compared(report):
    failed = report("new").to_pylist()
    failed[0] |= {"status": "failed", "reason": "oom"}
    found = compare_reports(report("old"), pa.Table.from_pylist(failed, schema=report("new").schema))
    assert any("not compared in B: status failed: oom" in text for text in found.unmatched)
    assert "alexnet" not in verdicts(found)


def test_one_boot_a_side_is_said_and_a_shared_boot_is_not(report):
    told = "nothing here tells what a reboot alone does"
    assert any(told in note for note in compare_reports(report("old"), report("new")).notes)
    assert not any(told in note for note in compare_reports(report("old"), report("old")).notes)


def test_what_a_reboot_is_taken_to_do_is_in_the_intervals_and_said_to_be_assumed(report):
    sides = report("old"), report("new", (1.05,) * 5)
    assert set(verdicts(compare_reports(*sides)).values()) == {SLOWER}
    careful = compare_reports(*sides, boot_share=0.02)
    assert set(verdicts(careful).values()) == {OPEN}
    assert "taken to shift all of a device by 2.00%: that was not measured" in " ".join(careful.notes)
    wide = [change.shift.interval for change in careful.changes]
    assert all(lo < 1.0 < hi for lo, hi in wide)
    far = compare_reports(report("old"), report("new", (1.2,) * 5), boot_share=0.02)
    assert set(verdicts(far).values()) == {SLOWER}
    with pytest.raises(RequestError, match="from 0 to 50 %"):
        compare_reports(*sides, boot_share=0.7)


def test_throughput_is_compared_where_there_is_no_latency(report):
    def without_latency(table):
        rows = table.to_pylist()
        for row in rows:
            row |= {LATENCY: None, f"{LATENCY}_runs": [None] * len(row["run_ids"]), "mode": "throughput"}
        return pa.Table.from_pylist(rows, schema=table.schema)

    found = compare_reports(without_latency(report("old")), without_latency(report("new", (1.2,))))
    assert {change.measure for change in found.changes} == {"throughput_items_s"}
    assert found.changes[0].verdict == SLOWER
    assert found.changes[0].shift.ratio == pytest.approx(1 / 1.2, rel=0.01)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_text_fits_the_terminal(report, width):
    found = compare_reports(report("old", energies=5.0), report("new", (1.1,), NEW, energies=6.0))
    text = render_comparison(found, columns=width)
    assert max(map(columns_of, text.splitlines())) <= width
    assert all(model in text for model in MODELS)
    assert "expected not to be" in " ".join(text.split())


def test_rows_and_document_hold_what_the_text_says(report):
    found = compare_reports(report("old"), report("new", (1.1,), NEW))
    rows = comparison_rows(found)
    assert [row["verdict"] for row in rows].count(SLOWER) == 1
    assert all(row["ratio_lo"] < row["ratio"] < row["ratio_hi"] for row in rows)
    document = json.loads(json.dumps(comparison_document(found), allow_nan=False))
    assert document["environment"][0]["fact"] == "governor.0"
    assert document["is_worse"]
    page = render_comparison_markdown(found)
    assert page.count("\n| ") == len(MODELS) + 2
    assert "gpu\\_driver of desk from 535.1 to 550.2" in page


def test_series_for_change_points_hold_every_run_in_order(report, tmp_path):
    found = compare_reports(report("old"), report("new", (1.1,)))
    path = write_series(found, tmp_path / "series")
    tests = json.loads(path.read_text())["tests"]
    assert len(tests) == len(MODELS)
    for test in tests.values():
        assert test["metrics"] == {LATENCY: {"direction": -1}}
        lines = list(csv.DictReader((path.parent / test["file"]).open()))
        assert len(lines) == 12
        assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
        assert {line["sweep"] for line in lines} == {"old", "new"}
        assert all(float(line[LATENCY]) > 0 for line in lines)


def test_series_go_into_an_empty_folder_only(report, tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    found = compare_reports(report("old"), report("new"))
    with pytest.raises(ValueError, match="is not empty"):
        write_series(found, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
