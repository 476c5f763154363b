"""Every command of the README and every example of a help does what it is written for, as it is written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer.main
from command_harness import Command
from fake_control import FakeControl, device, zoo
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.cli import app
from test_rank import configuration

README = Path(__file__).parents[3] / "README.md"
#: What is run elsewhere, and where: it serves until it is stopped, or needs an identity, a board, weights.
ELSEWHERE = {
    "up": "tests/collector/cli/test_up.py",
    "open": "tests/collector/cli/test_up.py",
    "bench": "tests/collector/cli/test_bench.py",
    "doctor": "tests/collector/cli/test_cli.py",
    "gc": "tests/collector/cli/test_gc.py",
    "analyze": "tests/collector/cli/test_analyze.py",
    "compare": "tests/collector/cli/test_compare.py",
    "sweep confirm": "tests/collector/cli/test_sweep_confirm.py",
    "logs": "tests/collector/cli/test_logs.py",
    "models evaluate": "tests/system/test_evaluation.py",
    "models quantize": "tests/system/test_variants.py",
    "models prune": "tests/system/test_variants.py",
    "models cluster": "tests/system/test_variants.py",
    "search replay": "tests/collector/cli/test_search.py",
    "search delete": "tests/collector/cli/test_search_kept.py",
    "search plan": "tests/system/test_search_plan.py",
    "search start": "tests/system/test_search.py",
    "search stop": "tests/system/test_search.py",
    "search resume": "tests/system/test_search.py",
    "search confirm": "tests/system/test_search_confirm.py",
    "search show": "tests/system/test_search.py",
    "search statements": "tests/collector/cli/test_search_statements.py",
    "train": "tests/collector/cli/test_train.py",
    "report export": "tests/collector/cli/test_report_export.py",
    "report query": "tests/collector/cli/test_report_query.py",
    "watch": "tests/system/test_watch.py",
    "collector": "tests/system/",
    "token": "tests/system/test_identity.py",
    "login": "tests/system/test_identity.py",
    "devices add": "tests/system/test_devices_add.py",
    "devices approve": "tests/system/test_identity.py",
}


def examples(command: Any = None) -> Iterator[str]:
    """The commands in the epilogs of all helps."""
    command = command or typer.main.get_command(app)
    for line in (command.epilog or "").splitlines():
        yield re.sub(r"^Examples?:", "", line).strip()
    for each in getattr(command, "commands", {}).values():
        yield from examples(each)


def written(lines: Iterator[str] | list[str]) -> list[list[str]]:
    """The words of those lines that are commands of `paretofleet` and not run elsewhere."""
    found = []
    for line in dict.fromkeys(lines):
        program, *words = shlex.split(line, comments=True) or [""]
        places = (" ".join(words[:1]), " ".join(words[:2]))
        if program == "paretofleet" and not any(place in ELSEWHERE for place in places):
            found.append(words)
    return found


#: Tables of others, by the names that the examples give them.
FOREIGN = {
    "table.csv": "name,lat\nresnet18,20\n",
    "results.csv": "model,img_size,top1\nresnet18.a1_in1k,224,71.5\n",
    "benchmark.csv": (
        "model,infer_img_size,infer_samples_per_sec,infer_step_time,infer_batch_size,param_count\n"
        "resnet18,224,50,20,1,11.69\n"
    ),
    "pi5.csv": "arch_index,framework,latency_ms_median,energy_mj,accuracy\n7,onnx,2.5,4,70.1\n",
}


@pytest.fixture
def fresh(
    control: FakeControl, paretofleet: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """A folder with a model, and a fleet with a board that is off, in which nothing ran; reports are of
    `quick` runs without a power source.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.onnx").write_bytes(b"ONNX")
    (tmp_path / "SPEC.yaml").write_text("models: [zoo:resnet18]\n")
    for name, text in FOREIGN.items():
        (tmp_path / name).write_text(text)
    names = ("pc", "tx2-a", "tx2-1")
    states = {"tx2-a": "offline"}
    control.devices = [
        replace(device(name), device_class="jetson-tx2", state=states.get(name, "online")) for name in names
    ]
    control.variants = [zoo(name) for name in ("resnet18", "alexnet", "resnet50")]
    rows = [configuration("resnet18", 0.02, 70.0), configuration("alexnet", 0.01, 57.0)]
    files.write(build_report(rows), tmp_path / "made.parquet")
    monkeypatch.setattr("fake_control.REPORT", (tmp_path / "made.parquet").read_bytes())
    return paretofleet


def test_the_readme_works_as_it_is_written(fresh: Command) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    words = written("\n".join(blocks).splitlines())
    assert ["rank", "first"] in words
    for each in words:
        assert fresh(*each, code=None).code == 0, each


@pytest.mark.parametrize("words", written(examples()), ids=" ".join)
def test_an_example_of_a_help_works_as_it_is_written(fresh: Command, words: list[str]) -> None:
    fresh("models", "add", "mine.onnx")
    fresh("models", "add", "mine.onnx", "--variant-of", "mine", "--name", "int8")
    fresh("sweep", "submit", "--model", "zoo:resnet18", "--name", "edge-classifiers")
    done = fresh(*words, code=None)
    assert done.code == 0 or words[:2] == ["sweep", "retry"], done.err
    assert done.out or done.err


def test_what_is_run_elsewhere_is() -> None:
    root = README.parent
    assert [place for place in ELSEWHERE.values() if not (root / place).exists()] == []
    assert len(written(examples())) > 20
