from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from paretofleet_agent.device.host_lock import host_lock
from paretofleet_agent.errors import HomeError
from paretofleet_agent.uplink import identity


def test_the_id_lasts_and_each_start_counts(tmp_path):
    first, second = identity.start(tmp_path, "boot"), identity.start(tmp_path, "boot")
    assert first.device_id == second.device_id
    assert (first.instance, second.instance) == (1, 2)
    assert first.session_id != second.session_id
    assert first.boot_id == second.boot_id != ""


def test_two_homes_are_two_devices(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert (
        identity.start(tmp_path / "a", "boot").device_id != identity.start(tmp_path / "b", "boot").device_id
    )


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"device_id": 3, "instance": 1}', '{"device_id": "x"}', "\x00"]
)
def test_a_damaged_identity_is_not_replaced_by_a_new_one(tmp_path, text):
    (tmp_path / "identity.json").write_text(text)
    with pytest.raises(HomeError, match=r"identity\.json is damaged: .* remove it"):
        identity.start(tmp_path, "boot")
    assert (tmp_path / "identity.json").read_text() == text


def test_two_agents_cannot_share_a_home(tmp_path):
    home = tmp_path / "home"
    with identity.home_lock(home):
        assert identity.holder(home) == os.getpid()
        with pytest.raises(
            HomeError, match=rf"process id {os.getpid()} uses .* --home DIR"
        ), identity.home_lock(home):
            pass
    assert identity.holder(home) is None
    with identity.home_lock(home):
        pass


def test_the_locks_end_with_a_killed_agent(tmp_path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from paretofleet_agent.device import host_lock; from paretofleet_agent.uplink import identity\n"
        "home = Path(sys.argv[1])\n"
        "with identity.home_lock(home), host_lock.host_lock(home): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    assert identity.holder(tmp_path) == process.pid
    with host_lock(tmp_path, stopped=lambda: True) as mine:
        assert not mine
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert identity.holder(tmp_path) is None
    with host_lock(tmp_path) as mine:
        assert mine


def test_a_host_lock_that_cannot_be_is_one_sentence(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(HomeError, match=r"No such file.*lock_dir under \[host\]"), host_lock(missing):
        pass


def test_a_symbolic_link_in_the_lock_folder_is_not_followed(tmp_path):
    (tmp_path / "paretofleet.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(HomeError), host_lock(tmp_path):
        pass
    assert not (tmp_path / "victim").exists()
