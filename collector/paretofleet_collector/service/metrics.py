"""The collector's state as numbers for Prometheus: names end in the unit, counters in `_total`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping

import sqlalchemy as sa
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from paretofleet_collector.errors import CollectorError
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import totals

PREFIX = "paretofleet_"


class CollectorMetrics(Collector):
    """Reads the numbers of one collector whenever they are asked for, in whichever thread that is."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> Iterator[Metric]:
        """Names nothing beforehand, so that registering does not read the store."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Every metric; those of the store are left out while it cannot be read."""
        yield from self._counters()
        yield from self._state()
        try:
            numbers = self._context.store.read_now(self._totals)
        except CollectorError:
            return
        yield _by_label("devices", "Devices by their state.", "state", numbers.devices)
        yield _by_label("sweeps", "Sweeps by their state.", "state", numbers.sweeps)
        yield _by_label(
            "runs", "Runs by their state; those that are uploaded wait for their seal.", "state", numbers.runs
        )
        yield _gauge("lake_files", "Sealed files that the manifest lists.", numbers.files)
        yield _gauge("lake_bytes", "Bytes of the sealed files.", numbers.file_bytes)
        yield _gauge("lake_samples", "Samples in the sealed files.", numbers.samples)

    def _totals(self, connection: sa.Connection) -> totals.Totals:
        return totals.read(connection, self._context.now(), self._context.offline_after_s)

    def _counters(self) -> Iterator[Metric]:
        counters, writes = self._context.counters, self._context.store.writes
        yield _counter("chunks", "Chunks acknowledged, repeated ones among them.", counters.chunks)
        yield _counter("samples", "Samples in acknowledged chunks.", counters.samples)
        yield _counter("chunk_bytes", "Bytes in acknowledged chunks.", counters.chunk_bytes)
        yield _counter("chunks_refused", "Chunks answered by a verdict.", counters.chunks_refused)
        yield _counter("chunks_failed", "Chunks that could not be stored.", counters.chunks_failed)
        yield _counter("store_commits", "Transactions committed.", writes.commits)
        yield _counter("store_writes", "Writes in those transactions.", writes.writes)
        yield _counter("store_write_seconds", "Time that the writer spent on them.", writes.busy_s)

    def _state(self) -> Iterator[Metric]:
        context = self._context
        yield _gauge(
            "serving", "1 while the collector can store what comes, else 0.", not context.write_fault()
        )
        yield _gauge(
            "home_free_bytes", "Free space under the home.", shutil.disk_usage(context.config.home).free
        )
        yield _gauge("store_queue_writes", "Writes that wait for the writer.", context.store.writes.waiting)


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(PREFIX + name, meaning, value=value)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, meaning, value=value)


def _by_label(name: str, meaning: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, meaning, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family
