"""The temperature that heartbeats carry: read beside the work, absent where there is none, never awaited."""

from __future__ import annotations

import os
import time

from paretofleet_agent.device.thermometer import Thermometer


def zone(sysroot, number, millidegrees, kind="cpu-thermal"):
    folder = sysroot / f"sys/class/thermal/thermal_zone{number}"
    folder.mkdir(parents=True)
    (folder / "type").write_text(kind)
    (folder / "temp").write_text(str(millidegrees))
    return folder / "temp"


def read(thermometer, seconds=60.0):
    """The first reading that comes, asked for as heartbeats do."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        newest_c = thermometer.newest_c()
        if newest_c is not None:
            return newest_c
        time.sleep(0.01)
    return None


def test_it_is_that_of_the_hottest_zone(tmp_path):
    zone(tmp_path, 0, 41_000)
    zone(tmp_path, 1, 61_500, "gpu-thermal")
    assert read(Thermometer(tmp_path)) == 61.5


def test_a_machine_without_a_zone_has_none(tmp_path):
    assert read(Thermometer(tmp_path), 0.2) is None


def test_a_driver_that_hangs_keeps_nobody_waiting(tmp_path):
    path = zone(tmp_path, 0, 41_000)
    path.unlink()
    os.mkfifo(path)
    thermometer = Thermometer(tmp_path)
    assert thermometer.newest_c() is None
    assert read(thermometer, 0.2) is None
    with path.open("w") as writer:
        writer.write("52000")
    assert read(thermometer) == 52.0, "once the driver answers"
