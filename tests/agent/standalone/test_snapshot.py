"""A snapshot: what describes a board, nothing that names it, and the same device when read elsewhere."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from paretofleet_agent import main, sensors
from paretofleet_agent.errors import PfError
from paretofleet_agent.standalone import snapshot


def told(root):
    found, absent = sensors.find_all(root)
    rails = [(rail, new[0][1]) for sensor in found for rail, new in zip(sensor.rails(), sensor.read())]
    for sensor in found:
        sensor.close()
    return rails, absent


def unpack(archive, folder):
    with tarfile.open(archive) as packed:
        packed.extractall(str(folder))  # noqa: S202 - we made it
    return folder


@pytest.mark.parametrize(
    "name",
    [
        *("ina3221_tx1", "ina3221_tx2_l4t28", "ina3221_tx2_l4t32", "ina3221_agx_orin", "ina3221_nano_2gb"),
        *("ina3221_tx2i_foreign", "ina3221_tx1_foreign", "ina3221_thor", "ina3221_container"),
        *("hwmon_power_grace", "hwmon_power_altra", "hwmon_power_zenergy"),
        *("rapl_intel", "amdgpu_discrete", "intel_gpu_xe", "battery_power", "raspberry_pi4"),
    ],
)
def test_an_unpacked_snapshot_is_the_same_device(tree, tmp_path, name):
    root = tree(name)
    snapshot.pack(root, tmp_path / "board.tar.gz")
    copy = unpack(tmp_path / "board.tar.gz", tmp_path / "copy")
    assert told(copy) == told(root)
    assert sensors.states(copy) == sensors.states(root)


def test_a_snapshot_of_a_snapshot_is_byte_for_byte_the_same(tree, tmp_path):
    snapshot.pack(tree("ina3221_orin_nx"), tmp_path / "one.tar.gz")
    copy = unpack(tmp_path / "one.tar.gz", tmp_path / "copy")
    snapshot.pack(copy, tmp_path / "two.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


def test_nothing_in_it_names_the_machine_or_its_users(tree, tmp_path):
    root = tree("ina3221_nano")
    host = socket.gethostname()
    more = {
        "proc/cpuinfo": f"processor : 0\nHardware : tegra\nSerial\t\t: 0424018039922\nhost {host}\n",
        "proc/device-tree/serial-number": "1424019003377\0",
        "proc/device-tree/nvidia,dtsfilename": "/home/jane/kernel/tegra210-p3448-0000.dts\0",
        "sys/class/power_supply/BAT0/serial_number": "4711",
        "sys/class/power_supply/BAT0/type": "Battery",
        "sys/class/power_supply/hid-a1:b2:c3:d4:e5:f6-battery/type": "Battery",
        "sys/class/power_supply/wacom_a1:b2:c3:d4:e5:f7/type": "Battery",
        "sys/class/power_supply/mouse-4712/type": "Battery",
        "sys/class/power_supply/mouse-4712/scope": "Device",
        "sys/class/dmi/id/product_uuid": "1b2c",
        "sys/class/hwmon/hwmon9/power1_serial_number": "5813",
        "sys/class/net/eth0/address": "00:04:4b:aa:bb:cc",
        "sys/class/drm/card0/device/uevent": "DRIVER=x\nMAC=00:04:4b:aa:bb:cc\n",
        "etc/hostname": host,
    }
    for path, content in more.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    parts = {part.path: part.content for part in snapshot.pack(root, tmp_path / "board.tar.gz")}
    packed = b"\n".join((*parts.values(), *(path.encode() for path in parts)))
    for secret in (
        "0424018039922",
        "1424019003377",
        "jane",
        "4711",
        "4712",
        "1b2c",
        "5813",
        "aa:bb:cc",
        "c3:d4",
    ):
        assert secret.encode() not in packed
    assert f"host {host}".encode() not in parts["proc/cpuinfo"]
    assert "sys/class/power_supply/BAT0/type" in parts
    assert "sys/class/power_supply/hid-00:00:00:00:00:00-battery/type" in parts
    assert b"Hardware : tegra" in parts["proc/cpuinfo"]
    assert b"tegra210-p3448-0000.dts" in parts["proc/device-tree/nvidia,dtsfilename"]
    assert not any("serial" in path or "net/" in path or "hostname" in path for path in parts)


def test_times_and_owners_are_not_in_it(tree, tmp_path):
    snapshot.pack(tree("rapl_amd"), tmp_path / "board.tar.gz")
    with tarfile.open(tmp_path / "board.tar.gz") as packed:
        for member in packed.getmembers():
            assert (member.mtime, member.uid, member.uname, member.mode) == (0, 0, "", 0o644)
            assert not member.name.startswith("/")


def test_a_file_that_may_not_be_read_stays_closed(tree, tmp_path, monkeypatch):
    root = tree("rapl_amd")
    opened = Path.open

    def refuse(path, *arguments, **options):
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    parts = list(snapshot.collect(root))
    assert [part.path[-9:] for part in parts if part.content is None] == ["energy_uj", "energy_uj"]
    assert "2 of them closed to this user" in snapshot.describe(parts, tmp_path / "x")
    assert snapshot._member(next(part for part in parts if part.content is None)).mode == 0


def test_links_as_in_a_real_sys_are_followed(tree, tmp_path):
    root = tree("amdgpu_discrete")
    device = root / "sys/class/drm/card0/device"
    real = root / "sys/devices/pci0000:00/0000:03:00.0"
    real.parent.mkdir(parents=True)
    device.rename(real)
    device.symlink_to(os.path.relpath(real, device.parent))
    snapshot.pack(root, tmp_path / "board.tar.gz")
    assert told(unpack(tmp_path / "board.tar.gz", tmp_path / "copy"))[0] == told(root)[0] != []


def test_a_folder_that_is_no_device_is_refused(tmp_path):
    with pytest.raises(PfError, match="nothing that describes a board"):
        snapshot.pack(tmp_path, tmp_path / "board.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_cannot_be_written_is_a_sentence(tree, tmp_path):
    with pytest.raises(PfError, match="cannot be written: No such file or directory"):
        snapshot.pack(tree("rapl_amd"), tmp_path / "absent" / "board.tar.gz")


def test_a_snapshot_is_named_as_what_it_is(tree, tmp_path, capsys):
    assert main.main(["snapshot", "--sysroot", str(tree("rapl_amd")), "-o", str(tmp_path / "board.zip")]) == 1
    assert "board.zip is not named as what a snapshot is: let it end in .tar.gz." in capsys.readouterr().err
    assert not list(tmp_path.glob("board*"))


def test_the_command_packs_this_machine(tmp_path):
    command = [
        sys.executable,
        "-m",
        "paretofleet_agent.main",
        "snapshot",
        "-o",
        str(tmp_path / "here.tar.gz"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "here.tar.gz holds" in done.stderr
    root = unpack(tmp_path / "here.tar.gz", tmp_path / "copy")
    assert (root / "proc/cpuinfo").stat().st_size > 0
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", (root / "proc/cpuinfo").read_text())
