"""Sensors that are files: AMD and Intel GPUs, and the Raspberry Pi that has none."""

from __future__ import annotations

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
