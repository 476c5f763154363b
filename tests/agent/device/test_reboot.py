"""Rebooting by the owner's command, and going on where the device stays up."""

from __future__ import annotations

import dataclasses
import logging
import signal
import sys

from paretofleet_agent.device.reboot import reboot
from paretofleet_agent.hardware import environment
from paretofleet_agent.uplink import identity


def test_the_command_runs_and_the_agent_waits_to_be_ended(tmp_path):
    mark = tmp_path / "rebooted"
    code = f"import os, signal; open({str(mark)!r}, 'w'); os.kill(os.getppid(), signal.SIGTERM)"
    before = signal.getsignal(signal.SIGTERM)
    assert reboot([sys.executable, "-c", code], down_s=60)
    assert mark.exists()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_command_that_fails_or_is_absent_is_named(caplog):
    caplog.set_level(logging.ERROR)
    assert not reboot([sys.executable, "-c", "import sys; sys.exit('no right to')"])
    assert "ended with 1 (no right to)" in caplog.text
    assert not reboot(["no-such-command"])
    assert "`no-such-command` failed (No such file or directory)" in caplog.text


def test_a_device_that_stays_up_is_noticed(caplog):
    assert not reboot(["true"], down_s=0.2)
    assert "did not go down within 0.2 s" in caplog.text


def test_the_boot_is_that_of_the_device_tree(tmp_path):
    file = tmp_path / "proc/sys/kernel/random/boot_id"
    file.parent.mkdir(parents=True)
    file.write_text("first\n")
    assert environment.boot_id(tmp_path) == "first"
    assert identity.start(tmp_path, environment.boot_id(tmp_path)).boot_id == "first"


def test_a_device_that_hides_its_boot_is_in_one_boot_as_long_as_its_agent_runs(tmp_path, here):
    hidden = environment.boot_id(tmp_path / "nothing")
    assert hidden == environment.boot_id(tmp_path) != ""
    assert dataclasses.replace(here, sysroot=tmp_path).boot_id == hidden


def test_a_simulated_device_is_in_the_boot_of_its_machine(tx2, here):
    assert tx2.boot_id == here.boot_id
