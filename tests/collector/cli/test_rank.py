"""The ranking and the timing of sweeps, from their reports; what both mean is tested with the analysis."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from command_harness import Command
from fake_control import FakeControl
from paretofleet_analysis.report import files
from paretofleet_analysis.report.inputs import ReportInput, RunInput
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.cli.limits import limits

SUMMARY = {
    "iterations": 30,
    "power_scope": None,
    "power_source": None,
    "energy": [],
    "memory_peak_bytes": 1000,
    "flags": ["short_protocol"],
    "counted": True,
    "rule_version": "1",
}


def configuration(model: str, latency_s: float, top1: float) -> ReportInput:
    runs = [
        RunInput(
            run_id=f"{model}-{block}",
            block=block,
            state="sealed",
            environment_id="e" * 16,
            boot_id="boot",
            started_s=1.7e9 + block,
            summary=SUMMARY
            | dict.fromkeys(("batch_latency_mean_s", "batch_latency_p90_s", "time_per_item_s"), value),
            facts={"effective": {"precision": "fp32"}},
        )
        for block, value in enumerate((latency_s, latency_s * 1.001, latency_s * 0.999) * 2, start=1)
    ]
    return ReportInput(
        sweep="first",
        configuration_id=model.encode().hex().ljust(16, "0")[:16],
        model=model,
        variant="fp32",
        variant_sha256="0" * 64,
        weights_precision="fp32",
        device="pc",
        device_class="cpu",
        target="cpu",
        runtime="onnxruntime",
        options={},
        precision="native",
        batch_size=1,
        threads=None,
        mode="latency",
        timing_scope="copy+compute",
        protocol="quick",
        simulated=False,
        runs=runs,
        top1=top1,
        top1_n=50_000,
        top1_source="user",
        accuracy_group=model,
    )


def measured(row: ReportInput, energy_j: float, idle_w: float) -> ReportInput:
    """The row of a device whose package counts: energy of an item, and idle power with the model loaded."""
    rail = {"source": "rapl", "rail": "package-0", "scope": "package", "kind": "counter", "primary": True}
    rail |= {"energy_j_per_item": energy_j, "armed_idle_power_w": idle_w}
    energy = {"energy_j_per_item": energy_j, "power_scope": "package", "power_source": "rapl"}
    return replace(
        row,
        runs=[replace(run, summary={**run.summary, **energy, "energy": [rail]}) for run in row.runs],
    )


def test_rank_at_a_rate_is_by_the_energy_of_items_that_come_at_it(
    paretofleet: Command, tmp_path: Path
) -> None:
    """A frugal network that is slow and a quick one on a board that idles high change places."""
    slow = measured(configuration("frugal", 0.1, 70.0), 0.5, 1.0)
    quick = measured(configuration("quick", 0.01, 70.0), 0.4, 6.0)
    files.write(build_report([slow, quick]), tmp_path / "two.parquet")
    asked = ("rank", tmp_path / "two.parquet", "--objective", "energy_j_per_item", "-o", "csv")
    found = {}
    for rate in ((), ("--rate", "5")):
        rows = csv.DictReader(io.StringIO(paretofleet(*asked, *rate).out))
        found[rate] = {row["model"]: float(row["energy_j_per_item"]) for row in rows}
    assert found[()] == pytest.approx({"frugal": 0.5, "quick": 0.4})
    at_rate = {"frugal": 0.5 + 1.0 * (0.2 - 0.1), "quick": 0.4 + 6.0 * (0.2 - 0.01)}
    assert found["--rate", "5"] == pytest.approx(at_rate, rel=1e-3)
    assert "give one like 5" in paretofleet("rank", tmp_path / "two.parquet", "--rate", "-1", code=2).err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [
        configuration("good", 0.02, 80.0),
        configuration("fast", 0.01, 70.0),
        configuration("bad", 0.03, 60.0),
    ]
    files.write(build_report(rows), tmp_path / "report.parquet")
    return tmp_path / "report.parquet"


def test_a_file_is_ranked_without_a_collector(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    down = Command("127.0.0.1:1", capsys)
    said = down("rank", file).out
    assert all(word in said for word in ("good", "fast", "bad", "p_pareto", "Evidence"))
    rows = {row["identity"]["model"]: row for row in down("rank", file, "-o", "json").json["rows"]}
    assert rows["bad"]["p_front"] < 0.01
    assert rows["good"]["p_front"] > 0.99
    table = list(csv.DictReader(io.StringIO(down("rank", file, "-o", "csv").out)))
    assert [row["model"] for row in table][-1] == "bad"
    assert float(table[-1]["batch_latency_p90_s"]) == pytest.approx(0.03)
    corrected = [float(table[-1][f"batch_latency_p90_s_corrected{end}"]) for end in ("_lo", "", "_hi")]
    assert corrected[1] == pytest.approx(0.03, rel=0.01)
    assert corrected[0] < corrected[1] < corrected[2]


def test_the_evidence_names_file_and_command(file: Path, paretofleet: Command) -> None:
    evidence = paretofleet("rank", file, "--seed", "7", "-o", "json").json["evidence"]
    assert evidence["seed"] == 7
    assert len(evidence["report_sha256"][0]) == 64
    assert evidence["command"].startswith("paretofleet")


def test_one_row_is_explained_by_number_or_id(file: Path, paretofleet: Command) -> None:
    said = paretofleet("rank", file, "--why", "3").out
    assert "beaten" in said
    assert "bad" in said
    assert "batch_latency_p90_s without block effects" in said
    assert "p_pareto" in said
    assert "<0.01" in said
    assert "bad" in paretofleet("rank", file, "--why", b"bad".hex()).out
    assert "There is no row '9'" in paretofleet("rank", file, "--why", "9", code=1).err


def test_the_ranking_is_as_wide_as_the_terminal(
    file: Path, paretofleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns in (70, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = paretofleet("rank", file).out.splitlines()
        assert columns - 12 < max(map(len, lines)) <= columns


def test_a_number_that_no_row_has_is_not_looked_for_inside_names(
    paretofleet: Command, tmp_path: Path
) -> None:
    """`10` is in the batch size of a row that is not ranked, whose reason would answer another question."""
    left_out = replace(configuration("other", 0.01, 70.0), batch_size=10, configuration_id="f" * 16)
    files.write(build_report([left_out, configuration("good", 0.02, 80.0)]), tmp_path / "two.parquet")
    refused = paretofleet("rank", tmp_path / "two.parquet", "--why", "10", code=1).err
    assert refused == "paretofleet: There is no row '10': give 1, the only one, or a configuration id.\n"


def test_the_rows_of_one_device_are_ranked_apart(file: Path, paretofleet: Command) -> None:
    assert "good" in paretofleet("rank", file, "--device", "pc").out
    refused = paretofleet("rank", file, "--device", "tx2", code=1).err
    assert "no row of the report is of device 'tx2': choose from pc" in refused


def test_a_sweep_is_pulled_and_ranked(
    file: Path, paretofleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    paretofleet("sweep", "submit", "--model", "zoo:resnet50", "--name", "first")
    monkeypatch.setattr("fake_control.REPORT", file.read_bytes())
    assert "good" in paretofleet("rank", "first").out


def test_a_sweep_that_has_not_ended_is_said_to_run(
    file: Path, paretofleet: Command, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    paretofleet("sweep", "submit", "--model", "zoo:resnet50", "--name", "first")
    monkeypatch.setattr("fake_control.REPORT", file.read_bytes())
    assert "first has not ended (0 of 10 runs, planned)" in paretofleet("rank", "first").out
    control.sweeps["first"].ended_unix_s = 61.0
    assert "has not ended" not in paretofleet("rank", "first").out


def test_the_timing_of_a_sweep_is_told_from_its_report(
    file: Path, paretofleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    paretofleet("sweep", "submit", "--model", "zoo:resnet50", "--name", "first")
    monkeypatch.setattr("fake_control.REPORT", file.read_bytes())
    assert "drift" not in paretofleet("sweep", "show", "first").out
    said = " ".join(paretofleet("sweep", "show", "first", "--timing").out.split())
    assert "drift of pc by its canary (good native, onnxruntime on pc cpu, batch 1): time/item" in said
    assert "repeats: nothing to say before 5 runs of 30 iterations" in said
    told = paretofleet("sweep", "show", "first", "--timing", "-o", "json").json["timing"]
    assert told["drift"][0]["blocks"] == 6


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["none.parquet"], 2, "none.parquet does not exist"),
        (["none"], 1, "Unknown sweep 'none'"),
        (["{file}", "--for", "fun"], 2, "unknown use 'fun'"),
        (["{file}", "--objective", "speed"], 2, "unknown objective 'speed'"),
        (["{file}", "--margin", "top1=much"], 2, "'much' is not a number"),
        (["{file}", "--margin", "top1"], 2, "write COLUMN=VALUE"),
        (["{file}", "--max", "power_w=little"], 2, "'little' is not a number"),
        (["{rubbish}"], 1, "is not a readable Parquet file"),
    ],
)
def test_what_cannot_be_ranked_is_one_sentence(
    file: Path, paretofleet: Command, words: list[str], code: int, sentence: str
) -> None:
    rubbish = file.with_name("rubbish.parquet")
    rubbish.write_bytes(b"rubbish")
    said = paretofleet("rank", *(word.format(file=file, rubbish=rubbish) for word in words), code=code)
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_limit_may_have_a_unit_of_its_column() -> None:
    assert limits(["power_w=10"], ["batch_latency_p99_s<=30ms", "power_w <= 8 W"]) == {
        "power_w": 8.0,
        "batch_latency_p99_s": pytest.approx(0.03),
    }
    assert limits(["memory_peak_bytes=200MB"], None) == {"memory_peak_bytes": 200e6}
    for wrong in ("power_w=8", "power_w<=", "<=3"):
        with pytest.raises(typer.BadParameter, match="write COLUMN<=VALUE"):
            limits(None, [wrong])
    for wrong, sentence in (
        ("power_w=8 apples", "no unit of power_w; it takes mW, W"),
        ("top1=3ms", "it takes %"),
    ):
        with pytest.raises(typer.BadParameter, match=sentence):
            limits([wrong], None)


def test_a_maximum_in_milliseconds_is_that_limit(file: Path, paretofleet: Command) -> None:
    asked = ("rank", file, "-o", "json", "--max")
    inside = paretofleet(*asked, "batch_latency_p90_s=25ms").json["rows"]
    assert [row["p_meets"] for row in inside] == [
        row["p_meets"] for row in paretofleet(*asked, "batch_latency_p90_s=0.025").json["rows"]
    ]
    assert "no unit of batch_latency_p90_s" in paretofleet(*asked, "batch_latency_p90_s=25mW", code=2).err


def test_a_ranking_as_csv_is_no_surer_than_the_table(file: Path, paretofleet: Command) -> None:
    rows = list(csv.DictReader(io.StringIO(paretofleet("rank", file, "-o", "csv").out)))
    sure, out = rows[0], rows[-1]
    assert [sure[name] for name in ("p_front", "p_front_lo", "p_front_hi")] == ["0.99", "0.99", "1.0"]
    assert [out[name] for name in ("p_front", "p_front_lo", "p_front_hi")] == ["0.01", "0.0", "0.01"]
    assert all(len(row["batch_latency_p90_s_lo"].rstrip("0")) <= len("0.01234567") for row in rows)
