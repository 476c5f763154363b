"""What a child of the daemon is: its end with its parent, its CPUs, its clock, its memory."""

import contextlib
import ctypes
import gc
import os
import signal
import sys
import time
from typing import Any, Callable, List, Optional, Sequence

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Asks the kernel (Linux) for SIGKILL when the thread that started this process ends."""
    # Elsewhere the end of the file on the input still ends this process, between blocks.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def offer_to_oom_killer() -> None:
    """Lets the kernel choose this process before the daemon when memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w") as handle:
            handle.write("1000")
    except OSError:
        pass  # not Linux, or not allowed: the daemon still tells the reason from the exit


def freeze_gc() -> None:
    """Collects once and then never again: no pause falls into a block. `gc.freeze` is 3.7 and later."""
    gc.collect()
    freeze = getattr(gc, "freeze", None)
    if freeze is not None:
        freeze()
    gc.disable()


def pin_to_cpus(cpus: Sequence[int]) -> List[int]:
    """Pins this process, and every thread it starts later, to `cpus`. Returns those it may use."""
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(cpus)


def clock() -> Callable[[], int]:
    """A function that returns CLOCK_MONOTONIC in integer nanoseconds."""
    exact: Optional[Callable[[], int]] = getattr(time, "perf_counter_ns", None)  # 3.7 and later
    if exact is not None:
        return exact

    def from_float() -> int:
        return int(read() * 1e9)

    read = time.perf_counter
    return from_float


def memory_peak_bytes() -> Optional[int]:
    """The largest resident set so far, or None where the system does not say."""
    peak_bytes = _status_bytes("VmHWM:")
    return _rusage_bytes() if peak_bytes is None else peak_bytes


def resident_bytes() -> Optional[int]:
    """The resident set now, or None where the system does not say."""
    return _status_bytes("VmRSS:")


def forget_memory_peak() -> bool:
    """Lets `memory_peak_bytes` count from now on, so that what came before is no part of it (Linux)."""
    try:
        with open("/proc/self/clear_refs", "w") as handle:
            handle.write("5")
    except OSError:
        return False
    return True


def oom_kills() -> Optional[int]:
    """How many processes the kernel has killed for memory; None where it does not count them."""
    try:
        with open("/proc/vmstat") as handle:
            return next((int(line.split()[1]) for line in handle if line.startswith("oom_kill ")), None)
    except (OSError, ValueError, IndexError):
        return None


def wait(child: Any) -> Optional[int]:
    """Waits for the end of a Popen's process and returns its largest resident set, of no other child.

    None where the system does not say. Sets its `returncode`.
    """
    if not hasattr(os, "wait4"):
        child.wait()
        return None
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return usage.ru_maxrss * _rss_unit()


def _status_bytes(key: str) -> Optional[int]:
    try:
        with open("/proc/self/status") as handle:
            return next((int(line.split()[1]) * 1024 for line in handle if line.startswith(key)), None)
    except (OSError, ValueError, IndexError):
        return None


def _rusage_bytes() -> Optional[int]:
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _rss_unit()


def _rss_unit() -> int:
    return 1 if sys.platform == "darwin" else 1024
