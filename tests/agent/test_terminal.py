"""What the agent prints, on terminals of four widths: lines fit, rows keep their names, words stay whole."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from paretofleet_agent import doctor, status, terminal
from paretofleet_agent.device import description, probe
from paretofleet_agent.device.device import Simulation
from paretofleet_agent.standalone import bench, bench_text

WIDTHS = (60, 80, 120, 200)


def assert_whole(text: str, whole: str) -> None:
    """The `text` of a narrow terminal holds all of the `whole`, and breaks no word that fits a line."""
    assert "".join(text.split()) == "".join(whole.split())
    assert {word for word in whole.split() if len(word) <= 30} - set(text.split()) == set()


def test_folding_loses_nothing_and_breaks_no_word_that_fits() -> None:
    text = (
        "rapl/package-0  package, counter, refreshed every 1 ms, 模型网络 e\u0301 an-overlong_name/of_a_rail"
    )
    for width in range(8, 70):
        lines = terminal.fold(text, width)
        assert max(map(terminal.columns_of, lines)) <= width
        assert "".join("".join(lines).split()) == "".join(text.split())
        for word in text.split():
            assert terminal.columns_of(word) > width or any(word in line.split() for line in lines)
    assert terminal.fold("x" * 20, 8) == ["x" * 8, "x" * 8, "x" * 4]


def test_a_table_loses_columns_from_the_right_and_names_them() -> None:
    headings = [terminal.Heading("model", right=False), terminal.Heading("p50"), terminal.Heading("p90")]
    rows = [["网络", "1.5", "20.25"], ["resnet", "-", "3.00"]]
    assert terminal.table(headings, rows, None) == (
        ["model   p50    p90", "网络    1.5  20.25", "resnet    -   3.00"],
        [],
    )
    assert terminal.table(headings, rows, 14) == (["model   p50", "网络    1.5", "resnet    -"], ["p90"])
    lines, left_out = terminal.table(headings, rows, 1)
    assert (lines[2], left_out) == ("resnet", ["p50", "p90"])


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> dict[str, object]:
    """What a bench of a model with a long name measured on a simulated device."""
    model = tmp_path_factory.mktemp("models") / "mobilenet_v2_quantised_per_channel.onnx"
    model.write_bytes(bytes(10**6))
    device = probe.probe_device(Path("/"), Simulation("jetson-tx2"), {})
    with contextlib.redirect_stdout(io.StringIO()) as out:
        bench.run(model, device, output="json")
    return dict(json.loads(out.getvalue()), model=model.name)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_bench_fits(report, width, capsys) -> None:
    bench_text.write(report, None)
    whole = capsys.readouterr()
    bench_text.write(report, width)
    shown = capsys.readouterr()
    lines = [*shown.out.splitlines(), *shown.err.splitlines()]
    assert max(map(terminal.columns_of, lines)) <= width
    assert whole.err == ""
    left_out = re.sub(r"too narrow for: |; -o json has all", "", " ".join(shown.err.split()))
    for title in ("run", "iterations", "median ms", "peak MB"):
        assert (title in shown.out) != (title in left_out.split(", "))
    assert "run" in shown.out
    assert (left_out == "") == (width >= 120)
    assert_whole(*(text.partition("\n median")[2] for text in (shown.out, whole.out)))


@pytest.mark.parametrize("width", WIDTHS)
def test_so_does_what_it_says_of_the_device_and_of_itself(tree, width, tmp_path) -> None:
    devices = [
        probe.probe_device(tree("ina3221_nano_2gb"), None, {"onnxruntime": "/nowhere/python"}),
        probe.probe_device(Path("/"), Simulation("jetson-tx2"), {}),
    ]
    findings = [doctor.Finding("runtimes", False, "there is none, so nothing can be measured", "install one")]
    home = status.read_status(tmp_path)
    for texts in [
        *([description.describe(device, at) for at in (None, width)] for device in devices),
        [doctor.describe(findings * 2, at) for at in (None, width)],
        [status.describe(home, at) for at in (None, width)],
    ]:
        assert max(map(terminal.columns_of, texts[1].splitlines())) <= width
        assert_whole(texts[1], texts[0])


def typed(*words: str) -> tuple[int, str]:
    """The exit code of `paretofleet-agent WORDS..` in a terminal of 60 columns, and what that shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "paretofleet_agent.main", *words]
    done = subprocess.run(command, stdout=theirs, stderr=theirs, env=env, check=False)
    os.close(theirs)
    said = os.read(ours, 4096).decode().replace("\r\n", "\n")
    os.close(ours)
    return done.returncode, said


def test_the_width_is_that_of_the_terminal(tmp_path) -> None:
    code, said = typed("status", "--home", str(tmp_path))
    assert code == 0
    assert 30 < max(map(len, said.splitlines())) <= 60
    assert "begin with" in " ".join(said.split())


def test_an_error_ends_its_lines_between_words_and_keeps_commands_whole(tmp_path, monkeypatch) -> None:
    code, said = typed("run", "--simulate", "jetson", "--home", str(tmp_path))
    assert code == 2
    assert max(map(len, said.splitlines())) <= 60
    assert "no simulated class 'jetson'; the known ones are jetson-tx2, jetson-tx1" in " ".join(said.split())
    monkeypatch.setattr(terminal, "width_of_output", lambda _: 44)
    with contextlib.redirect_stderr(io.StringIO()) as err:
        terminal.write_message("there is none; make one with `paretofleet-agent run --home DIR` first")
    assert "\n  `paretofleet-agent run --home DIR` first\n" in err.getvalue()


def test_the_command_alone_shows_what_it_can_do() -> None:
    code, said = typed()
    assert code == 2
    assert {"probe", "bench", "run"} <= set(said.split())
    assert "error" not in said
