"""Sensors that are files: AMD and Intel GPUs, and the Raspberry Pi that has none."""

from __future__ import annotations

import pytest
from paretofleet_agent import sensors
from paretofleet_agent.sensors import amdgpu, intel_gpu, raspberry


def told(sensor):
    """rail: (scope, kind, primary, value)."""
    found = {
        rail.rail: (rail.scope, rail.kind, rail.primary, new[-1][1])
        for rail, new in zip(sensor.rails(), sensor.read())
    }
    sensor.close()
    return found


def limits(find_result):
    """The limits in watts of all rails that were found."""
    watts = set()
    for sensor in find_result[0]:
        watts |= {rail.max_power_w for rail in sensor.rails()}
        sensor.close()
    return watts


def test_an_amd_card_gives_the_power_of_its_chip_in_microwatts(tree):
    (sensor,), absent = amdgpu.find(tree("amdgpu_discrete"))
    assert {rail.target_id for rail in sensor.rails()} == {"0000:03:00.0"}
    assert told(sensor) == {
        "0000:03:00.0-average": ("gpu-chip", "boxcar", False, 87_000_000),
        "0000:03:00.0-input": ("gpu-chip", "instant", True, 91_000_000),
    }
    assert absent == []


def test_an_apu_includes_its_cpu_and_says_so_by_its_scope(tree):
    (sensor,), _ = amdgpu.find(tree("amdgpu_apu"))
    assert told(sensor) == {"0000:04:00.0-average": ("apu", "boxcar", True, 9_000_000)}


def test_an_mi300a_is_a_socket_though_it_has_no_voltage_of_an_apu(tree):
    root = tree("amdgpu_mi300a")
    (sensor,), _ = amdgpu.find(root)
    assert sensor.rails()[0].target_id is None
    assert told(sensor) == {"0000:01:00.0-input": ("apu", "instant", True, 213_000_000)}


@pytest.mark.parametrize(("device", "scope"), [("74A0", "apu"), ("74A1", "gpu-chip")])
def test_the_pci_device_tells_an_mi300a_from_an_mi300x(tree, device, scope):
    root = tree("amdgpu_mi300a")
    uevent = root / "sys/class/drm/card1/device/uevent"
    uevent.write_text(f"DRIVER=amdgpu\nPCI_ID=1002:{device}\nPCI_SLOT_NAME=0000:01:00.0\n")
    (sensor,), _ = amdgpu.find(root)
    assert [scope for scope, *_ in told(sensor).values()] == [scope]


def test_the_limit_in_force_is_a_fact_of_each_rail(tree):
    assert limits(amdgpu.find(tree("amdgpu_discrete"))) == {327.0}
    assert limits(amdgpu.find(tree("amdgpu_apu"))) == {None}


def test_the_limit_of_an_intel_card_holds_for_its_chip(tree):
    assert limits(intel_gpu.find(tree("intel_gpu_i915"))) == {190.0}
    root = tree("intel_gpu_xe")
    hwmon = root / "sys/class/drm/card0/device/hwmon/hwmon2"
    (hwmon / "power1_max").write_text("0\n")
    assert limits(intel_gpu.find(root)) == {None}, "0 is a limit that is switched off"
    (hwmon / "power1_max").write_text("190000000\n")
    (hwmon / "power1_cap").write_text("228000000\n")
    assert limits(intel_gpu.find(root)) == {228.0}
    (hwmon / "power2_max").write_text("150000000\n")
    assert limits(intel_gpu.find(root)) == {228.0, 150.0}


@pytest.mark.parametrize("content", ["12_34", "1e3", "0x1f", "87 W", ""])
def test_what_is_no_whole_number_is_no_reading(tree, content):
    root = tree("amdgpu_apu")
    (root / "sys/class/drm/card1/device/hwmon/hwmon5/power1_average").write_text(f"{content}\n")
    sensors_found, (absent,) = amdgpu.find(root)
    assert sensors_found == []
    assert f"says '{content}'" in absent.why


def test_a_name_with_odd_bytes_is_another_chip(tree):
    root = tree("amdgpu_apu")
    (root / "sys/class/drm/card1/device/hwmon/hwmon5/name").write_bytes(b"amdgpu\xe9\n")
    assert "no AMD GPU" in amdgpu.find(root)[1][0].why


def test_an_arc_card_gives_its_energy_once(tree):
    (sensor,), absent = intel_gpu.find(tree("intel_gpu_i915"))
    assert sensor.rails()[0].schema == "energy/1"
    assert told(sensor) == {"0000:03:00.0-card": ("gpu-board", "counter", True, 123_456_789)}
    assert absent == []


def test_xe_gives_the_card_and_its_chip(tree):
    (sensor,), _ = intel_gpu.find(tree("intel_gpu_xe"))
    assert told(sensor) == {
        "0000:03:00.0-card": ("gpu-board", "counter", True, 5_000_000_000),
        "0000:03:00.0-pkg": ("part", "counter", False, 3_000_000_000),
    }


def test_a_raspberry_pi_says_plainly_that_it_has_no_current_sensor(tree):
    found, (absent,) = raspberry.find(tree("raspberry_pi4"))
    assert found == []
    assert "no current sensor" in absent.why
    assert "meter" in absent.fix
    assert sensors.find_all(tree("raspberry_pi4"))[0] == []


def test_other_machines_hear_nothing_of_the_raspberry_pi(tree):
    assert raspberry.find(tree("rapl_amd")) == ([], [])


def test_the_bits_of_a_raspberry_pi_become_flags(tree):
    state = sensors.states(tree("raspberry_pi4"))
    assert state == {"raspberry": {"now": ["frequency_capped"], "since_boot": ["under_voltage", "throttled"]}}
    calm = {"raspberry": raspberry.parse("0")}
    assert sensors.flags(calm, calm) == []
    assert sensors.flags(state, state) == ["frequency_capped"]
    assert sensors.flags(calm, {"raspberry": raspberry.parse("80000")}) == ["thermally_limited"]
    assert sensors.flags(calm, {"raspberry": raspberry.parse("10000")}) == ["under_voltage"]


def test_rubbish_bits_say_nothing():
    assert raspberry.parse("throttled") == {}
