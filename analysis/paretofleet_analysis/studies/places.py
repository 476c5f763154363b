"""A report's rows by the place where they ran: what the studies of devices compare and draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from paretofleet_analysis.ranking.exclusion_reasons import repeat_reasons, state_reason, work_reason
from paretofleet_analysis.report.access import Row
from paretofleet_analysis.report.files import conform
from paretofleet_analysis.report.published import PUBLISHED

#: What an item takes, the first that most rows have; a batch's time is divided by its items.
TIMES = ("time_per_item_s", "batch_latency_mean_s", "batch_latency_p50_s")
MEASURED = (
    *TIMES,
    *("throughput_items_s", "power_w", "energy_j_per_item", "idle_power_w"),
    *("memory_peak_bytes", "device_memory_bytes"),
)
_COLUMNS = (
    *("sweep", "configuration_id", "environment_id", "model", "variant", "device", "target", "runtime"),
    *("options", "threads", "precision", "effective_precision", "batch_size", "mode", "timing_scope"),
    *("inputs", "items_s", "parameters", "macs", "size_bytes", "top1", "top1_n", "accuracy_group"),
    *("status", "reason", "runs", "flags"),
    *("run_ids", "run_blocks", "run_counted", "power_scope", "simulated"),
    *(f"{name}{end}" for name in MEASURED for end in ("", "_lo", "_hi")),
    *(f"{name}_runs" for name in (*TIMES, "energy_j_per_item")),
)
_PLACE = ("device", "target", "runtime", "options", "threads", "precision", "mode", "timing_scope")
#: Ends of a 95 % interval in standard errors.
_REACH = 1.96


@dataclass(frozen=True)
class Place:
    """Where rows ran and how: one device, target, runtime and precision; `name` is what tells it apart.

    `time`: the column of `TIMES` that its rows are compared by.
    """

    name: str
    device: str
    runtime: str
    precision: str
    time: str
    rows: tuple[Row, ...]

    @property
    def batch_sizes(self) -> list[int]:
        """The batch sizes of its rows, ascending."""
        return sorted({row["batch_size"] for row in self.rows})

    def at(self, batch_size: int) -> list[Row]:
        """Its rows of that `batch_size`, in items."""
        return [row for row in self.rows if row["batch_size"] == batch_size]

    def time_s(self, row: Row, end: str = "") -> float | None:
        """Seconds that an item of the `row` takes; `end` "_lo" or "_hi" of the interval."""
        value = row[f"{self.time}{end}"]
        if value is None or self.time == TIMES[0]:
            return None if value is None else float(value)
        return float(value) / float(row["batch_size"])


def places_of(report: pa.Table) -> list[Place]:
    """The places of a `report` (`report.files.read`), each with its rows that ran, by name.

    Rows that did not end well, do no work, stand there twice or are paced by the clock are left out, and
    so are those without a time. Raises ReportError as `conform` does.
    """
    rows = conform(report, name="the report").select(list(_COLUMNS)).to_pylist()
    reasons = zip(map(state_reason, rows), repeat_reasons(rows), map(work_reason, rows), strict=True)
    ran = [row for row, why in zip(rows, reasons, strict=True) if not any(why) and row["mode"] != "paced"]
    by_place: dict[tuple[str, ...], list[Row]] = {}
    for row in ran:
        by_place.setdefault(tuple(_part(row, name) for name in _PLACE), []).append(row)
    telling = [at for at in range(len(_PLACE)) if len({key[at] for key in by_place}) > 1 or not at]
    places = []
    for key, members in by_place.items():
        time = max(TIMES, key=lambda name: sum(_is_positive(row[name]) for row in members))
        timed = tuple(row for row in members if _is_positive(row[time]))
        if timed:
            name = " ".join(key[at] for at in telling if key[at] not in ("", "{}"))
            places.append(Place(name, key[0], key[2], key[5], time, timed))
    return sorted(places, key=lambda place: place.name)


def log_error(row: Row, name: str) -> float:
    """The standard error of the logarithm of column `name` in a `row`, by its interval; 0 without one.

    >>> round(log_error({"x_lo": 0.9, "x_hi": 1.1}, "x"), 3)
    0.051
    """
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    return math.log(hi / lo) / (2 * _REACH) if lo and hi and lo > 0 else 0.0


def named(rows: Sequence[Row]) -> list[Row]:
    """The `rows` called by model and variant where a model has several variants among them.

    >>> rows = [{"model": "a", "variant": "file"}, {"model": "a", "variant": "int8"}]
    >>> [row["model"] for row in named([*rows, {"model": "b", "variant": "file"}])]
    ['a file', 'a int8', 'b']
    """
    variants: dict[str, set[str]] = {}
    for row in rows:
        variants.setdefault(row["model"], set()).add(row["variant"])
    return [
        {**row, "model": f"{row['model']} {row['variant']}"} if len(variants[row["model"]]) > 1 else row
        for row in rows
    ]


def single_values(rows: Sequence[Row]) -> str:
    """The sentence that must stand where some of the `rows` have no interval; empty where all have one."""
    published = sum(PUBLISHED in (row["flags"] or ()) for row in rows)
    few = sum(row["runs"] < 3 for row in rows) - published
    parts = []
    if published:
        parts.append(f"{_of(published, rows)} published figures of unknown runs")
    if few > 0:
        parts.append(f"{few} of {len(rows)} rows have fewer than 3 runs")
    told = " and ".join(parts)
    return f" {told[0].upper()}{told[1:]}: taken as single values." if parts else ""


def _of(count: int, rows: Sequence[Row]) -> str:
    if count < len(rows):
        return f"{count} of {len(rows)} rows are"
    return f"all {count} rows are" if count > 1 else "the row is one of"


def _part(row: Row, name: str) -> str:
    if name == "precision":
        return str(row["effective_precision"] or row["precision"])
    if name == "threads":
        return "" if row["threads"] is None else f"{row['threads']} threads"
    return str(row[name] or "")


def _is_positive(value: float | None) -> bool:
    return value is not None and 0 < value < math.inf
