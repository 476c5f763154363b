"""What a user types, sees and gets as exit code."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from command_harness import Command
from fake_control import REPORT, FakeControl
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.cli.specification import build
from paretofleet_collector.cli.sweep_options import SweepFlags
from paretofleet_collector.cli.units import counted
from paretofleet_collector.errors import CollectorError
from paretofleet_collector.model.views import FilePart
from paretofleet_collector.rpc.downloads import receive_files
from test_rank import configuration

SUBMIT = ("sweep", "submit", "--model", "zoo:resnet50", "--batch-size", "1,2", "--protocol", "quick")


@pytest.fixture
def swept(paretofleet: Command) -> Command:
    paretofleet(*SUBMIT, "--name", "first")
    return paretofleet


def commands() -> list[list[str]]:
    nouns = {
        "devices": (
            "list",
            "show",
            "label",
            "pause",
            "resume",
            "remove",
            "rename",
            "reset",
            "revoke",
            "approve",
            "add",
        ),
        "models": ("list", "show", "add", "quantize", "prune", "cluster", "set", "remove"),
        "sweep": (
            *("plan", "submit", "list", "show", "watch", "pause", "resume", "skip", "prioritise"),
            *("cancel", "retry", "delete"),
        ),
        "report": ("pull", "samples", "rebuild"),
        "collector": ("init", "serve", "rotate"),
        "token": ("create", "list", "revoke", "users"),
    }
    return [
        [],
        ["up"],
        ["rank"],
        ["login"],
        ["logs"],
        ["doctor"],
        ["gc"],
        *([noun] for noun in nouns),
        *([noun, verb] for noun in nouns for verb in nouns[noun]),
    ]


def test_a_host_that_has_no_address_is_named_and_not_taken_for_a_collector_that_is_down(
    paretofleet: Command,
) -> None:
    said = paretofleet("--collector", "no-such-host.invalid:7411", "sweep", "list", code=1).err
    assert said.startswith("paretofleet: there is no host no-such-host.invalid: ")
    assert "paretofleet up" not in said


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_carries_an_example(paretofleet: Command, words: list[str]) -> None:
    said = paretofleet(*words, "--help").out
    shown = " ".join(said.split()).replace("Examples:", "Example:")
    assert f"Example: paretofleet {' '.join(words)}".strip() in shown


@pytest.mark.parametrize("noun", ["devices", "models", "sweep"])
def test_every_listing_is_also_json_and_csv(swept: Command, noun: str) -> None:
    rows = swept(noun, "list", "-o", "json").json
    table = list(csv.DictReader(io.StringIO(swept(noun, "list", "-o", "csv").out)))
    assert len(rows) == len(table) > 0
    assert list(rows[0]) == list(table[0])
    plain = swept(noun, "list").out.splitlines()
    assert len(plain) == len(rows) + 1


def test_empty_listings_say_so_beside_the_data(paretofleet: Command) -> None:
    said = paretofleet("sweep", "list")
    assert said.out == ""
    assert "no sweep was submitted" in said.err
    assert paretofleet("sweep", "list", "-o", "json").json == []


def test_usage_errors_are_one_line_and_exit_with_2(paretofleet: Command) -> None:
    for words in (
        ["nope"],
        ["sweep", "lst"],
        ["sweep", "list", "--what"],
        ["sweep", "list", "-o", "xml"],
        ["sweep", "submit"],
    ):
        said = paretofleet(*words, code=2)
        assert said.out == ""
        assert said.err.count("\n") == 1
        assert "--help`" in said.err


def test_a_collector_that_is_down_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    said = Command("127.0.0.1:1", capsys)("devices", "list", code=1)
    assert said.err.startswith(
        "paretofleet: no collector answers at 127.0.0.1:1; start one with `paretofleet up`"
    )
    assert said.err.count("\n") == 1
    assert "not an address" in Command("here", capsys)("devices", "list", code=2).err


def test_one_thing_and_several_are_told_in_the_right_number() -> None:
    assert [counted(number, "run") for number in (0, 1, 20)] == ["0 runs", "1 run", "20 runs"]


def test_submit_names_the_sweep_on_standard_output_and_the_rest_beside_it(paretofleet: Command) -> None:
    said = paretofleet(*SUBMIT, "--name", "first")
    assert said.out == "first\n"
    assert "resnet50@fp32: 25.6 M parameters" in said.err
    assert "4 configurations, 20 runs on pc, tx2" in said.err


def test_a_network_of_the_zoo_needs_no_prefix(paretofleet: Command) -> None:
    assert "resnet50@fp32" in paretofleet("sweep", "submit", "--model", "resnet50").err


def test_a_request_sent_twice_is_one_sweep(paretofleet: Command) -> None:
    words = (*SUBMIT, "--request-id", "r1", "-o", "json")
    assert paretofleet(*words).json == paretofleet(*words).json
    assert len(paretofleet("sweep", "list", "-o", "json").json) == 1


def test_a_sweep_without_a_name_is_called_after_its_first_model(paretofleet: Command) -> None:
    assert paretofleet(*SUBMIT).out == "resnet50\n"


def test_a_taken_name_is_refused_where_it_was_given_and_said_loudly_where_it_was_made(
    paretofleet: Command,
) -> None:
    paretofleet(*SUBMIT)
    again = paretofleet(*SUBMIT)
    assert again.out == "resnet50-2\n"
    assert "there is a sweep resnet50 already: this one is called resnet50-2" in again.err
    paretofleet(*SUBMIT, "--name", "mine")
    assert "There is a sweep 'mine' already" in paretofleet(*SUBMIT, "--name", "mine", code=1).err


def test_settings_of_runtimes_are_flags_too(paretofleet: Command, tmp_path: Path) -> None:
    spec = tmp_path / "edge.yaml"
    spec.write_text(
        "models: [resnet50]\nruntimes: [onnxruntime, torch]\n"
        "options: {onnxruntime: {allow_spinning: true, memory_pattern: false}}\n"
    )
    flags = ("--option", "onnxruntime.allow_spinning=false", "--option", "torch.compile=true")
    assert build(spec, SweepFlags(options=[*flags[1::2]])).options == {
        "onnxruntime": {"allow_spinning": False, "memory_pattern": False},
        "torch": {"compile": True},
    }
    paretofleet("sweep", "submit", spec, *flags)
    paretofleet(*SUBMIT, "--option", "graph_optimization_level=basic")
    nameless = paretofleet("sweep", "plan", spec, "--option", "compile=true", code=2).err
    assert "name its runtime, as in --option onnxruntime.compile=true" in nameless
    assert "write KEY=VALUE" in paretofleet(*SUBMIT, "--option", "compile", code=2).err


@pytest.mark.parametrize("verb", ["plan", "submit"])
def test_a_misspelt_option_is_refused_whatever_the_device(paretofleet: Command, verb: str) -> None:
    words = ("sweep", verb, "--model", "resnet50", "--option", "alow_spinning=false")
    said = paretofleet(*words, code=2).err
    assert "onnxruntime has no such option, did you mean allow_spinning?" in said


@pytest.mark.parametrize(
    ("ends_as", "code"), [("finished", 0), ("finished_with_failures", 3), ("cancelled", 1)]
)
def test_the_exit_code_of_a_watched_sweep_is_its_end(
    paretofleet: Command, control: FakeControl, ends_as: str, code: int
) -> None:
    control.ends_as = ends_as
    said = paretofleet(*SUBMIT, "--name", "first", "--watch", code=code)
    assert said.out == "first\n"
    assert "first: 3/20 runs; resnet50 batch 1 on pc sealed; about 3 min (2 min to 5 min) left" in said.err
    assert f"first {ends_as.replace('_', ' ')}: 20/20 runs" in said.err
    why = "resnet50@fp32 native batch 64 on pc: oom: no ?[31mroom\n"
    assert (why in said.err) == (ends_as == "finished_with_failures"), "why runs failed, where some did"
    assert paretofleet("sweep", "watch", "first", code=code).out == ""


def test_a_watch_outlives_a_restart_of_the_collector(swept: Command, control: FakeControl) -> None:
    control.goes_away = 2
    said = swept("sweep", "watch", "first").err
    assert said.count("is away; waiting for it") == 2
    assert "first finished: 20/20 runs" in said


def test_the_plan_is_grouped_for_people_and_complete_for_programs(paretofleet: Command) -> None:
    said = paretofleet("sweep", "plan", *SUBMIT[2:], "--precision", "native,fp16")
    assert "1, 2" in said.out
    assert (
        "left out: resnet50 at fp16 with onnxruntime: resnet50 has no fp16 variant: "
        "add one with `paretofleet models add" in said.err
    )
    plan = paretofleet("sweep", "plan", *SUBMIT[2:], "-o", "json").json
    assert len(plan["configurations"]) == 4
    assert plan["devices"][0]["seconds_min"] == pytest.approx(2 * 5 * 1.8)
    assert paretofleet("sweep", "list", "-o", "json").json == []


def test_programs_read_what_is_left_out_and_why(paretofleet: Command) -> None:
    words = (*SUBMIT[2:], "--precision", "native,fp16", "-o", "json")
    planned = paretofleet("sweep", "plan", *words).json["refusals"]
    assert [list(refusal) for refusal in planned] == [["what", "why"]]
    assert planned[0]["what"] == "resnet50 at fp16 with onnxruntime"
    assert paretofleet("sweep", "submit", *words).json[0]["refusals"] == planned


def test_the_plan_says_how_the_hours_of_an_adaptive_sweep_follow(paretofleet: Command) -> None:
    words = ("sweep", "plan", *SUBMIT[2:], "--repeats", "5-20")
    assert "adaptive" not in paretofleet(*words).err
    said = paretofleet(*words, "--adaptive").err
    assert "adaptive: at least the time of 5 runs of every configuration, at most of 20" in said
    refused = paretofleet(*words[:-1], "5", "--adaptive", code=2).err
    assert "nothing to choose" in refused


def test_the_plan_says_what_several_boots_mean(paretofleet: Command, tmp_path) -> None:
    spec = tmp_path / "spread.yaml"
    spec.write_text("models: [zoo:alexnet]\nrepeats: {boots: 2}\n")
    said = paretofleet("sweep", "plan", spec).err
    assert "spread over 2 boots of each device whose owner allows reboots" in said


def test_the_plan_says_when_a_sweep_of_several_days_goes_on(paretofleet: Command, tmp_path) -> None:
    spec = tmp_path / "spread.yaml"
    spec.write_text("models: [zoo:alexnet]\nrepeats: {min: 6, days: 2}\n")
    said = " ".join(paretofleet("sweep", "plan", spec).err.split())
    assert "days: block 4 of each device begins on another day, after midnight UTC" in said


def test_flags_change_what_the_file_says(paretofleet: Command, tmp_path) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"ONNX")
    spec = tmp_path / "edge.yaml"
    spec.write_text("models: [zoo:alexnet, ./mine.onnx]\nbatch_sizes: [1, 2]\n")
    words = (
        "sweep",
        "plan",
        spec,
        "--device",
        "pc",
        "--threads",
        "1,default",
        "--repeats",
        "5-9",
        "-o",
        "json",
    )
    plan = paretofleet(*words).json
    assert {one["model"] for one in plan["configurations"]} == {"alexnet", "mine"}
    assert {one["threads"] for one in plan["configurations"]} == {1, None}
    assert [(one["device"], one["runs_min"], one["runs_max"]) for one in plan["devices"]] == [("pc", 40, 72)]
    assert paretofleet("sweep", "submit", spec).out == "edge\n"
    stored = [one["model"] for one in paretofleet("models", "list", "-o", "json").json if one["stored"]]
    assert stored == ["alexnet", "mine"], "the file was added once, and of the zoo only what was asked for"


@pytest.mark.parametrize(
    "words",
    [
        ("sweep", "submit", "--model", "resnet50", "--batch-size", "two"),
        ("sweep", "submit", "--model", "resnet50", "--repeats", "many"),
        ("sweep", "submit", "--model", "resnet50", "--name", "a b"),
        ("sweep", "plan", "--model", "resnet50", "--size", "128"),
        ("sweep", "plan", "--model", "resnet50", "--input", "a.npz", "--input", "ids=zipf"),
        ("sweep", "plan", "--model", "resnet50", "--precision", "fp31"),
        ("models", "add", "x.onnx", "--size", "sequence=1,2"),
        ("token", "create", "--ttl", "soon"),
        ("devices", "add", "tx2-1"),
        ("collector", "serve", "--log-format", "xml"),
    ],
    ids=" ".join,
)
def test_an_error_of_usage_is_one_wherever_it_is_seen(paretofleet: Command, words: tuple[str, ...]) -> None:
    said = paretofleet(*words, code=2)
    assert said.out == ""
    assert said.err.count("\n") == 1


def test_a_word_that_no_report_could_answer_is_an_error_of_usage(paretofleet: Command) -> None:
    report = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"
    for words in (["--for", "fun"], ["--question", "why"], ["--accuracy-question", "none"]):
        said = paretofleet("rank", report, *words, code=2).err
        assert "choose" in said
    assert "is not ranked" not in paretofleet("rank", report, "--why", "999", code=1).err


@pytest.mark.parametrize("words", [["sweep", "submit"], ["devices", "remove"], []], ids=" ".join)
def test_help_comes_by_h_and_shows_no_type_of_a_flag(paretofleet: Command, words: list[str]) -> None:
    said = paretofleet(*words, "-h").out
    assert said == paretofleet(*words, "--help").out
    assert "<bool>" not in said
    assert "bool" not in said.lower()


def test_examples_stand_one_command_a_line(paretofleet: Command) -> None:
    _, *lines = paretofleet("sweep", "submit", "-h").out.partition("  Examples:\n")
    assert [line.strip() for line in lines[-1].splitlines()] == [
        "paretofleet sweep submit --model zoo:resnet18 --batch-size 1,2 --watch",
        "paretofleet sweep submit SPEC.yaml --adaptive",
    ]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("sweep watch fi", {"first"}),
        ("sweep submit --model res", {"resnet50"}),
        ("devices show ", {"pc", "tx2"}),
        ("models remove a", {"alexnet"}),
        ("models show a", {"alexnet"}),
        ("models add zoo:a", {"zoo:alexnet"}),
        ("sweep submit --model zoo:res", {"zoo:resnet50"}),
        ("sweep submit --protocol s", {"standard", "sustained"}),
        ("sweep list --state run", {"running"}),
        ("report pull fi", {"first"}),
        ("rank fi", {"first"}),
        ("rank first --device t", {"tx2"}),
        ("compare first fi", {"first"}),
        ("analyze fi", {"first"}),
        ("sweep sub", {"submit"}),
    ],
)
def test_a_shell_completes_names_of_the_collector(
    swept: Command, line: str, names: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"paretofleet --collector {swept.address} {line}"
    monkeypatch.setenv("_PARETOFLEET_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    assert set(swept().out.split()) == names


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--model", "zoo:resnet5"), "Unknown model 'zoo:resnet5': did you mean resnet50?"),
        (("--model", "resnet50", "--device", "tx3"), "Unknown device 'tx3': did you mean tx2?"),
        (("--model", "resnet50", "--device", "class=gpu"), "No device matches class=gpu"),
    ],
)
def test_a_sweep_that_cannot_be_is_one_sentence(
    paretofleet: Command, words: tuple[str, ...], sentence: str
) -> None:
    said = paretofleet("sweep", "submit", *words, code=1)
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert paretofleet("sweep", "list", "-o", "json").json == []


@pytest.mark.parametrize(
    "words",
    [
        ("sweep", "submit", "gone.yaml"),
        ("sweep", "plan", "gone.yaml"),
        ("sweep", "submit", "--model", "./gone.onnx"),
        ("sweep", "submit", "--model", "resnet50", "--input", "gone.npz"),
        ("models", "add", "gone.onnx"),
        ("bench", "gone.onnx", "gone-too.onnx"),
        ("rank", "gone.parquet"),
        ("rank", "gone.zip"),
        ("analyze", "gone.parquet", "-o", "page.html"),
        ("compare", "gone.parquet", "gone-too.parquet"),
        ("report", "import", "timm", "gone.csv", "-o", "r.parquet"),
        ("report", "import", "hwnas", "gone.csv", "-o", "r.parquet"),
        ("report", "import", "csv", "gone.csv", "-o", "r.parquet"),
    ],
    ids=" ".join,
)
def test_a_file_that_is_not_there_is_a_mistake_of_usage(
    paretofleet: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = paretofleet(*words, code=2).err
    assert "gone." in said
    assert "is not a file" in said or "does not exist" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("models: [resnet50", "The specification is not YAML in line 1"),
        ("models: [resnet50]\nbatchsizes: [1]\n", "Unknown key 'batchsizes': did you mean batch_sizes"),
        ("models: [resnet50]\nrepeats: {min: 0}\n", "is not a whole number from 1"),
        ("models: [resnet50]\nname: caf\udce9\n", "is not a text in UTF-8"),
    ],
)
def test_a_mistake_in_a_specification_is_one_of_usage(
    paretofleet: Command, tmp_path: Path, text: str, sentence: str
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(text, encoding="utf-8", errors="surrogateescape")
    for verb in ("plan", "submit"):
        said = paretofleet("sweep", verb, spec, code=2).err
        assert f"{spec}" in said
        assert sentence in said


def test_control_characters_of_others_do_not_reach_the_terminal(swept: Command) -> None:
    assert "oom: no ?[31mroom" in swept("sweep", "show", "first").out


def test_a_file_too_large_for_onnx_is_refused_before_it_is_read(paretofleet: Command, tmp_path: Path) -> None:
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(1 << 40)
    said = paretofleet("models", "add", tmp_path / "huge.onnx", code=1).err
    assert "huge.onnx is larger than 2 GiB" in said


def test_models_are_added_one_by_one_and_a_bad_one_stops_no_other(paretofleet: Command, tmp_path) -> None:
    good, bad, empty = tmp_path / "My net.onnx", tmp_path / "bad.onnx", tmp_path / "empty.onnx"
    good.write_bytes(b"ONNX" * 1_000_000)
    bad.write_bytes(b"rubbish")
    empty.write_bytes(b"")
    said = paretofleet(
        "models", "add", bad, empty, tmp_path / "none.onnx", good, "zoo:alexnet", "zoo:lenet", code=1
    )
    lines = said.err.splitlines()
    assert len(lines) == 6
    assert "[1/6] " in lines[0]
    assert "bad is not an ONNX file." in lines[0]
    assert "empty.onnx is empty" in lines[1]
    assert "none.onnx is not a file" in lines[2]
    assert "[4/6] My-net@fp32" in lines[3]
    assert "alexnet@fp32" in lines[4]
    assert "The zoo has no lenet" in lines[5]


def test_a_variant_names_its_model_and_precision(paretofleet: Command, tmp_path) -> None:
    file = tmp_path / "r50.onnx"
    file.write_bytes(b"ONNX")
    paretofleet(
        "models",
        "add",
        file,
        "--variant-of",
        "resnet50",
        "--precision",
        "int8",
        "--top1",
        "76",
        "--top1-n",
        "50000",
    )
    shown = paretofleet("models", "show", "resnet50@int8", "-o", "json").json
    assert [one["variant"] for one in shown] == ["int8"]
    for words in (["--precision", "int9"], ["--top1", "76"], ["--top1", "176", "--top1-n", "1"]):
        paretofleet("models", "add", file, *words, code=2)
    paretofleet("models", "add", file, file, "--name", "x", code=2)


def test_devices_are_shown_labelled_and_paused(paretofleet: Command) -> None:
    assert "id-tx2" in paretofleet("devices", "show", "tx2").out
    assert "tx2 is paused" in paretofleet("devices", "pause", "tx2").err
    assert "labels rack=3" in paretofleet("devices", "label", "tx2", "rack=3", "owner=").err
    assert "is not a label" in paretofleet("devices", "label", "tx2", "rack", code=2).err
    assert "Unknown device 'tx': did you mean tx2?" in paretofleet("devices", "show", "tx", code=1).err


def test_a_device_is_renamed(paretofleet: Command) -> None:
    assert "tx2 is called rack3 now" in paretofleet("devices", "rename", "tx2", "rack3").err


def test_an_accuracy_is_a_percentage_and_a_fraction_is_no_silent_one(paretofleet: Command, tmp_path) -> None:
    file = tmp_path / "mine.onnx"
    file.write_bytes(b"ONNX")
    for words in (("models", "add", file), ("models", "set", "resnet50")):
        fraction = paretofleet(*words, "--top1", "0.712", "--top1-n", "100", code=2).err
        assert "write --top1 71.2, or --top1 0.712% if that is meant" in fraction
        paretofleet(*words, "--top1", "71,2", "--top1-n", "100", code=2)
        paretofleet(*words, "--top1", "0.712%", "--top1-n", "100")
    said = paretofleet("models", "set", "resnet50", "--top1", "76.1%", "--top1-n", "50000").err
    assert "top-1 76.1 % of 50000 items" in said
    assert "give --top1 and --top1-n" in paretofleet("models", "set", "resnet50", code=2).err
    words = ("models", "set", "resnet50", "--licence", "MIT", "--weights-source", "our lab")
    assert "licence MIT, weights from our lab" in paretofleet(*words).err
    assert "--top1-n too" in paretofleet("models", "add", file, "--top5", "90", code=2).err
    assert "removed resnet50@fp32" in paretofleet("models", "remove", "resnet50").err
    assert "Unknown model 'resnet50'" in paretofleet("models", "remove", "resnet50", code=1).err


def test_only_a_device_that_is_gone_is_removed(
    paretofleet: Command, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = paretofleet("devices", "remove", "tx2", "--yes", code=1).err
    assert "is online: stop it first" in refused
    assert "id-tx2` takes it back" in paretofleet("devices", "remove", "tx2", "--force").err
    control.devices[1] = replace(control.devices[1], state="offline")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    said = paretofleet("devices", "remove", "tx2", code=130).err
    assert "Remove tx2?" in said
    assert "is removed" not in said
    assert "is removed" in paretofleet("devices", "remove", "tx2", "--yes").err


def test_a_report_is_written_whole_or_not_at_all(swept: Command, control: FakeControl, tmp_path) -> None:
    target = tmp_path / "report.parquet"
    swept("report", "pull", "first", "-o", target)
    assert target.read_bytes() == REPORT
    control.damaged = True
    assert "arrived damaged" in swept("report", "pull", "first", "-o", target, code=1).err
    assert target.read_bytes() == REPORT, "the old report stays"
    assert [path.name for path in tmp_path.iterdir()] == ["report.parquet"]
    assert "Unknown sweep 'none'" in swept("report", "pull", "none", "-o", tmp_path / "n.csv", code=1).err
    assert (
        "does not exist" in swept("report", "pull", "first", "-o", tmp_path / "no" / "r.parquet", code=1).err
    )
    assert "is a folder" in swept("report", "pull", "first", "-o", tmp_path, code=1).err


def test_the_ending_of_a_report_decides_its_format(
    swept: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files.write(build_report([configuration("=good", 0.02, 80.0)]), tmp_path / "report.parquet")
    monkeypatch.setattr("fake_control.REPORT", (tmp_path / "report.parquet").read_bytes())
    swept("report", "pull", "first", "-o", tmp_path / "first.csv")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "first.csv").read_text()))
    assert row["model"] == "'=good"
    assert len(json.loads(row["batch_latency_p90_s_runs"])) == 6
    for name in ("first.xlsx", "first"):
        refused = swept("report", "pull", "first", "-o", tmp_path / name, code=1).err
        assert "let it end in .parquet or in .csv" in refused
    assert "name a folder" in swept("report", "samples", "first", "-o", tmp_path / "s.csv", code=1).err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.csv", "report.parquet"]


def test_samples_stay_below_their_folder(swept: Command, control: FakeControl, tmp_path) -> None:
    folder = tmp_path / "samples"
    assert "wrote 2 files" in swept("report", "samples", "first", "-o", folder).err
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")} == {*control.sample_paths}
    for path in ("../out.parquet", "/etc/out", "a/../../out", "C:\\out", ""):
        control.sample_paths = (path,)
        assert "not a relative one" in swept("report", "samples", "first", "-o", folder, code=1).err
    assert not (tmp_path / "out.parquet").exists()


def test_pause_and_resume_say_what_is_under_way_and_how_it_goes_on(swept: Command) -> None:
    said = swept("sweep", "pause", "first").err
    assert "first is paused: 0 runs under way, 0/20 runs ended; `paretofleet sweep resume first`" in said
    (row,) = swept("sweep", "list", "--state", "paused", "-o", "json").json
    assert (row["state"], row["paused_by"]) == ("paused", "ana")
    assert "first goes on: 0/20 runs ended" in swept("sweep", "resume", "first").err
    assert swept("sweep", "show", "first", "-o", "json").json["sweep"]["paused_unix_s"] is None


def test_rebuild_cancel_retry_and_delete_say_what_they_did(swept: Command, control: FakeControl) -> None:
    assert "10 runs computed again by rule 1; 0 changed" in swept("report", "rebuild", "first").out
    assert control.engine == "local"
    swept("report", "rebuild", "first", "--engine", "spark")
    assert control.engine == "spark"
    assert "'sparc' is not one of" in swept("report", "rebuild", "first", "--engine", "sparc", code=2).err
    assert swept("report", "rebuild", "first", "-o", "json").json["changed"] == 0
    assert "first is planned" in swept("sweep", "cancel", "first").err
    assert "20 runs to go" in swept("sweep", "retry", "first").err
    assert "10 runs, 2 files" in swept("sweep", "delete", "first", "--yes").err
    assert "Unknown sweep 'first'" in swept("sweep", "show", "first", code=1).err


def test_a_sweep_says_what_it_is_for_and_is_found_by_its_labels(paretofleet: Command, tmp_path) -> None:
    file = tmp_path / "night.yaml"
    file.write_text("models: [resnet50]\nlabels: [gate]\nnote: what the file says\n")
    paretofleet("sweep", "submit", file, "--label", "night", "--note", "after the new driver")
    paretofleet(*SUBMIT, "--name", "first")
    listed = paretofleet("sweep", "list", "--label", "gate", "--label", "night", "-o", "json").json
    assert [(row["name"], row["labels"]) for row in listed] == [("night", ["gate", "night"])]
    assert paretofleet("sweep", "list", "--label", "no", code=0).err == "no such sweep\n"
    assert [row["name"] for row in paretofleet("sweep", "list", "--last", "1", "-o", "json").json] == [
        "first"
    ]
    assert paretofleet("sweep", "list", "--state", "running", "-o", "json").json == []
    shown = paretofleet("sweep", "show", "night").out
    assert "note: after the new driver" in shown
    assert "gate, night" in shown
    assert "is not a label" in paretofleet(*SUBMIT, "--label", "two words", code=2).err


def test_a_device_s_part_is_skipped_and_its_queue_put_in_order(swept: Command) -> None:
    said = swept("sweep", "skip", "first", "--device", "tx2").err
    assert "its part on tx2 is skipped: 10 runs skipped" in said
    assert "`paretofleet sweep retry first` takes them up" in said
    assert "Missing option '--device'" in swept("sweep", "skip", "first", code=2).err
    swept(*SUBMIT, "--name", "second")
    assert swept("sweep", "prioritise", "second", "--device", "pc").err == "pc: second, first\n"
    assert (
        swept("sweep", "prioritise", "second", "first", "--last").err
        == "pc: second, first\ntx2: second, first\n"
    )


def test_init_writes_every_key_once(paretofleet: Command, tmp_path) -> None:
    paretofleet("collector", "init", "--home", tmp_path / "c", "--listen", "127.0.0.1:9")
    assert 'listen = "127.0.0.1:9"' in (tmp_path / "c" / "collector.toml").read_text()
    assert "exists already" in paretofleet("collector", "init", "--home", tmp_path / "c", code=1).err


def test_a_defect_is_told_without_its_traceback(
    paretofleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "dumps", lambda *_, **__: 1 / 0)
    said = paretofleet("devices", "list", "-o", "json", code=1)
    assert said.err.startswith("paretofleet: internal error (ZeroDivisionError")
    assert said.err.count("\n") == 1


def test_a_device_that_is_away_is_named_when_a_sweep_needs_it(
    paretofleet: Command, control: FakeControl
) -> None:
    control.devices[1] = replace(control.devices[1], state="offline")
    said = paretofleet(*SUBMIT, "--wait", "30min").err
    assert "tx2 is offline; its runs wait for it, as long as --wait says" in said
    assert "tx2" not in paretofleet(*SUBMIT, "--device", "pc").err


def test_a_sweep_can_take_those_only_that_are_online_and_say_how_long_it_waits(
    paretofleet: Command, control: FakeControl, tmp_path: Path
) -> None:
    control.devices[1] = replace(control.devices[1], state="offline")
    assert "tx2" not in paretofleet(*SUBMIT, "--online").err
    assert "No device matches" in paretofleet(*SUBMIT, "--online", "--device", "tx2", code=1).err
    spec = tmp_path / "edge.yaml"
    spec.write_text("models: [resnet50]\ndevices: [pc, tx2]\nwait_s: 60\n")
    online = build(spec, SweepFlags(online=True))
    assert (online.devices, online.wait_s) == ({"name": ("pc", "tx2"), "state": ("online",)}, 60.0)
    assert build(spec, SweepFlags(wait="1.5h")).wait_s == 5400.0
    assert "write a time such as 90s" in paretofleet("sweep", "plan", spec, "--wait", "soon", code=2).err


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        (
            "{command} models list >/dev/full",
            1,
            "paretofleet: standard output cannot be written: No space left on device\n",
        ),
        ("{command} models list >&-", 0, ""),
        ("{command} models list | head -c 1 >/dev/null", 141, ""),
        ("PYTHONIOENCODING=ascii {command} models list >/dev/null", 0, ""),
        (
            "{command} report pull none -o /dev/full/x.csv",
            1,
            "paretofleet: /dev/full does not exist; make the folder first.\n",
        ),
    ],
)
def test_broken_outputs_leave_no_traceback(
    paretofleet: Command, control: FakeControl, shell: str, code: int, said: str
) -> None:
    control.variants *= 2000
    command = f"{sys.executable} -m paretofleet_collector --collector {paretofleet.address}"
    script = f"set -o pipefail; {shell.format(command=command)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, said)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    parts = [FilePart("r.parquet", b"x", is_last=True, sha256=hashlib.sha256(b"x").hexdigest())]
    with pytest.raises(CollectorError, match=r"r.parquet cannot be written: No space left on device"):
        receive_files(parts, lambda path: tmp_path / path)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CollectorError, match="broke off"):
        receive_files([FilePart("r.parquet", b"x", is_last=False, sha256="")], lambda path: tmp_path / path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_starts_without_what_only_some_of_it_needs() -> None:
    heavy = ("grpc", "google", "numpy", "pandas", "pyarrow", "sqlalchemy", "paretofleet_analysis")
    code = f"import sys, paretofleet_collector.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
