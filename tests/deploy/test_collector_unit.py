"""The collector's unit file: systemd understands it, and what it takes away the collector does not need."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from paretofleet_collector import config

UNIT = Path(__file__).parents[2] / "deploy" / "paretofleet-collector.service"
SETTINGS = UNIT.with_name("paretofleet-collector.env")
#: What systemd calls medium begins at 5.0; its scale ends at 10.
EXPOSURE_MAX = 2.5


@pytest.fixture
def unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("NOT TRIED: systemd-analyze is not here")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    command = tmp_path / "venv" / "bin" / "paretofleet"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("@PREFIX@", str(tmp_path)))
    return path


def analyze(*words: object) -> str:
    done = subprocess.run(
        ["systemd-analyze", *map(str, words)], capture_output=True, text=True, timeout=240, check=False
    )
    return done.stdout + done.stderr


def test_systemd_understands_every_line(unit):
    # The exit code says nothing: unknown keys are reported with 0.
    assert [line for line in analyze("verify", unit).splitlines() if unit.name in line] == []


def test_little_of_the_machine_is_left_to_it(unit):
    text = analyze("security", "--offline=true", "--no-pager", unit)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
    if exposure is None:
        pytest.skip(f"NOT TRIED: this systemd-analyze judges no files ({text.strip()[:80]})")
    assert float(exposure[1]) <= EXPOSURE_MAX


def test_one_file_has_its_home_its_ports_and_every_other_key_explained(tmp_path):
    text = SETTINGS.read_text()
    (file,) = re.findall(r"^EnvironmentFile=-(\S+)$", UNIT.read_text(), re.MULTILINE)
    assert f"deploy/{SETTINGS.name} {file}" in (UNIT.parents[1] / "docs/how-to/team.md").read_text()
    assert all(f"\n#{key.variable}=" in text for key in config.KEYS)
    environ = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    fallback = re.search(r"^Environment=PARETOFLEET_COLLECTOR_HOME=(\S+)$", UNIT.read_text(), re.MULTILINE)
    assert environ == {"PARETOFLEET_COLLECTOR_HOME": fallback[1]}
    uncommented = dict(re.findall(r"^#(PARETOFLEET_\w+)=(.+)$", text, re.MULTILINE))
    assert config.load(tmp_path, {**environ, **uncommented}) == config.Config(tmp_path), (
        "defaults as they are"
    )


def test_no_secret_stands_in_it():
    for file in (UNIT, SETTINGS):
        assert not re.search(r"(?i)password=|secret_access_key=\S", file.read_text())
