"""The sampler says how often it really read, what it missed and what failed."""

from __future__ import annotations

import dataclasses
import time

from paretofleet_agent.attempt import measure
from paretofleet_agent.probe import look
from paretofleet_agent.sampler import SensorRecorder
from paretofleet_agent.sensors._protocol import INSTANT, Rail


class Flaky:
    """A sensor of two rails; every third read of the second one fails."""

    def __init__(self, slow_s=0.0):
        self.count, self.slow_s = 0, slow_s

    def rails(self):
        return [Rail(source="x", rail=name, scope="module", kind=INSTANT) for name in ("a", "b")]

    def read(self):
        self.count += 1
        time.sleep(self.slow_s)
        now_ns = time.perf_counter_ns()
        return [[(now_ns, 1)], None if self.count % 3 == 0 else [(now_ns, 2)]]

    def close(self):
        pass


def test_failures_are_counted_by_rail():
    recorder = SensorRecorder([Flaky()], 0.01)
    for _ in range(9):
        recorder.tick()
    report = recorder.report()
    assert report["reads"] == 9
    assert report["failed"] == {"power:x/b": 3}
    assert report["period_s"] == 0.01
    (first, _), (second, _) = recorder.take({})
    assert (len(first), len(second)) == (10, 7)


def test_a_sensor_that_takes_longer_than_the_rhythm_shows_as_missed_reads():
    recorder = SensorRecorder([Flaky(slow_s=0.05)], 0.01)
    for _ in range(4):
        recorder.tick()
    report = recorder.report()
    assert report["missed"] >= 12
    assert report["longest_gap_s"] >= 0.05


def test_a_run_keeps_it_as_samples_and_as_a_fact_and_a_dead_counter_costs_no_time(kit, model, tmp_path):
    """The counters of a copied tree stand still: nothing converges, and nothing is waited for."""
    device = look(kit.unpack_tree("rapl_intel", tmp_path / "root"), None, 1, {})
    samples, limits = kit.Samples(), dataclasses.replace(kit.QUICK, is_short=False, warm_up_max_s=0.2)
    begin_s = time.monotonic()
    outcome = measure(kit.lease_of(model, limits=limits), model, samples, kit.Watch(), device)
    assert outcome.ok, outcome.message
    assert time.monotonic() - begin_s < 20
    report = outcome.facts["sampler"]
    assert report["reads"] > 20
    assert report["failed"] == {}
    assert outcome.facts["energy_window"]["uncertainty"] is None
    assert "energy_not_converged" not in outcome.facts["flags"]
    assert any(schema == "state/1" for _, schema, _, _ in samples.puts)
