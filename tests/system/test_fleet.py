"""Unlike devices in one fleet, old interpreters, and what the collector refuses."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from farm import PATIENCE_S, Farm, wait_until
from networks import convolution

pytestmark = pytest.mark.system
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """A collector that nothing changes."""
    made = Farm(tmp_path_factory.mktemp("idle"))
    made.start_collector()
    try:
        yield made
    finally:
        made.close()


def test_simulated_and_real_devices_sweep_together_but_are_not_ranked_together(farm: Farm) -> None:
    farm.start_agent("here")
    farm.start_agent("tx2", "--simulate", "jetson-tx2", "--seed", "7")
    farm.command(
        "models", "add", convolution(farm.root / "a.onnx"), convolution(farm.root / "b.onnx", channels=16)
    )
    farm.command(
        "sweep", "submit", "--name", "mixed", "--model", "a", "--model", "b", "--protocol", "quick", "--watch"
    )
    farm.command("report", "pull", "mixed", "-o", farm.root / "report.parquet")
    frame = pd.read_parquet(farm.root / "report.parquet").set_index("device")
    assert frame.loc["tx2", "simulated"].all()
    assert not frame.loc["here", "simulated"].any()
    assert frame.loc["tx2", "device_class"].str.startswith("sim:").all()
    assert frame.loc["tx2", "energy_j_per_item"].notna().all()
    assert farm.measures_power("here") or frame.loc["here", "energy_j_per_item"].isna().all()

    objective = ("--objective", "batch_latency_mean_s", "--objective", "memory_peak_bytes")
    refused = farm.run("rank", "mixed", *objective)
    assert refused.returncode == 1
    assert "simulated" in refused.stderr
    assert "Traceback" not in refused.stderr
    allowed = farm.command("rank", "mixed", "--with-simulated", *objective)
    assert "tx2" in allowed
    assert "here" in allowed


def test_the_same_seed_simulates_the_same_numbers(tmp_path: Path) -> None:
    reports = []
    for folder in ("one", "two"):
        farm = Farm(tmp_path / folder)
        farm.root.mkdir()
        farm.start_collector()
        try:
            farm.start_agent("tx2", "--simulate", "jetson-tx2", "--seed", "11")
            farm.command("models", "add", convolution(farm.root / "a.onnx"))
            farm.command(
                "sweep",
                "submit",
                "--name",
                "s",
                "--model",
                "a",
                "--batch-size",
                "1,4",
                "--protocol",
                "quick",
                "--watch",
            )
            farm.command("report", "pull", "s", "-o", farm.root / "r.parquet")
            reports.append(pd.read_parquet(farm.root / "r.parquet").set_index("batch_size").sort_index())
        finally:
            farm.close()
    for column in ("batch_latency_mean_s", "energy_j_per_item", "iterations"):
        pd.testing.assert_series_equal(reports[0][column], reports[1][column])


def test_an_agent_on_python_3_8_streams_to_the_collector(farm: Farm) -> None:
    found = subprocess.run(
        ["sh", ROOT / "scripts" / "find_python.sh", "3.8"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not found:
        pytest.skip("NOT TRIED: no CPython 3.8 was found on this machine")
    venv = ROOT / "build" / "py38"
    if not (venv / "bin" / "paretofleet-agent").exists():
        subprocess.run(["bash", ROOT / "scripts" / "python38.sh", found], check=True, cwd=ROOT)
    farm.start_agent("old", python=venv / "bin")
    farm.command("models", "add", convolution(farm.root / "net.onnx"))
    farm.command("sweep", "submit", "--name", "s", "--model", "net", "--protocol", "quick", "--watch")
    assert farm.sweep("s")["state"] == "finished"


def test_a_second_agent_with_the_same_name_is_refused(farm: Farm) -> None:
    farm.start_agent("twin")
    second = farm.start_agent_raw("other", "twin", "--simulate", "jetson-tx2")
    assert second.wait(PATIENCE_S) == 5
    assert "twin" in farm.log("other")
    assert "Traceback" not in farm.log("other")


def test_a_copied_identity_is_refused(farm: Farm) -> None:
    farm.start_agent("sim", "--simulate", "jetson-tx2")
    farm.start_agent("spare", "--simulate", "jetson-tx2").terminate()
    shutil.copytree(farm.root / "sim", farm.root / "clone", ignore=shutil.ignore_patterns("*lock*", "*.pid"))
    before = (farm.root / "clone").glob("*")
    assert list(before)
    first = farm.start_agent_raw("clone", "sim", "--simulate", "jetson-tx2")
    # The copy starts with the instance that the original has now, so one of the two must give way.
    original = farm.processes[1]
    wait_until(lambda: first.poll() is not None or original.poll() is not None, "one of the two giving way")
    assert (first.poll() is None) != (original.poll() is None)
    assert "copy" in farm.log("clone") + farm.log("sim") or "replaced" in farm.log("clone") + farm.log("sim")


def test_a_busy_port_is_named(idle: Farm) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = idle.run(
            "collector", "serve", "--home", idle.root / "second", "--listen", f"127.0.0.1:{port}"
        )
    assert refused.returncode == 1
    assert str(port) in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_an_address_beyond_this_machine_is_refused_and_the_tunnel_named(idle: Farm) -> None:
    refused = idle.run("collector", "serve", "--home", idle.root / "second", "--listen", "0.0.0.0:0")
    assert refused.returncode == 1
    assert "SSH" in refused.stderr
    assert "README" in refused.stderr


@pytest.mark.parametrize(
    ("words", "names", "code"),
    [
        (("sweep", "submit", "--model", "zoo:nothing"), "nothing", 1),
        (("sweep", "submit", "--model", "zoo:resnet18", "--device", "nowhere"), "nowhere", 1),
        (("sweep", "show", "none"), "none", 1),
        (("report", "pull", "none", "-o", "r.parquet"), "none", 1),
        (("models", "add", "broken.onnx"), "broken.onnx", 1),
        (("models", "add", "missing.onnx"), "missing.onnx", 2),
        (("rank", "wrong.parquet"), "wrong.parquet", 1),
        (("devices", "show", "nobody"), "nobody", 1),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    idle: Farm, words: tuple[str, ...], names: str, code: int
) -> None:
    (idle.root / "broken.onnx").write_bytes(b"\x08\x07rubbish" * 50)
    pd.DataFrame({"x": [1]}).to_parquet(idle.root / "wrong.parquet")
    refused = idle.run(*words)
    assert refused.returncode == code, refused.stderr
    assert names in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (idle.root / "r.parquet").exists()
    assert idle.listing("sweep", "list") == []


def test_without_a_collector_the_command_says_how_to_start_one(farm: Farm) -> None:
    farm.close()
    refused = farm.run("sweep", "list")
    assert refused.returncode == 1
    assert "paretofleet up" in refused.stderr
    assert farm.address in refused.stderr
