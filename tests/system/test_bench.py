"""`paretofleet bench` as a user types it: two files, nothing that runs before, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from farm import wait_until
from networks import convolution
from paretofleet_analysis.report import files

pytestmark = pytest.mark.system
COMMAND = Path(sys.executable).parent / "paretofleet"


def processes_of(folder: Path) -> list[psutil.Process]:
    """The processes whose command line names a folder."""
    return [one for one in psutil.process_iter(["cmdline"]) if str(folder) in str(one.info["cmdline"])]


def test_two_files_are_compared_with_real_processes_and_nothing_stays(tmp_path: Path) -> None:
    """On a simulated device, whose clock is faster than ours."""
    convolution(tmp_path / "small.onnx", channels=4)
    convolution(tmp_path / "large.onnx", channels=64)
    temporary = Path(tempfile.mkdtemp(prefix="pf"))  # short: a socket's path has 107 letters at most
    env = {**os.environ, "PARETOFLEET_AGENT_SIMULATE": "jetson-tx2", "TMPDIR": str(temporary)}
    words = [str(COMMAND), "bench", "small.onnx", "large.onnx", "--repeats", "3", "--protocol", "quick"]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "faster than" in done.stdout
    report = files.read(tmp_path / "bench.parquet")
    assert sorted(report.column("model").to_pylist()) == ["large", "small"]
    assert report.column("runs").to_pylist() == [3, 3]
    temporary.rmdir()  # nothing is left in it
    wait_until(lambda: not processes_of(temporary), "the end of every process")
