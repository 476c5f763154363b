"""What the command says beside its data on a terminal: lines end between words, what is typed is copied."""

from __future__ import annotations

import fcntl
import os
import pty
import shlex
import struct
import subprocess
import sys
import termios
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given
from paretofleet_analysis.present.table import columns_of
from paretofleet_collector.cli.terminal import folded

BIN = Path(sys.executable).parent


def test_an_error_fits_the_terminal_and_breaks_no_word() -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [BIN / "paretofleet", "--collector", "127.0.0.1:1", "devices", "list"]
    done = subprocess.run(command, stdout=theirs, stderr=theirs, env=env, check=False)
    os.close(theirs)
    said = os.read(ours, 4096).decode().replace("\r\n", "\n")
    os.close(ours)
    assert done.returncode == 1
    assert max(map(len, said.splitlines())) <= 60
    assert "`paretofleet up`" in said
    whole = subprocess.run(command, capture_output=True, text=True, env=env, check=False).stderr
    assert whole.count("\n") == 1, "a pipe gets one line"
    assert said.split() == whole.split()


def test_a_command_that_is_too_long_for_a_line_can_be_copied() -> None:
    command = "paretofleet rank bench.parquet --objective batch_latency_mean_s --objective memory_peak_bytes"
    lines = folded(f"the report is bench.parquet; rank it with `{command}`", 60)
    assert max(map(len, lines)) <= 60
    typed = "\n".join(lines).partition("`")[2].partition("`")[0]
    assert len(typed.splitlines()) > 1
    assert shlex.split(typed.replace("\\\n", " ")) == command.split()


@given(
    st.lists(st.sampled_from(["a", "word", "模型网络", "`paretofleet up`", "--flag", "it,"]), max_size=30),
    st.integers(20, 70),
)
def test_nothing_is_lost_and_nothing_is_wider(words: list[str], width: int) -> None:
    lines = folded(" ".join(words), width)
    assert " ".join(line.strip() for line in lines) == " ".join(words)
    assert max(map(columns_of, lines)) <= width
