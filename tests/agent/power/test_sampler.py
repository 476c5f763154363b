"""Each sensor is read at its own rhythm; the sampler says how often it really read, missed and failed."""

from __future__ import annotations

import dataclasses
import time

from paretofleet_agent.device.probe import probe_device
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.power.polling import failing, slowest_share
from paretofleet_agent.power.sampler import SensorRecorder
from paretofleet_agent.sensors.protocol import BOXCAR, COUNTER, INSTANT, Rail

MS = 10**6


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self):
        self.now_ns = 5_000 * MS

    def __call__(self):
        return self.now_ns


class Timed:
    """A sensor that remembers when it was read, in ms."""

    def __init__(self, clock, kind, period_s, *, takes_ms=0):
        self._clock, self._takes_ms, self.read_ms = clock, takes_ms, []
        self.rail = Rail("x", f"{kind} {period_s}", "module", kind, period_s=period_s)

    def rails(self):
        return [self.rail]

    def read(self):
        self.read_ms.append(self._clock.now_ns / MS - 5_000)
        self._clock.now_ns += self._takes_ms * MS
        return [[(self._clock.now_ns, 1)]]


def play(recorder, clock, seconds):
    end_ns = clock.now_ns + seconds * 1_000 * MS
    while clock.now_ns + recorder.wait_s() * 1e9 < end_ns:
        clock.now_ns += round(recorder.wait_s() * 1e9)
        recorder.tick()


def gaps(times):
    return {round(after - before) for before, after in zip(times, times[1:])}


def test_each_sensor_is_read_twice_in_its_period_and_a_counter_twenty_times_a_second():
    clock = Clock()
    fast, slow = Timed(clock, BOXCAR, 0.03), Timed(clock, BOXCAR, 0.4224)
    meter, counter = Timed(clock, BOXCAR, 1.0), Timed(clock, COUNTER, 0.001)
    recorder = SensorRecorder([fast, slow, meter, counter], clock=clock)
    play(recorder, clock, 2)
    assert gaps(fast.read_ms) == {15}
    assert gaps(slow.read_ms) == gaps(meter.read_ms) == {200}
    assert gaps(counter.read_ms) == {50}
    assert [rail["read_s"] for rail in recorder.facts()] == [0.015, 0.2, 0.2, 0.05]
    assert [one["reads"] for one in recorder.report()["sensors"]] == [134, 10, 10, 40]
    assert recorder.report()["missed"] == 0


def test_what_was_measured_of_a_sensor_decides_and_one_rate_for_all_decides_above_it():
    clock = Clock()
    sensor = Timed(clock, BOXCAR, 0.4)
    measured = {sensor.rail.stream: {"period_s": 0.06, "polling_s": 0.03}}
    play(SensorRecorder([sensor], None, measured, clock), clock, 1)
    assert gaps(sensor.read_ms) == {30}
    sensor.read_ms.clear()
    play(SensorRecorder([sensor], 0.2, measured, clock), clock, 1)
    assert gaps(sensor.read_ms) == {200}


def test_what_converts_when_it_is_read_is_read_at_random_once_in_every_twentieth_of_a_second():
    """On a strict grid it would see work of 50 ms at the same place for ever."""
    clock = Clock()
    sensor = Timed(clock, INSTANT, 0.00084)
    recorder = SensorRecorder([sensor], clock=clock)
    play(recorder, clock, 20)
    cells = [int(t // 50) for t in sensor.read_ms]
    assert cells == list(range(len(cells)))
    places = [t % 50 / 50 for t in sensor.read_ms]
    assert [round(sum(low <= at < low + 0.25 for at in places) / 100) for low in (0, 0.25, 0.5, 0.75)] == [
        1
    ] * 4
    assert recorder.report()["missed"] == 0
    assert recorder.facts()[0]["read_spread"]
    assert not SensorRecorder([Timed(clock, INSTANT, 0.1)], clock=clock).facts()[0]["read_spread"]


def test_a_slow_sensor_misses_its_own_reads_and_the_report_says_whose():
    clock = Clock()
    fast, slow = Timed(clock, COUNTER, 0.001), Timed(clock, BOXCAR, 0.02, takes_ms=35)
    recorder = SensorRecorder([fast, slow], clock=clock)
    play(recorder, clock, 2)
    counted, averaged = recorder.report()["sensors"]
    assert averaged["streams"] == [slow.rail.stream]
    assert averaged["missed"] >= 2 * averaged["reads"]
    assert slowest_share(recorder.report()) > 0.6
    assert averaged["longest_gap_s"] >= 0.035
    assert counted["longest_gap_s"] < 0.11


def test_taking_the_samples_reads_once_more_and_keeps_the_rhythm():
    clock = Clock()
    sensor = Timed(clock, COUNTER, 0.001)
    recorder = SensorRecorder([sensor], clock=clock)
    play(recorder, clock, 1)
    clock.now_ns += 20 * MS
    recorder.take({})
    play(recorder, clock, 1)
    assert gaps(sensor.read_ms) == {50, 20, 30}


def test_what_converts_when_it_is_read_is_not_read_between_two_blocks():
    """The runner waits there: a reading of that moment in every block would be 4 % of all of them."""
    clock = Clock()
    instant, counter = Timed(clock, INSTANT, 0.00084), Timed(clock, COUNTER, 0.001)
    recorder = SensorRecorder([instant, counter], clock=clock)
    play(recorder, clock, 1)
    before = len(instant.read_ms), len(counter.read_ms)
    (times, _), (counted, _) = recorder.take({})
    assert (len(instant.read_ms), len(counter.read_ms)) == (before[0], before[1] + 1)
    assert (len(times), len(counted)) == (before[0], before[1] + 1)


class Flaky:
    """A sensor of two rails; every third read of the second one fails."""

    def __init__(self, slow_s=0.0):
        self.count, self.slow_s = 0, slow_s

    def rails(self):
        return [Rail(source="x", rail=name, scope="module", kind=BOXCAR) for name in ("a", "b")]

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
    assert failing(report) == {"power:x/b": (3, 9)}
    assert report["sensors"][0]["period_s"] == 0.01
    (first, _), (second, _) = recorder.take({})
    assert (len(first), len(second)) == (10, 7)


def test_a_value_of_more_than_64_bits_is_a_failure_and_ends_nothing():
    clock = Clock()
    sensor = Timed(clock, BOXCAR, 0.4)
    sensor.read = lambda: [[(clock.now_ns, 2**63), (clock.now_ns, 5)]]
    recorder = SensorRecorder([sensor], clock=clock)
    recorder.tick()
    assert recorder.report()["failed"] == {sensor.rail.stream: 1}
    ((_, values),) = recorder.take({})
    assert set(values) == {5}


def test_a_sensor_that_takes_longer_than_the_rhythm_shows_as_missed_reads():
    recorder = SensorRecorder([Flaky(slow_s=0.05)], 0.01)
    for _ in range(4):
        recorder.tick()
    report = recorder.report()
    assert report["missed"] >= 9
    assert report["sensors"][0]["longest_gap_s"] >= 0.05


def test_a_run_keeps_it_as_samples_and_as_a_fact_and_a_dead_counter_costs_no_time(kit, model, tmp_path):
    """The counters of a copied tree stand still: nothing converges, and nothing is waited for."""
    device = probe_device(kit.unpack_tree("rapl_intel", tmp_path / "root"), None, {})
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
