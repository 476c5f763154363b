"""`paretofleet compare` on report files: what it prints in each form, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from command_harness import Command
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from test_rank import configuration


def written(path: Path, factor: float, boot: str, driver: str) -> Path:
    rows = []
    for name, latency_s in (("alpha", 0.02), ("beta", 0.01), ("gamma", 0.03)):
        row = configuration(name, latency_s * factor, 70.0)
        facts = {"effective": {"precision": "fp32"}, "environment": {"gpu_driver": driver}}
        runs = [
            replace(run, run_id=f"{boot}-{run.run_id}", boot_id=boot, facts=facts, environment_id=driver * 5)
            for run in row.runs
        ]
        rows.append(replace(row, runs=runs, sweep=boot))
    files.write(build_report(rows), path)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return (
        written(tmp_path / "before.parquet", 1.0, "one", "535"),
        written(tmp_path / "after.parquet", 1.2, "two", "550"),
    )


def test_a_regression_ends_with_4_and_the_environment_comes_first(
    paretofleet: Command, pair: tuple[Path, Path]
) -> None:
    done = paretofleet("compare", *pair, code=4)
    assert done.out.startswith("Changed in the environment:")
    assert done.out.index("535") < done.out.index("slower")
    assert done.out.count("slower") == 4  # three rows and the tally
    assert paretofleet("compare", *reversed(pair)).out.count("faster") == 4


def test_forms_for_programs_hold_ratio_and_verdict(paretofleet: Command, pair: tuple[Path, Path]) -> None:
    document = paretofleet("compare", *pair, "-o", "json", code=4).json
    assert [change["verdict"] for change in document["changes"]] == ["slower"] * 3
    rows = list(csv.DictReader(io.StringIO(paretofleet("compare", *pair, "-o", "csv", code=4).out)))
    assert float(rows[0]["ratio"]) == pytest.approx(1.2, rel=0.01)
    page = paretofleet("compare", *pair, "-o", "markdown", code=4).out
    assert page.count("| slower |") == 3


def test_a_wider_margin_makes_it_no_regression(paretofleet: Command, pair: tuple[Path, Path]) -> None:
    assert "3 same within margin" in paretofleet("compare", *pair, "--margin", "30%").out
    only = ("--measure", "batch_latency_mean_s", "--margin", "batch_latency_mean_s=30%")
    assert "3 same within margin" in paretofleet("compare", *pair, *only).out
    assert "a share like 2%" in paretofleet("compare", *pair, "--margin", "0.1", code=2).err


def test_what_a_reboot_does_can_be_taken_for_granted(paretofleet: Command, pair: tuple[Path, Path]) -> None:
    assert (
        "taken to shift all of a device by 10.00%"
        in paretofleet("compare", *pair, "--boot-spread", "10%").out
    )
    said = paretofleet("compare", *pair, "--boot-spread", "0.1", code=2).err
    assert "give a share like 1%" in said


def test_what_cannot_be_compared_is_one_sentence(paretofleet: Command, pair: tuple[Path, Path]) -> None:
    assert "compared with itself" in paretofleet("compare", pair[0], pair[0], code=2).err
    missing = paretofleet("compare", pair[0], "gone.parquet", code=2).err
    assert missing.count("\n") == 1
    assert "does not exist" in missing


def test_every_run_is_written_for_a_change_point_tool(
    paretofleet: Command, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    done = paretofleet("compare", *pair, "--otava", tmp_path / "series", code=4)
    assert "otava analyze" in done.err
    tests = json.loads((tmp_path / "series" / "otava.yaml").read_text())["tests"]
    assert len(tests) == 3


@pytest.mark.parametrize("options", [(), ("--redact", "models,hosts")])
def test_a_bundle_of_both_is_compared_again_byte_for_byte(
    paretofleet: Command, pair: tuple[Path, Path], tmp_path: Path, options: tuple[str, ...]
) -> None:
    bundle = tmp_path / "b.zip"
    words = ("--margin", "3%", "-o", "json")
    said = paretofleet("compare", *pair, *words, *options, "--bundle", bundle, code=4)
    for path in pair:
        path.unlink()
    again = paretofleet("compare", bundle, "-o", "json", code=4)
    assert again.out == said.out
    assert "the same as in the bundle, byte for byte" in again.err
    assert ("alpha" in said.out) == (not options)
    with zipfile.ZipFile(bundle) as archive:
        assert ("alpha" in archive.read("result.json").decode()) == (not options)


def test_one_side_alone_is_no_comparison(paretofleet: Command, pair: tuple[Path, Path]) -> None:
    assert "is one side: give the other" in paretofleet("compare", pair[0], code=2).err
    assert "let its name end in .zip" in paretofleet("compare", *pair, "--bundle", "b", code=2).err


def test_help_keeps_sweeps_and_files_apart(paretofleet: Command) -> None:
    assert "paretofleet bench" in paretofleet("compare", "--help").out
    assert "paretofleet compare" in paretofleet("bench", "--help").out
