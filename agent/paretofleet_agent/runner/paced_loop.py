"""Iterations with a pause after each, so that a sensor that looks only now and then sees all of one."""

import time
from typing import Any, List, Tuple


def block(run: Any, *, pause_ns: int, seconds: float, max_iterations: int) -> Tuple[List[int], List[int]]:
    """A block of `run` with `pause_ns` of idle after each iteration: (starts, durations).

    At least one iteration, at most `max_iterations`, until `seconds` are over, pauses included. A run on a
    clock of its own has a method `pause`.
    """
    pause = getattr(run, "pause", _sleep)
    starts, durations = [], []  # type: List[int], List[int]
    for _ in range(max(1, max_iterations)):
        begun, lasted = run.block(seconds=0.0, max_iterations=1)
        starts += begun
        durations += lasted
        pause(pause_ns)
        if starts[-1] + durations[-1] + pause_ns >= starts[0] + int(seconds * 1e9):
            break
    return starts, durations


def _sleep(pause_ns: int) -> None:
    time.sleep(pause_ns / 1e9)
