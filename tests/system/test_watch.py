"""`paretofleet watch`: a device whose environment has changed is measured again, and what moved is said."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from farm import PATIENCE_S, Farm
from networks import convolution

pytestmark = pytest.mark.system


def replace_board(farm: Farm, agent: subprocess.Popen[bytes], board: str) -> subprocess.Popen[bytes]:
    """The same device with another environment: what is simulated there is part of it."""
    agent.terminate()
    assert agent.wait(PATIENCE_S) == 0
    return farm.start_agent("board", "--simulate", board)


@pytest.fixture
def canary(farm: Farm) -> Path:
    farm.command("models", "add", convolution(farm.root / "net.onnx"))
    spec = farm.root / "canary.yaml"
    spec.write_text("{models: [net], batch_sizes: [1, 2], protocol: quick, repeats: 3}")
    return spec


def test_a_changed_environment_is_measured_and_compared_once(farm: Farm, canary: Path) -> None:
    agent = farm.start_agent("board", "--simulate", "jetson-tx2")
    first = farm.run("watch", canary, "--once")
    assert first.returncode == 0, first.stderr
    assert "board: the canary set was never measured here" in first.stderr
    assert "nothing to compare with yet" in first.stderr

    agent = replace_board(farm, agent, "jetson-tx1")
    heard = farm.root / "heard.json"
    notice = shlex.join(["tee", str(heard)])
    second = farm.run("watch", canary, "--once", "--notify", notice)
    assert second.returncode == 4, second.stderr
    assert "not that of canary-board any more" in second.stderr
    assert second.stdout.index("sim:jetson-tx1") < second.stdout.index("slower"), "the environment first"
    message = json.loads(heard.read_text())
    assert message["sweep"] == "canary-board-2"
    assert "compared with canary-board: 2 slower" in message["text"]
    assert {row["verdict"] for row in message["comparison"]["changes"]} >= {"slower"}

    third = farm.run("watch", canary, "--once")
    assert third.returncode == 4, "the newest two measurements are the same"
    assert "its environment is that of canary-board-2" in third.stderr
    assert [each["name"] for each in farm.listing("sweep", "list")] == ["canary-board", "canary-board-2"]
