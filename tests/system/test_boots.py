"""A sweep over two boots of a device whose owner allows reboots."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from farm import PATIENCE_S, Farm, wait_until
from networks import convolution

pytestmark = pytest.mark.system
#: What the agent reads of a device tree; the boot id is the test's own.
REAL = ("cpuinfo", "loadavg", "meminfo", "mounts", "self", "stat", "uptime", "version")


def device_tree(root: Path) -> Path:
    """This machine, but for its boot id; returns the file that holds that."""
    (root / "proc/sys/kernel/random").mkdir(parents=True)
    for name in REAL:
        (root / "proc" / name).symlink_to(Path("/proc") / name)
    (root / "sys").symlink_to("/sys")
    boot_id = root / "proc/sys/kernel/random/boot_id"
    boot_id.write_text("boot-1\n")
    return boot_id


def allow(farm: Farm, command: str) -> None:
    (farm.root / "here").mkdir()
    settings = f"[agent]\nallow_reboot = yes\nreboot_command = {command}\n"
    (farm.root / "here" / "agent.ini").write_text(settings)


def test_the_blocks_are_spread_over_the_boots_and_the_rows_show_them(farm: Farm) -> None:
    boot_id = device_tree(farm.root / "tree")
    script = farm.root / "reboot.py"
    next_id = boot_id.with_name("next")
    next_id.write_text("boot-2\n")
    script.write_text(f"import os\nos.replace({str(next_id)!r}, {str(boot_id)!r})\n")
    allow(farm, f"{sys.executable} {script}")
    options = ("--sysroot", str(farm.root / "tree"))
    agent = farm.start_agent("here", *options)
    farm.command("models", "add", convolution(farm.root / "net.onnx"))
    spec = farm.root / "spread.yaml"
    spec.write_text("{models: [net], protocol: quick, repeats: {min: 4, max: 4, boots: 2}}")
    farm.command("sweep", "submit", spec)
    wait_until(lambda: boot_id.read_text() == "boot-2\n", "the reboot command")
    said = "waiting for a reboot of here: 2 of 4 blocks are done within this boot"
    assert said in farm.command("sweep", "show", "spread")
    agent.terminate()
    assert agent.wait(PATIENCE_S) == 0
    farm.start_agent("here", *options)
    wait_until(lambda: farm.has_ended("spread"), "the end of the sweep")
    farm.command("report", "pull", "spread", "-o", farm.root / "report.parquet")
    (row,) = pd.read_parquet(farm.root / "report.parquet").itertuples()
    assert list(row.run_boots) == ["boot-1", "boot-1", "boot-2", "boot-2"]
    assert "within_one_boot" not in row.flags


def test_a_device_that_may_not_reboot_runs_within_one_boot_and_says_so(farm: Farm) -> None:
    farm.start_agent("tx2", "--simulate", "jetson-tx2")
    farm.command("models", "add", convolution(farm.root / "net.onnx"))
    spec = farm.root / "spread.yaml"
    spec.write_text("{models: [net], protocol: quick, repeats: {min: 3, max: 3, boots: 3}}")
    watched = farm.run("sweep", "submit", spec, "--watch")
    assert watched.returncode == 0, watched.stderr
    assert "tx2 does not allow reboots, so its blocks run within one boot" in watched.stderr
    shown = json.loads(farm.command("sweep", "show", "spread", "-o", "json"))
    assert shown["spec"]["repeats"]["boots"] == 3
    ranked = farm.command("rank", "spread", "--objective", "batch_latency_mean_s")
    assert "boots: 1 (within one boot, though more were asked for)" in ranked


def test_an_agent_whose_reboot_command_fails_says_so_and_serves_on_in_the_same_boot(farm: Farm) -> None:
    allow(farm, "false")
    farm.start_agent("here")
    farm.command("models", "add", convolution(farm.root / "net.onnx"))
    spec = farm.root / "spread.yaml"
    spec.write_text("{models: [net], protocol: quick, repeats: {min: 2, max: 2, boots: 2}}")
    farm.command("sweep", "submit", spec)
    wait_until(lambda: farm.has_ended("spread"), "the end of the sweep")
    assert "The device was not rebooted: `false` ended with 1" in farm.log("here")
    farm.command("report", "pull", "spread", "-o", farm.root / "report.parquet")
    (row,) = pd.read_parquet(farm.root / "report.parquet").itertuples()
    assert row.runs == 2
    assert "within_one_boot" in row.flags
