"""The report: what a row is, what is refused, and that other tools read it."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report import files
from paretofleet_analysis.report.access import label
from paretofleet_analysis.report.fed import fed_parts
from paretofleet_analysis.report.inputs import RunInput
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.report.schema import COLUMNS, MEASURES, VERSION, VERSION_KEY, schema

DESIGN_COLUMNS = {
    "sweep", "configuration_id", "environment_id", "model", "variant", "variant_sha256",
    "weights_precision", "device", "device_class", "target", "runtime", "runtime_version",
    "options", "precision", "batch_size", "threads", "mode", "timing_scope", "protocol",
    "parameters", "macs", "size_bytes", "top1", "top1_n", "top1_source", "accuracy_group", "status",
    "reason", "flags", "runs", "iterations", "simulated", "largest_batch_that_fits",
    "batch_latency_mean_s", "batch_latency_p50_s", "batch_latency_p90_s", "batch_latency_p99_s",
    "time_per_item_s", "throughput_items_s", "power_w", "energy_j_per_item", "power_scope",
    "power_source", "idle_power_w", "energy_relative_uncertainty", "energy_gain_uncertainty",
    "energy", "memory_peak_bytes", "load_s", "first_inference_s", "run_ids", "run_blocks",
    "run_boots", "run_started_s", "run_flags",
}  # fmt: skip


def row(table, index=0):
    return table.slice(index, 1).to_pylist()[0]


def test_the_schema_has_every_column_of_the_design_once():
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)
    assert set(names) >= DESIGN_COLUMNS
    for measure in MEASURES:
        assert {f"{measure.name}_lo", f"{measure.name}_hi", f"{measure.name}_runs"} <= set(names)


def test_every_column_says_what_it_is():
    for field in schema():
        assert field.metadata[b"description"], field.name
    units = {"_s": b"s", "_w": b"W", "_bytes": b"bytes"}
    for measure in MEASURES:
        for ending, unit in units.items():
            if measure.name.endswith(ending) and measure.name != "throughput_items_s":
                assert schema().field(measure.name).metadata[b"unit"] == unit


def test_a_row_is_the_mean_over_counted_runs_with_aligned_values(configuration):
    table = build_report([configuration(latencies=[0.010, 0.012, 0.011, 0.010, 0.012])])
    found = row(table)
    assert found["batch_latency_mean_s"] == pytest.approx(0.011)
    assert found["batch_latency_mean_s_lo"] < 0.011 < found["batch_latency_mean_s_hi"]
    assert found["batch_latency_mean_s_runs"] == [0.010, 0.012, 0.011, 0.010, 0.012]
    assert found["runs"] == 5
    assert found["iterations"] == 150
    assert found["status"] == "ok"
    assert found["reason"] is None
    assert found["flags"] == ["short_protocol"]
    assert found["effective_provider"] == "CPUExecutionProvider"
    assert found["runtime_version"] == "1.20.0"


def test_what_is_absent_is_null(configuration):
    found = row(build_report([configuration()]))
    for name in (
        "power_w",
        "energy_j_per_item",
        "power_scope",
        "batch_latency_p99_s",
        "idle_power_w",
        "energy",
    ):
        assert found[name] is None, name
    assert found["energy_j_per_item_runs"] == [None] * 5


def test_every_list_of_a_row_has_one_length_and_order(configuration):
    shuffled = configuration(latencies=[0.010, 0.011, 0.012, 0.013])
    shuffled = replace(shuffled, runs=tuple(reversed(shuffled.runs)))
    found = row(build_report([shuffled]))
    assert found["run_blocks"] == [1, 2, 3, 4]
    assert found["batch_latency_mean_s_runs"] == [0.010, 0.011, 0.012, 0.013]
    lists = [name for name in found if name.startswith("run_") or name.endswith("_runs")]
    assert {len(found[name]) for name in lists} == {4}


def test_a_run_set_aside_stays_visible_and_counts_nowhere(configuration):
    rows = configuration(latencies=[0.010, 0.010, 0.010, 0.900])
    aside = replace(rows.runs[3], counted=False, flags=("contaminated",))
    found = row(build_report([replace(rows, runs=(*rows.runs[:3], aside))]))
    assert found["runs"] == 3
    assert found["batch_latency_mean_s"] == pytest.approx(0.010)
    assert found["batch_latency_mean_s_runs"][3] == 0.900
    assert found["run_counted"] == [True, True, True, False]
    assert found["run_flags"][3] == ["contaminated", "short_protocol"]
    assert found["flags"] == ["short_protocol"]


def test_below_three_runs_there_is_a_mean_and_no_interval(configuration):
    found = row(build_report([configuration(latencies=[0.010, 0.012])]))
    assert found["batch_latency_mean_s"] == pytest.approx(0.011)
    assert found["batch_latency_mean_s_lo"] is None


def test_environments_are_rows_of_their_own(configuration):
    given_rows = configuration(latencies=[0.010, 0.010, 0.020, 0.020])
    runs = [replace(run, environment_id="ab"[run.block > 2] * 16) for run in given_rows.runs]
    lost = RunInput(run_id="x", block=5, state="failed", reason="lost")
    table = build_report([replace(given_rows, runs=(*runs, lost))])
    assert table["environment_id"].to_pylist() == ["a" * 16, "b" * 16]
    assert table["batch_latency_mean_s"].to_pylist() == pytest.approx([0.010, 0.020])
    assert table["status"].to_pylist() == ["partial", "partial"]


@pytest.mark.parametrize(
    ("states", "status", "reason"),
    [
        (["failed", "failed"], "failed", "oom"),
        (["skipped", "skipped"], "skipped", "oom"),
        (["cancelled"], "cancelled", "oom"),
        (["failed", "pending"], "pending", "oom"),
        (["leased"], "pending", "oom"),
        ([], "pending", None),
    ],
)
def test_a_row_without_sealed_runs_says_why(configuration, states, status, reason):
    runs = [RunInput(run_id=str(k), block=k, state=state, reason="oom") for k, state in enumerate(states)]
    found = row(build_report([configuration(runs=runs)]))
    assert (found["status"], found["reason"]) == (status, reason)
    assert found["environment_id"] is None
    assert found["runs"] == 0
    assert found["batch_latency_mean_s"] is None


def test_the_largest_batch_that_fits_is_a_result(configuration):
    failed = [RunInput(run_id="f", block=1, state="failed", reason="oom")]
    skipped = [RunInput(run_id="s", block=1, state="skipped", reason="oom")]
    table = build_report(
        [
            configuration(batch_size=1),
            configuration(batch_size=2),
            configuration(batch_size=4, runs=failed),
            configuration(batch_size=8, runs=skipped),
            configuration("alexnet", batch_size=4),
        ]
    )
    assert table["largest_batch_that_fits"].to_pylist() == [2, 2, 2, 2, None]


def test_energy_keeps_every_scope_with_its_runs(configuration):
    found = row(build_report([configuration(energies=[0.5, 0.6, 0.5, 0.6, 0.5])]))
    assert found["energy_j_per_item"] == pytest.approx(0.54)
    assert (found["power_scope"], found["power_source"]) == ("package", "rapl")
    assert found["energy_relative_uncertainty"] == 0.004
    (entry,) = found["energy"]
    assert entry["energy_j_per_item_runs"] == [0.5, 0.6, 0.5, 0.6, 0.5]
    assert entry["rail"] == "package-0"
    assert entry["primary"] is True


def test_runs_with_different_scopes_have_no_common_energy(configuration, summary):
    rows = configuration(energies=[0.5] * 5)
    other = replace(rows.runs[0], summary=summary(0.01, 0.9, power_scope="module"))
    found = row(build_report([replace(rows, runs=(other, *rows.runs[1:]))]))
    assert found["energy_j_per_item"] is None
    assert found["power_scope"] is None
    assert "mixed_power_scope" in found["flags"]


def test_what_was_effective_must_agree(configuration):
    rows = configuration()
    other = replace(rows.runs[0], facts={"effective": {"precision": "fp32", "provider": "Other"}})
    found = row(build_report([replace(rows, runs=(other, *rows.runs[1:]))]))
    assert found["effective_provider"] is None
    assert found["effective_precision"] == "fp32"
    assert "effective_differs" in found["flags"]


def test_accuracy_out_of_range_is_refused(configuration):
    with pytest.raises(ReportError, match=r"top1 of resnet18 is 690: give it in percent"):
        build_report([configuration(top1=690)])


def test_an_empty_report_is_a_report(tmp_path):
    files.write(build_report([]), tmp_path / "r.parquet")
    assert files.read(tmp_path / "r.parquet").num_rows == 0


def test_what_is_written_is_read_back(configuration, tmp_path):
    table = build_report([configuration(energies=[0.5] * 5), configuration("alexnet", batch_size=2)])
    path = tmp_path / "sweep=demo" / "report.parquet"
    path.parent.mkdir()
    files.write(table, path)
    assert files.read(path).equals(table)
    assert files.read(path).schema.metadata[VERSION_KEY] == b"%d" % VERSION
    assert [p.name for p in path.parent.iterdir()] == ["report.parquet"]


def test_what_was_fed_is_a_column_where_it_was_asked_for(configuration, tmp_path):
    fed = {"sizes": {"sequence": 128}, "inputs": {"ids": {"values": "zipf"}, "x": {"sha256": "1f" * 32}}}
    table = build_report([configuration(fed=fed), configuration("alexnet")])
    assert table["inputs"].to_pylist() == [
        '{"inputs":{"ids":{"values":"zipf"},"x":{"sha256":"' + "1f" * 32 + '"}},"sizes":{"sequence":128}}',
        None,
    ]
    row = table.to_pylist()[0]
    assert label(row).endswith("batch 1, sequence 128, ids zipf, x 1f1f1f1f")
    files.write(build_report([configuration()]), tmp_path / "old.parquet")
    assert "inputs" not in pq.read_schema(tmp_path / "old.parquet").names, "older programs read it"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"sizes": 3}', '{"inputs": {"x": 3}}', "[" * 9000])
def test_an_odd_text_in_that_column_names_nothing(text):
    assert fed_parts(text) == {}


def test_the_largest_batch_is_told_apart_by_what_was_fed(configuration):
    failed = replace(configuration(batch_size=4).runs[0], state="failed", reason="oom", summary=None)
    rows = [configuration(batch_size=2, fed={"sizes": {"sequence": size}}) for size in (32, 128)]
    rows.append(configuration(batch_size=4, fed={"sizes": {"sequence": 128}}, runs=[failed]))
    table = build_report([replace(row, configuration_id=str(at)) for at, row in enumerate(rows)])
    assert table["largest_batch_that_fits"].to_pylist() == [None, 2, 2]


def test_pandas_and_duckdb_open_it(configuration, tmp_path):
    path = tmp_path / "report.parquet"
    files.write(build_report([configuration(energies=[0.5] * 5), configuration("alexnet")]), path)
    frame = pd.read_parquet(path)
    assert list(frame["model"]) == ["resnet18", "alexnet"]
    assert frame["energy_j_per_item"].isna().tolist() == [False, True]
    table = duckdb.read_parquet(str(path))
    found = table.project("model, len(batch_latency_mean_s_runs), energy[1].scope").order("model")
    assert found.fetchall() == [("alexnet", 5, None), ("resnet18", 5, "package")]


def test_a_report_that_went_through_pandas_is_still_read(configuration, tmp_path):
    path = tmp_path / "report.parquet"
    table = build_report([configuration(), configuration("alexnet", threads=None)])
    table.to_pandas().to_parquet(path)
    assert files.read(path).column("model").to_pylist() == ["resnet18", "alexnet"]
    assert files.read(path).schema.equals(schema())


def test_missing_columns_are_named(configuration, tmp_path):
    path = tmp_path / "report.parquet"
    table = build_report([configuration()]).drop_columns(["top1", "batch_latency_p90_s_runs"])
    pq.write_table(table, path)
    with pytest.raises(
        ReportError, match=r"lacks the columns top1, batch_latency_p90_s_runs: pull the report"
    ):
        files.read(path)


def test_a_column_of_another_type_is_named(configuration, tmp_path):
    path = tmp_path / "report.parquet"
    table = build_report([configuration()])
    index = table.column_names.index("batch_size")
    pq.write_table(table.set_column(index, "batch_size", pa.array(["one"])), path)
    with pytest.raises(ReportError, match=r"column batch_size of .* holds string, not int64"):
        files.read(path)


def test_a_newer_version_is_refused(configuration, tmp_path):
    path = tmp_path / "report.parquet"
    table = build_report([configuration()]).replace_schema_metadata({VERSION_KEY: b"99"})
    pq.write_table(table, path)
    with pytest.raises(ReportError, match=f"version 99, this program reads 1 to {VERSION}: upgrade"):
        files.read(path)


def test_an_older_version_reads_with_nulls_for_what_came_later(configuration, tmp_path, monkeypatch):
    path = tmp_path / "report.parquet"
    files.write(build_report([configuration()]), path)
    later = (*COLUMNS, replace(COLUMNS[0], name="new_later", since=VERSION + 1))
    newer = schema().append(later[-1].field())
    monkeypatch.setattr(files, "COLUMNS", later)
    monkeypatch.setattr(files, "VERSION", VERSION + 1)
    monkeypatch.setattr(files, "schema", lambda: newer)
    assert files.read(path)["new_later"].to_pylist() == [None]


@pytest.mark.parametrize("content", [b"", b"not parquet at all", b"PAR1" + b"\0" * 64 + b"PAR1"])
def test_a_file_that_is_not_parquet_gives_one_sentence(tmp_path, content):
    path = tmp_path / "report.parquet"
    path.write_bytes(content)
    with pytest.raises(ReportError, match="is not a readable Parquet file") as caught:
        files.read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_give_one_sentence(tmp_path):
    with pytest.raises(ReportError, match="there is no report at"):
        files.read(tmp_path / "nowhere.parquet")
    with pytest.raises(ReportError, match="is not a readable Parquet file"):
        files.read(tmp_path)


def test_a_write_that_fails_leaves_nothing(configuration, tmp_path):
    table = build_report([configuration()])
    with pytest.raises(ReportError, match="cannot write"):
        files.write(table, tmp_path / "nowhere" / "report.parquet")
    (tmp_path / "taken.parquet").mkdir()
    with pytest.raises(ReportError, match="cannot write"):
        files.write(table, tmp_path / "taken.parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["taken.parquet"]


def test_reports_join(configuration):
    tables = [build_report([configuration()]), build_report([configuration("alexnet")])]
    assert files.concatenate(tables)["model"].to_pylist() == ["resnet18", "alexnet"]
    assert files.concatenate([]).num_rows == 0


@given(st.lists(st.floats(1e-6, 10), min_size=3, max_size=8))
def test_the_interval_holds_the_mean_and_stays_positive(latencies):
    from paretofleet_analysis.statistics.intervals import mean_interval

    estimate = mean_interval(latencies)
    if estimate.lo is None:
        assert len(set(latencies)) == 1
        return
    assert 0 < estimate.lo <= estimate.mean * (1 + 1e-12)
    assert estimate.mean <= estimate.hi * (1 + 1e-12)


def test_a_file_with_too_many_rows_is_refused_before_it_is_read(fleet, tmp_path, monkeypatch):
    path = tmp_path / "long.parquet"
    files.write(fleet({"a": (70.0, 0.01), "b": (71.0, 0.02), "c": (72.0, 0.03)}), path)
    assert files.read(path, rows_max=3).num_rows == 3
    monkeypatch.setattr(files.pq.ParquetFile, "read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(ReportError, match=r"long\.parquet has 3 rows and at most 2 are ranked at once"):
        files.read(path, rows_max=2)
