"""A run starts as cool as the first of its sweep, or says that it did not."""

from __future__ import annotations

import dataclasses

import pytest
from paretofleet_agent import simulate
from paretofleet_agent.device.clock import VirtualClock
from paretofleet_agent.device.host import RealHost
from paretofleet_agent.errors import Stopped
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.measure.cool_down import (
    LOOK_S,
    TOLERANCE_C,
    TOO_WARM,
    CoolDown,
    cool_down,
    wait_until_cool,
)

ZONE = "sys/class/thermal/thermal_zone{}/{}"


class Falling:
    """Degrees on a virtual clock: 1 C less every 2 s, from `start_c`."""

    def __init__(self, start_c, clock):
        self.start_c, self.clock = start_c, clock

    def __call__(self):
        return self.start_c - self.clock.now_ns() / 1e9 / 2


def never():
    return False


def test_the_first_run_of_a_sweep_sets_the_temperature_and_waits_for_nothing():
    clock = VirtualClock(0)
    assert cool_down(Falling(71.0, clock), None, 60.0, clock, never) == CoolDown(71.0, 71.0, 71.0, 0.0)


def test_a_warmer_run_waits_until_it_is_within_two_degrees_and_no_longer():
    clock = VirtualClock(0)
    waited = cool_down(Falling(60.0, clock), 50.0, 60.0, clock, never)
    assert waited.waited_s == 16.0
    assert waited.after_c == 50.0 + TOLERANCE_C
    assert not waited.gave_up


def test_a_cooler_run_starts_at_once():
    clock = VirtualClock(0)
    assert cool_down(Falling(30.0, clock), 50.0, 60.0, clock, never).waited_s == 0.0


def test_the_wait_has_an_end_and_the_run_says_that_it_started_warm():
    clock = VirtualClock(0)
    waited = cool_down(lambda: 80.0, 50.0, 7.5, clock, never)
    assert waited == CoolDown(50.0, 80.0, 80.0, 7.5)
    assert waited.gave_up


def test_a_zone_that_disappears_ends_the_wait_without_a_claim():
    clock, readings = VirtualClock(0), [80.0, None]
    waited = cool_down(lambda: readings.pop(0), 50.0, 60.0, clock, never)
    assert (waited.after_c, waited.waited_s, waited.gave_up) == (None, LOOK_S, True)
    assert cool_down(lambda: None, 50.0, 60.0, clock, never) is None


def test_told_to_end_it_waits_no_longer():
    clock = VirtualClock(0)
    assert cool_down(lambda: 80.0, 50.0, 60.0, clock, lambda: True).waited_s == 0.0


@pytest.fixture
def zones(tmp_path):
    """A device tree with two zones and a placeholder; returns how to heat the second one."""

    def heat(degrees):
        for number, name, value in (
            (0, "CPU-therm", 40.0),
            (1, "GPU-therm", degrees),
            (2, "PMIC-Die", 100.0),
        ):
            for key, content in (("type", name), ("temp", str(int(value * 1000)))):
                path = tmp_path / ZONE.format(number, key)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content + "\n")
        return tmp_path

    return heat


def test_the_hottest_zone_is_looked_at_and_every_sweep_has_its_own_start(zones, here, kit):
    device = dataclasses.replace(here, sysroot=zones(45.0), start_temperatures_c={})
    host = RealHost(device.sysroot, (0,), "cpu", VirtualClock(0))
    assert host.temperature_c() == 45.0
    limits = dataclasses.replace(kit.QUICK, cool_max_s=3.0)
    lease = kit.lease_of(limits=limits)
    assert wait_until_cool(device, lease, host, never) == CoolDown(45.0, 45.0, 45.0, 0.0)
    zones(52.0)
    assert wait_until_cool(device, lease, host, never) == CoolDown(45.0, 52.0, 52.0, 3.0)
    other = dataclasses.replace(lease, sweep_name="other")
    assert wait_until_cool(device, other, host, never) == CoolDown(52.0, 52.0, 52.0, 0.0)


def test_a_device_without_zones_has_no_gate(tmp_path, here, kit):
    device = dataclasses.replace(here, sysroot=tmp_path)
    lease = kit.lease_of(limits=dataclasses.replace(kit.QUICK, cool_max_s=3.0))
    host = RealHost(tmp_path, (0,), "cpu", VirtualClock(0))
    assert wait_until_cool(device, lease, host, never) is None


def run(kit, device, watch, *, cool_max_s, block=1):
    samples = kit.Samples()
    limits = dataclasses.replace(kit.QUICK, cool_max_s=cool_max_s)
    lease = kit.lease_of(size_bytes=5_000_000, limits=limits, block=block)
    return measure(lease, None, samples, watch, device), samples


def test_a_simulated_run_cools_down_first_on_its_virtual_clock_and_says_so(kit, tx2):
    watch = kit.Watch()
    outcome, samples = run(kit, tx2, watch, cool_max_s=60.0)
    told = outcome.facts["cool_down"]
    assert watch.phases[0] == "cool_down"
    assert told["reference_c"] == simulate.REST_C
    assert told["after_c"] <= simulate.REST_C + TOLERANCE_C < told["before_c"]
    assert TOO_WARM not in outcome.facts["flags"]
    begin_ns = samples.columns("marks")[0][0]
    assert begin_ns == samples.columns("power:sim/VDD_IN")[0][0], "no power is read while it cools down"
    at_once, plain = run(kit, tx2, kit.Watch(), cool_max_s=0.0)
    assert "cool_down" not in at_once.facts
    assert begin_ns - plain.columns("marks")[0][0] == round(told["waited_s"] * 1e9)
    assert samples.columns("iterations")[1] == plain.columns("iterations")[1], "it changes when, not what"


def test_a_run_that_starts_warm_for_all_the_waiting_is_flagged(kit, tx2):
    outcome, _ = run(kit, tx2, kit.Watch(), cool_max_s=1.0)
    assert TOO_WARM in outcome.facts["flags"]
    assert outcome.facts["cool_down"]["waited_s"] == 1.0


def test_an_attempt_that_is_told_to_end_while_it_cools_down_ends(kit, tx2):
    with pytest.raises(Stopped):
        run(kit, tx2, kit.Watch(stop_in="cool_down"), cool_max_s=60.0)


def test_a_real_run_waits_before_its_first_sample_and_its_time_limit(zones, here, model, kit):
    pytest.importorskip("onnxruntime")
    device = dataclasses.replace(here, sysroot=zones(45.0), start_temperatures_c={})
    limits = dataclasses.replace(kit.QUICK, cool_max_s=1.0)
    first = measure(kit.lease_of(model, limits=limits), model, kit.Samples(), kit.Watch(), device)
    assert first.facts["cool_down"] == dataclasses.asdict(CoolDown(45.0, 45.0, 45.0, 0.0))
    zones(60.0)
    watch = kit.Watch()
    later = measure(kit.lease_of(model, limits=limits, block=2), model, kit.Samples(), watch, device)
    assert later.ok, later.message
    assert watch.phases[:2] == ["cool_down", "load"]
    assert later.facts["cool_down"]["waited_s"] >= 1.0
    assert later.facts["readings_before"]["temperatures_c"]["thermal_zone1:GPU-therm"] == 60.0
    assert TOO_WARM in later.facts["flags"]
