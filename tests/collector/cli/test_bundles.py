"""`--bundle`: another person's `paretofleet rank FILE.zip` says the same, byte for byte."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import fake_control
import pytest
from command_harness import Command
from fake_control import FakeControl
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from test_rank import configuration

NAMES = ("goodnet", "fastnet", "badnet")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    rows = [
        replace(configuration(name, latency_s, top1), device="lab-host", sweep="nightly-goodnet")
        for name, latency_s, top1 in zip(NAMES, (0.02, 0.01, 0.03), (80.0, 70.0, 60.0), strict=True)
    ]
    rows = [
        replace(row, runs=[replace(run, run_id=f"{at}{run.block:015x}") for run in row.runs])
        for at, row in enumerate(rows)
    ]
    path = tmp_path / "in" / "report.parquet"
    path.parent.mkdir()
    files.write(build_report(rows), path)
    return path


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--for", "offline", "--objective", "batch_latency_mean_s", "--objective", "top1", "--seed", "7"),
        ("--max", "batch_latency_p90_s=25ms", "--margin", "top1=0.3", "--device", "lab-host", "--robust"),
    ],
)
def test_a_bundle_ranks_to_the_same_bytes(
    paretofleet: Command, report: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    bundle = tmp_path / "b.zip"
    said = {form: paretofleet("rank", report, *options, "-o", form).out for form in ("json", "csv", "table")}
    written = paretofleet("rank", report, *options, "-o", "json", "--bundle", bundle)
    assert written.out == said["json"]
    assert f"wrote {bundle}" in written.err
    report.unlink()
    for form, expected in said.items():
        again = paretofleet("rank", bundle, "-o", form)
        assert again.out == expected
        assert "the same as in the bundle, byte for byte" in again.err


def test_bundling_twice_gives_the_same_file(paretofleet: Command, report: Path, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        paretofleet("rank", report, "--bundle", tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_an_option_changes_the_question_and_nothing_is_held_against_the_bundle(
    paretofleet: Command, report: Path, tmp_path: Path
) -> None:
    paretofleet("rank", report, "--objective", "top1", "--bundle", tmp_path / "b.zip")
    again = paretofleet("rank", tmp_path / "b.zip", "--seed", "9", "-o", "json")
    assert "byte for byte" not in again.err
    assert again.json["evidence"]["seed"] == 9
    assert [used["name"] for used in again.json["objectives"]] == ["top1"]


def test_a_bundle_is_a_source_beside_others(paretofleet: Command, report: Path, tmp_path: Path) -> None:
    paretofleet("rank", report, "--bundle", tmp_path / "b.zip")
    other = tmp_path / "other.parquet"
    files.write(build_report([configuration("newnet", 0.015, 75.0)]), other)
    rows = paretofleet("rank", tmp_path / "b.zip", other, "-o", "json").json["rows"]
    assert len(rows) == 4


def test_redacted_names_stand_nowhere_in_the_bundle(
    paretofleet: Command, report: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "b.zip"
    said = paretofleet(
        "rank", report, "--redact", "models,hosts", "--bundle", bundle, "-o", "json", "--device", "lab-host"
    )
    secrets = (*NAMES, "lab-host")
    texts = [said.out.lower()]
    with zipfile.ZipFile(bundle) as archive:
        for name in archive.namelist():
            archive.extract(name, tmp_path / "out")
            texts.append(f"{name} {archive.read(name).decode('latin-1')}".lower())
    table = files.read(tmp_path / "out" / "reports" / "1.parquet")
    texts.append(str(table.to_pylist()).lower())
    assert [(secret, text[:80]) for secret in secrets for text in texts if secret in text] == []
    again = paretofleet("rank", bundle, "-o", "json")
    assert again.out == said.out
    assert "byte for byte" in again.err


@pytest.mark.parametrize(
    "words",
    [("rank", "first"), ("analyze", "first", "--studies", "", "-o", "{}"), ("compare", "first", "{}")],
)
def test_samples_and_specifications_of_pulled_sweeps_go_with_it(
    paretofleet: Command,
    control: FakeControl,
    report: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    if words[0] == "analyze":
        pytest.importorskip("vl_convert")
    monkeypatch.setattr(fake_control, "REPORT", report.read_bytes())
    paretofleet("sweep", "submit", "--model", "resnet50", "--name", "first")
    bundle, page = tmp_path / "b.zip", tmp_path / "page.html"
    place = report if words[0] == "compare" else page
    command = [word.format(place) for word in words]
    paretofleet(*command, "--bundle", bundle, "--with-samples")
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
    assert {"samples/1/date=1/run-a.parquet", "samples/1/run-b.parquet", "sweeps/first.json"} <= set(names)
    control.sweeps.clear()
    again = ["-o", page] if words[0] == "analyze" else []
    assert "byte for byte" in paretofleet(words[0], bundle, *again).err


def test_a_bundle_of_another_version_says_what_differs(
    paretofleet: Command, report: Path, tmp_path: Path
) -> None:
    from paretofleet_analysis.report.bundle import read_bundle, write_bundle

    paretofleet("rank", report, "--bundle", tmp_path / "b.zip")
    (tmp_path / "room").mkdir()
    stored = read_bundle(tmp_path / "b.zip", tmp_path / "room")
    older = stored.result.replace('"numpy": "', '"numpy": "0.')
    write_bundle(replace(stored, result=older), tmp_path / "older.zip")
    assert "not the same as in the bundle (numpy " in paretofleet("rank", tmp_path / "older.zip").err


@pytest.mark.parametrize("keywords", [{"use": 3}, {"sources": "x"}, {"devices": [1]}, {"maxima": {"a": []}}])
def test_a_question_that_cannot_be_is_refused(
    paretofleet: Command, report: Path, tmp_path: Path, keywords: dict[str, object]
) -> None:
    from paretofleet_analysis.report.bundle import read_bundle, write_bundle

    paretofleet("rank", report, "--bundle", tmp_path / "b.zip")
    (tmp_path / "room").mkdir()
    stored = read_bundle(tmp_path / "b.zip", tmp_path / "room")
    write_bundle(replace(stored, keywords=keywords), tmp_path / "odd.zip")
    assert "it is damaged" in paretofleet("rank", tmp_path / "odd.zip", code=1).err


def test_misuse_is_one_sentence(paretofleet: Command, report: Path, tmp_path: Path) -> None:
    assert "let its name end in .zip" in paretofleet("rank", report, "--bundle", tmp_path / "b", code=2).err
    words = ("--bundle", tmp_path / "b.zip", "--redact", "models", "--with-samples")
    assert "leave --redact out" in paretofleet("rank", report, *words, code=2).err
    assert "cannot redact 'people'" in paretofleet("rank", report, "--redact", "people", code=2).err
    assert "does not exist" in paretofleet("rank", "gone.zip", code=2).err
    (tmp_path / "no.zip").write_bytes(b"no")
    assert "is not a zip file" in paretofleet("rank", tmp_path / "no.zip", code=1).err
