"""Others' tables as reports: what is mapped, what is refused, and that nothing is made up."""

from __future__ import annotations

import gzip

import pytest
from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.imports.hwnas import import_hwnas
from paretofleet_analysis.imports.plain import MappedColumn, import_csv
from paretofleet_analysis.imports.timm import import_timm
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report import files
from paretofleet_analysis.report.published import PUBLISHED

TABLE = "name,lat,acc\nsmall,10,70.5\nlarge,31.5,76\nslow,40,69\n"
MAPPED = (
    MappedColumn("model", "name"),
    MappedColumn("batch_latency_mean_s", "lat", 1e-3),
    MappedColumn("top1", "acc"),
)
MAPPED_LARGE = (MAPPED[0], MappedColumn("batch_latency_mean_s", "lat", 60.0))
MAPPED_COUNT = (MAPPED[0], MappedColumn("parameters", "lat", 1e6))
CONSTANTS = {"device": "desk", "batch_size": "1"}
RESULTS = "model,img_size,top1\na.in1k,224,70\na.in22k,224,75\na.in1k,320,78\nb.v1,224,60\n"
TIMES = (
    "model,infer_img_size,infer_samples_per_sec,infer_step_time,infer_batch_size,param_count,infer_gmacs\n"
    'a,224,1000,256,256,"1,013.01",4.1\nb,224,4000,64,256,3.5,0.3\nc,224,1,1,1,1,1\nd,224,,,,2,1\n'
)
PI5 = "arch_index,framework,latency_ms_median,energy_mj,accuracy\n7,onnx,2.5,4,70.1\n8,onnx,1.5,2,1.0\n"


@pytest.fixture
def table(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_a_table_becomes_a_report_of_single_values_and_unknowns(table, tmp_path):
    files.write(import_csv(table(TABLE), MAPPED, CONSTANTS), tmp_path / "report.parquet")
    row = files.read(tmp_path / "report.parquet").to_pylist()[0]
    assert (row["model"], row["device"], row["batch_size"], row["top1"]) == ("small", "desk", 1, 70.5)
    assert row["batch_latency_mean_s"] == pytest.approx(0.010)
    assert row["batch_latency_mean_s_runs"] == [pytest.approx(0.010)]
    assert row["flags"] == [PUBLISHED]
    unknown = {name for name, value in row.items() if value == "unknown"}
    assert unknown == {
        *["device_class", "target", "runtime", "precision", "mode", "timing_scope", "protocol"]
    }
    nothing = ("batch_latency_mean_s_lo", "iterations", "environment_id", "energy_j_per_item", "size_bytes")
    assert {row[name] for name in nothing} == {None}


def test_its_ranking_is_the_frontier_of_means_and_every_sentence_says_of_what(table):
    ranking = rank(import_csv(table(TABLE), MAPPED, CONSTANTS), objectives=["top1", "batch_latency_mean_s"])
    assert [row.is_on_frontier_of_means for row in ranking.rows] == [True, True, False]
    assert all("published value of an unknown number of runs" in row.sentence for row in ranking.rows)
    text = " ".join(ranking_text.render(ranking).split())
    assert "All 3 rows are published values of an unknown number of runs, so nothing is said" in text
    assert "runs: unknown, all 3 rows are figures that others published without their runs" in text
    assert "counted" not in text
    assert "Two more runs" not in text
    assert "measured in one process" not in text


def test_a_table_of_medians_is_ranked_by_them(table):
    ranking = rank(files.conform(import_hwnas([table(PI5.replace("1.0\n", "60\n"))]).report, name="it"))
    names = [used.name for used in ranking.objectives]
    assert names == ["top1", "batch_latency_p50_s", "energy_j_per_item"]
    text = " ".join(ranking_text.render(ranking).split())
    assert "batch_latency_p90_s is absent in 2 of 2 rows, so batch_latency_p50_s takes its place." in text
    assert "power: pmic-rails-net-of-idle flags" in text
    assert "devices: 1 of unknown class" in text


def test_weights_of_one_architecture_are_told_apart(table):
    times = TIMES.replace("a,224,1000", "a,320,1000,256,256,1,4.1\na,224,1000")
    paths = [
        table(RESULTS, "results-imagenet.csv"),
        table(times, "benchmark-infer-fp32-nchw-pt240-cpu-i9.csv"),
    ]
    ranking = rank(files.conform(import_timm(paths).report, name="it"), objectives=["top1", "parameters"])
    assert "in22k at 224 px" in ranking_text.render(ranking)


@pytest.mark.parametrize(
    ("text", "columns", "constants", "message"),
    [
        (TABLE.replace("lat", "acc", 1), MAPPED, CONSTANTS, "has the column acc more than once"),
        (
            TABLE,
            (*MAPPED, MappedColumn("macs", "work"), MappedColumn("power_w", "w")),
            CONSTANTS,
            "work, w: it",
        ),
        (TABLE, MAPPED, {"device": "desk"}, "every row needs batch_size"),
        (TABLE, MAPPED, {**CONSTANTS, "model": "x"}, "model is given more than once"),
        (TABLE.replace("31.5", "31,5"), MAPPED, CONSTANTS, "row 3 has 4 cells and the heading 3"),
        (TABLE.replace("31.5", "fast"), MAPPED, CONSTANTS, "row 3: lat is 'fast', which is no number"),
        (TABLE.replace("31.5", "inf"), MAPPED, CONSTANTS, "which is no number"),
        ("name,lat,acc\n", MAPPED, CONSTANTS, "no rows below its heading"),
        (TABLE, MAPPED, {**CONSTANTS, "batch_size": "1.5"}, "'1.5', and a whole number"),
        (
            TABLE.replace("31.5", "1e307"),
            MAPPED_LARGE,
            CONSTANTS,
            "row 3: lat is '1e307', which is no number",
        ),
        (TABLE.replace("31.5", "1e40"), MAPPED_COUNT, CONSTANTS, "row 3: lat is '1e40', and a whole number"),
        (TABLE, MAPPED, {**CONSTANTS, "speed": "1"}, "no report has speed"),
    ],
)
def test_what_is_missing_doubled_or_no_number_is_named(table, text, columns, constants, message):
    with pytest.raises(ReportError, match=message):
        import_csv(table(text), columns, constants)


def test_what_cannot_be_read_is_no_matter_of_its_text(tmp_path):
    with pytest.raises(ReportError, match=r"cannot read .*: Is a directory"):
        import_csv(tmp_path, MAPPED, CONSTANTS)
    with pytest.raises(ReportError, match=r"cannot read .*: No such file"):
        import_csv(tmp_path / "none.csv", MAPPED, CONSTANTS)
    torn = bytearray(gzip.compress(TABLE.encode()))
    # The first block after the heading of 10 bytes gets the type that no deflate stream has.
    torn[10] |= 0b110
    (tmp_path / "torn.csv.gz").write_bytes(torn)
    with pytest.raises(ReportError, match="is no whole gzip file"):
        import_csv(tmp_path / "torn.csv.gz", MAPPED, CONSTANTS)


def test_an_accuracy_as_a_share_is_refused_unless_it_is_scaled(table):
    shares = TABLE.replace("70.5", "0.705").replace("76", "0.76").replace("69", "0.69")
    with pytest.raises(ReportError, match="must be percent"):
        files.conform(import_csv(table(shares), MAPPED, CONSTANTS), name="it")
    scaled = (*MAPPED[:2], MappedColumn("top1", "acc", 100.0))
    report = files.conform(import_csv(table(shares), scaled, CONSTANTS), name="it")
    assert report["top1"].to_pylist() == pytest.approx([70.5, 76, 69])


def test_timm_joins_the_most_accurate_weights_of_the_image_size(table):
    paths = [
        table(RESULTS, "results-imagenet.csv"),
        table(TIMES, "benchmark-infer-fp32-nchw-pt240-cpu-i9_10940x-dynamo.csv"),
    ]
    imported = import_timm(paths)
    rows = files.conform(imported.report, name="it").to_pylist()
    assert [(row["model"], row["variant"], row["top1"]) for row in rows] == [
        ("a", "in22k at 224 px", 75.0),
        ("b", "v1 at 224 px", 60.0),
    ]
    assert rows[0]["parameters"] == 1_013_010_000
    assert rows[0]["time_per_item_s"] == pytest.approx(0.001)
    place = ("device", "target", "precision", "options", "runtime_version")
    assert [rows[0][name] for name in place] == [
        *("cpu-i9_10940x", "cpu", "fp32", '{"compile":"dynamo"}', "pt240"),
    ]
    assert "left out: 1 without a time, 1 without an accuracy" in imported.notes[0]


def test_timm_says_which_file_is_missing(table):
    results, times = table(RESULTS, "results.csv"), table(TIMES, "times.csv")
    with pytest.raises(ReportError, match="no file holds inference times"):
        import_timm([results])
    with pytest.raises(ReportError, match="no file holds accuracies"):
        import_timm([times])
    with pytest.raises(ReportError, match="2 files hold accuracies"):
        import_timm([results, results, times])
    with pytest.raises(ReportError, match=r"lacks the column top1: it has model, img_size"):
        import_timm([table("model,img_size\na,224\n", "other.csv"), times])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (("256,256", "256,0.4"), "infer_batch_size is '0.4'"),
        (("1,013.01", "1e300"), "param_count is '1e300'"),
    ],
)
def test_timm_names_a_count_that_is_none(table, fault, message):
    with pytest.raises(ReportError, match=message):
        import_timm([table(RESULTS, "results.csv"), table(TIMES.replace(*fault), "times.csv")])


def test_hwnas_reads_the_long_form_and_keeps_chance_out(table):
    rows = files.conform(import_hwnas([table(PI5)]).report, name="it").to_pylist()
    assert [row["model"] for row in rows] == ["nb201-7", "nb201-8"]
    assert [row["top1"] for row in rows] == [70.1, None]
    assert rows[0]["batch_latency_p50_s"] == pytest.approx(0.0025)
    assert rows[0]["energy_j_per_item"] == pytest.approx(0.004)
    assert rows[0]["power_scope"] == "pmic-rails-net-of-idle"
    assert rows[0]["batch_latency_mean_s"] is None


def test_hwnas_joins_accuracies_to_a_column_for_each_device_and_leaves_estimates_out(table, tmp_path):
    accuracies = tmp_path / "accuracies.csv.gz"
    accuracies.write_bytes(gzip.compress(b"arch_index,cifar10_top1,cifar100_top1\n1,90,70\n2,80,60\n"))
    wide = table("arch_index,raspi4_ms,edgetpu_ms,fpga_ms\n1,50,1.5,3\n2,40,-1,2\n")
    imported = import_hwnas([wide, accuracies], dataset="cifar10")
    rows = files.conform(imported.report, name="it").to_pylist()
    assert [(row["device"], row["model"], row["top1"]) for row in rows] == [
        ("edgetpu", "nb201-1", 90.0),
        ("raspi4", "nb201-1", 90.0),
        ("raspi4", "nb201-2", 80.0),
    ]
    assert imported.notes == ("table.csv: fpga_ms is left out, an estimate, not a measurement.",)


def test_hwnas_says_what_it_does_not_know(table):
    with pytest.raises(ReportError, match="unknown dataset 'mnist'"):
        import_hwnas([table(PI5)], dataset="mnist")
    with pytest.raises(ReportError, match="has no time in any of the columns of a device"):
        import_hwnas([table("arch_index,toaster_ms\n1,2\n")])
    with pytest.raises(ReportError, match="lacks the column energy_mj"):
        import_hwnas([table(PI5.replace("energy_mj", "energy"))])
    with pytest.raises(ReportError, match="has no time in any"):
        import_hwnas([table("arch_index,raspi4_ms\n1,-1\n")])


@pytest.mark.parametrize(
    ("index", "message"), [("", "arch_index is empty in a row"), ("7.4", "arch_index is '7.4'")]
)
def test_hwnas_makes_up_no_cell(table, index, message):
    with pytest.raises(ReportError, match=message):
        import_hwnas([table(PI5.replace("7,onnx", f"{index},onnx"))])
