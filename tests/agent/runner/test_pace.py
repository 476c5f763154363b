"""Items by the clock: when each is due, what a late one does, and that no queue grows without end."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
from paretofleet_agent.runner import loop, serve
from paretofleet_agent.runner.pace import QUEUE_NS_MAX, SPIN_SHARE_MAX, Pace

MS = 10**6


class Device:
    """A clock that stands still but for waits and work; `taken_ns`: what each item takes."""

    def __init__(self, *taken_ns: int) -> None:
        self.now_ns = 1000 * MS
        self._taken_ns = itertools.cycle(taken_ns)

    def clock(self) -> int:
        return self.now_ns

    def wait(self, due_ns: int) -> None:
        self.now_ns = max(self.now_ns, due_ns)

    def step(self, _feed: None) -> None:
        self.now_ns += next(self._taken_ns)

    def paced(self, pace: Pace, seconds: float, max_iterations: int = 10**9):
        """The times of a block, in ns since the clock's start, and its durations."""
        starts, durations = loop.paced(
            self.step, itertools.repeat(None), self.clock, None, pace,
            seconds=seconds, max_iterations=max_iterations,
        )  # fmt: skip
        return [start - 1000 * MS for start in starts], durations


def test_items_begin_when_they_are_due_and_blocks_keep_the_grid():
    device = Device(30 * MS)
    pace = Pace(10, 1, device.clock, device.wait)
    assert device.paced(pace, 0.25)[0] == [0, 100 * MS, 200 * MS]
    assert pace.taken() == [[1000 * MS, 3]]
    device.now_ns += 20 * MS  # the daemon decides
    assert device.paced(pace, 0.25)[0] == [300 * MS, 400 * MS]
    assert pace.taken() == [[1300 * MS, 2]]


def test_a_batch_is_due_when_its_last_item_is_there():
    device = Device(1 * MS)
    pace = Pace(10, 4, device.clock, device.wait)
    assert device.paced(pace, 1.0)[0] == [0, 400 * MS, 800 * MS]


def test_periods_that_are_no_whole_nanoseconds_do_not_drift():
    device = Device(1 * MS)
    pace = Pace(30, 1, device.clock, device.wait)
    starts, _ = device.paced(pace, 200.0, max_iterations=3001)
    assert starts[-1] == 100_000 * MS


def test_what_is_late_begins_at_once_and_is_made_up_for():
    device = Device(250 * MS, 10 * MS, 10 * MS, 10 * MS, 10 * MS)
    pace = Pace(10, 1, device.clock, device.wait)
    starts, _ = device.paced(pace, 0.45)
    assert starts == [0, 250 * MS, 260 * MS, 300 * MS, 400 * MS]
    assert pace.taken() == [[1000 * MS, 5]]


def test_a_device_that_is_too_slow_has_no_queue_without_end():
    device = Device(150 * MS)
    pace = Pace(10, 1, device.clock, device.wait)
    starts, _ = device.paced(pace, 60.0)
    parts = pace.taken()
    assert sum(n for _, n in parts) == len(starts)
    assert len(parts) > 10
    due = [first + round(k * pace.period_ns) - 1000 * MS for first, n in parts for k in range(n)]
    late = [start - at for start, at in zip(starts, due)]
    assert 0 <= max(late) <= max(QUEUE_NS_MAX, 10 * pace.period_ns)


@pytest.mark.parametrize("rate", [5.0, 100.0, 10_000.0])
def test_the_spin_is_bounded(rate):
    pace = Pace(rate, 1, time.perf_counter_ns)
    assert pace.spin_ns <= SPIN_SHARE_MAX * pace.period_ns
    assert pace.spin_ns <= 200_000


def test_a_real_wait_ends_after_the_due_time_and_not_before():
    pace = Pace(200, 1, time.perf_counter_ns)
    starts, _ = loop.paced(
        lambda _feed: None, itertools.repeat(None), time.perf_counter_ns, None, pace,
        seconds=0.3, max_iterations=10**9,
    )  # fmt: skip
    ((first_ns, n),) = pace.taken()
    late_ns = [start - first_ns - round(k * pace.period_ns) for k, start in enumerate(starts)]
    assert n == len(starts) == 60
    assert min(late_ns) >= 0
    assert sorted(late_ns)[n // 2] < MS, "by half of the items a busy machine is not late"


def test_every_call_is_waited_for_though_the_runtime_only_queues():
    device, waited = Device(1 * MS), []
    pace = Pace(10, 1, device.clock, device.wait)
    loop.paced(
        device.step, itertools.repeat(None), device.clock, lambda: waited.append(device.now_ns), pace,
        seconds=1.0, max_iterations=3,
    )  # fmt: skip
    assert len(waited) == 6


class SlowDaemon:
    """A reader whose next frame comes after a while."""

    def __init__(self, after_s: float) -> None:
        self._there = threading.Event()
        threading.Timer(after_s, self._there.set).start()

    def read(self, timeout_s: float | None = None):
        if self._there.wait(timeout_s):
            return {"kind": "block"}, b""
        raise TimeoutError


class PacedRun:
    def __init__(self) -> None:
        self.pace = Pace(100, 1, time.perf_counter_ns)

    def block(self, seconds: float, max_iterations: int):
        return loop.paced(
            lambda _feed: None, itertools.repeat(None), time.perf_counter_ns, None, self.pace,
            seconds=seconds, max_iterations=max_iterations,
        )  # fmt: skip


def test_a_camera_does_not_wait_while_the_daemon_decides():
    run, unasked = PacedRun(), ([], [])
    run.block(0.05, 10**9)
    begin = time.perf_counter()
    assert serve._next_frame(SlowDaemon(0.1), run, unasked) == ({"kind": "block"}, b"")
    assert 5 <= len(unasked[0]) <= 100 * (time.perf_counter() - begin) + 2
    run.block(0.0, 1)
    assert len(run.pace.taken()) == 1, "the grid is whole"


def test_once_its_pace_has_ended_a_runner_rests_until_it_is_asked():
    run, unasked = PacedRun(), ([], [])
    run.block(0.05, 10**9)
    assert serve._due(run, {"keeps_pace": True})["due"]
    run.block(0.0, 1)
    assert serve._due(run, {})["due"]
    assert serve._next_frame(SlowDaemon(0.1), run, unasked) == ({"kind": "block"}, b"")
    assert unasked == ([], [])
