"""Real runs beside sensors that are files: a thread counts them up as RAPL would."""

from __future__ import annotations

import array
import dataclasses
import os
import threading
import time

from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.model import SCHEMAS
from paretofleet_agent.standalone import bench
from paretofleet_agent.standalone.run_options import BenchRequest
from paretofleet_analysis.runs.summary import summarize_run


class CountedFiles:
    """Files below `root` that count microjoules at so many `watts` each, in a fixed width.

    All are written with one time, so that equal counters stay equal. `start_uj` is where they begin.
    """

    def __init__(self, root, watts, start_uj=10**9, wrap_uj=None):
        self._watts, self._start_uj, self._wrap_uj = watts, dict.fromkeys(watts, start_uj), wrap_uj
        for path in watts:
            (root / path).write_bytes(b"%020d\n" % start_uj)
        self._files = {path: os.open(root / path, os.O_WRONLY) for path in watts}
        self._begin_s, self._over = time.perf_counter(), threading.Event()
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self):
        while not self._over.wait(0.002):
            seconds = time.perf_counter() - self._begin_s
            for path, file in self._files.items():
                counted = self._start_uj[path] + int(seconds * self._watts[path] * 1e6)
                os.pwrite(file, b"%020d\n" % (counted % self._wrap_uj if self._wrap_uj else counted), 0)

    def restart(self):
        """All begin at 0 again."""
        seconds = time.perf_counter() - self._begin_s
        self._start_uj = {path: -int(seconds * watts * 1e6) for path, watts in self._watts.items()}

    def stop(self):
        """All stand still from now on."""
        self._over.set()


class Watch:
    """Does something to a sensor in the middle of the measured window."""

    def __init__(self, spoil=None):
        self._spoil = spoil

    def stopped(self):
        return False

    def power(self, _power_w, _scope):
        pass

    def phase(self, phase, _iterations):
        if phase == "measure" and self._spoil is not None:
            threading.Timer(0.3, self._spoil).start()
            self._spoil = None


class Samples:
    def __init__(self):
        self.streams = {}

    def put(self, stream, schema, n, columns):
        values = array.array("q", columns[: 16 * n])
        pair = self.streams.setdefault(stream, {name: [] for name in SCHEMAS[schema]})
        for name, part in zip(SCHEMAS[schema], (values[:n], values[n:]), strict=True):
            pair[name] += part


def run(device, model, spoil=None):
    """The facts of a run of about 3 s, and its summary."""
    lease = bench.lease_of(
        bench.artifact_of(model),
        2,
        BenchRequest(threads=1, iterations=20, warm_up_s=0.1, window_min_s=1.2),
    )
    lease = dataclasses.replace(lease, limits=dataclasses.replace(lease.limits, is_short=True, idle_s=0.0))
    samples = Samples()
    outcome = measure(lease, model, samples, Watch(spoil), device)
    assert outcome.ok, outcome.message
    facts = outcome.facts
    return facts, summarize_run(samples.streams, facts, batch_size=1, mode="latency", target_kind="cpu")
