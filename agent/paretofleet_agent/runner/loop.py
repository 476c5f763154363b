"""The timed loops: one for every runtime, so that their numbers mean the same."""

from typing import Any, Callable, Iterator, List, Optional, Tuple

from .pace import Pace

Columns = Tuple[List[int], List[int]]
#: Waits until the device has done all it was given; None where every call already waits.
Synchronise = Optional[Callable[[], Any]]
MODES = ("latency", "throughput", "paced")


def latency(
    step: Callable[[Any], Any],
    rotation: Iterator[Any],
    clock: Callable[[], int],
    synchronise: Synchronise,
    *,
    seconds: float,
    max_iterations: int,
) -> Columns:
    """Iterations that each begin on an idle device and end when it is done: (starts, durations) in ns.

    `step` takes the next feed of `rotation`; `clock` gives ns; `synchronise` waits for the device, None where
    `step` does. At least one iteration, at most `max_iterations`, until `seconds` are over.
    """
    starts, durations = [], []
    end = clock() + int(seconds * 1e9)
    for _ in range(max(1, max_iterations)):
        feed = next(rotation)
        if synchronise is not None:
            synchronise()
        begin = clock()
        step(feed)
        if synchronise is not None:
            synchronise()
        done = clock()
        starts.append(begin)
        durations.append(done - begin)
        if done >= end:
            break
    return starts, durations


def throughput(
    step: Callable[[Any], Any],
    rotation: Iterator[Any],
    clock: Callable[[], int],
    synchronise: Synchronise,
    *,
    seconds: float,
    max_iterations: int,
) -> Columns:
    """Iterations back to back, waited for at the edges of the block only: (starts, durations) in ns.

    A duration is how long it took to hand the iteration over; the last one lasts until all are done, so that
    the block spans the work of its iterations and nothing else. Parameters as for `latency`: `step`,
    `rotation`, `clock`, `synchronise`, `seconds`, `max_iterations`.
    """
    if synchronise is not None:
        synchronise()
    starts, durations = [], []
    end = clock() + int(seconds * 1e9)
    for _ in range(max(1, max_iterations)):
        feed = next(rotation)
        begin = clock()
        step(feed)
        done = clock()
        starts.append(begin)
        durations.append(done - begin)
        if done >= end:
            break
    if synchronise is not None:
        synchronise()
    durations[-1] = clock() - starts[-1]
    return starts, durations


def paced(
    step: Callable[[Any], Any],
    rotation: Iterator[Any],
    clock: Callable[[], int],
    synchronise: Synchronise,
    pace: Pace,
    *,
    seconds: float,
    max_iterations: int,
) -> Columns:
    """Iterations that each begin when `pace` says that they are due, on an idle device: (starts, durations).

    A late one begins at once. It ends where the next would be due past `seconds`. Parameters as for
    `latency`: `step`, `rotation`, `clock`, `synchronise`, `seconds`, `max_iterations`.
    """
    starts, durations = [], []
    end = clock() + int(seconds * 1e9)
    for _ in range(max(1, max_iterations)):
        feed = next(rotation)
        if synchronise is not None:
            synchronise()
        pace.take()
        begin = clock()
        step(feed)
        if synchronise is not None:
            synchronise()
        done = clock()
        starts.append(begin)
        durations.append(done - begin)
        if max(done, pace.due_ns()) >= end:
            break
    return starts, durations
