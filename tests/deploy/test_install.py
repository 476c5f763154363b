"""The way onto a board: a bundle, installed without an index by CPython 3.8, and its systemd unit."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def python_3_8():
    """An interpreter that runs: a shim on the PATH may only say that it would, were a version chosen."""
    found = ["sh", str(ROOT / "scripts" / "find_python.sh"), "3.8"]
    return subprocess.run(found, capture_output=True, text=True, check=False).stdout.strip() or None


PYTHON = python_3_8()
needs_38 = pytest.mark.skipif(PYTHON is None, reason="NOT TRIED: no CPython 3.8 was found on this machine")
needs_x86 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the bundle of this test is for x86_64")


def install(bundle, *arguments):
    # Without a way out: neither an index nor a proxy, whatever this machine is set up with.
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "PIP_INDEX_URL": "http://127.0.0.1:1/",
    }
    command = ["sh", str(bundle / "install.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=variables)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = ["bash", str(DEPLOY / "bundle.sh"), "--out", str(out), "--only", "cp38-x86_64"]
    try:
        done = subprocess.run(
            [*command, "--without-onnxruntime"], capture_output=True, text=True, timeout=240, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("NOT TRIED: the wheels could not be fetched within 240 s")
    if done.returncode:
        pytest.skip(f"NOT TRIED: the wheels cannot be fetched here: {done.stderr.strip().splitlines()[-1]}")
    return out / "paretofleet-agent-bundle"


@needs_38
@needs_x86
def test_the_bundle_installs_on_python_3_8_without_an_index(bundle, tmp_path):
    arguments = ("--python", PYTHON, "--without-onnxruntime", "--prefix", str(tmp_path / "opt"))
    done = install(bundle, *arguments, "--no-systemd", "--name", "tx2-1", "--class", "jetson-tx2")
    assert done.returncode == 0, done.stderr
    assert "run --collector 127.0.0.1:7411 --name tx2-1 --class jetson-tx2" in done.stdout
    agent = tmp_path / "opt" / "venv" / "bin" / "paretofleet-agent"
    status = subprocess.run(
        [agent, "status", "--home", tmp_path / "home"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (status.returncode, status.stderr) == (0, "")
    versions = subprocess.run(
        [
            agent.parent / "python",
            "-W",
            "error",
            "-c",
            "import sys, grpc, paretofleet_agent.uplink.client; print(sys.version)",
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert versions.stdout.startswith("3.8."), versions.stderr

    first = (tmp_path / "opt" / "venv").resolve()
    again = install(bundle, *arguments, "--no-systemd")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "opt" / "venv").resolve() != first
    assert sorted(path.name for path in (tmp_path / "opt").iterdir()) == sorted(
        ["venv", (tmp_path / "opt" / "venv").resolve().name]
    )


@needs_38
@needs_x86
def test_the_unit_is_one_that_systemd_understands(bundle, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("NOT TRIED: systemd-analyze is not here")
    done = install(
        bundle,
        *("--python", PYTHON, "--without-onnxruntime", "--prefix", str(tmp_path / "opt")),
        *("--unit-dir", str(tmp_path / "unit"), "--name", "tx2-1", "--collector", "10.1.2.3:7411"),
    )
    assert done.returncode == 0, done.stderr
    unit = tmp_path / "unit" / "paretofleet-agent.service"
    text = unit.read_text()
    assert "@" not in text.replace("between @ signs", "")
    assert "Environment=PARETOFLEET_AGENT_COLLECTOR=10.1.2.3:7411" in text
    verified = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=240, check=False
    )
    # The exit code says nothing: unknown keys are reported with 0.
    complaints = [line for line in (verified.stdout + verified.stderr).splitlines() if unit.name in line]
    assert complaints == []


@needs_38
@needs_x86
def test_a_dry_run_changes_nothing(bundle, tmp_path):
    done = install(bundle, "--dry-run", "--python", PYTHON, "--prefix", str(tmp_path / "opt"))
    assert done.returncode == 0, done.stderr
    assert "would run: systemctl restart paretofleet-agent.service" in done.stdout
    assert list(tmp_path.iterdir()) == []


@needs_x86
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--python", "no-such-python"), "not a Python that runs"),
        (("--python", "/bin/false"), "sudo apt install python3.8 python3.8-venv"),
        (("--name", "two words"), "--name 'two words' may hold letters"),
        (("--collector", "$(reboot):1"), "--collector"),
        (("--prefix", "relative/path"), "absolute path"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(bundle, tmp_path, arguments, says):
    done = install(bundle, "--no-systemd", "--prefix", str(tmp_path / "opt"), *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "opt").exists()


@needs_38
@needs_x86
def test_a_damaged_bundle_is_not_installed(bundle, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    wheel = next((copy / "wheels" / "cp38").glob("psutil-*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:-1] + b"?")
    arguments = (
        "--python",
        PYTHON,
        "--no-systemd",
        "--without-onnxruntime",
        "--prefix",
        str(tmp_path / "opt"),
    )
    done = install(copy, *arguments)
    assert done.returncode == 1
    assert "the bundle is damaged" in done.stderr
    assert not (tmp_path / "opt").exists()


def test_the_scripts_are_clean():
    if shutil.which("shellcheck") is None:
        pytest.skip("NOT TRIED: shellcheck is not here")
    done = subprocess.run(
        ["shellcheck", DEPLOY / "install.sh", DEPLOY / "bundle.sh"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
