"""What can be ranked by: each objective's direction, unit and margin, and which say the same thing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paretofleet_analysis.errors import RankError, RequestError


@dataclass(frozen=True)
class Margin:
    """How much better counts as better: a share of the value, or an amount in the objective's unit.

    >>> str(Margin(0.02)), str(Margin(0.2, relative=False))
    ('2 %', '0.2')
    """

    value: float
    relative: bool = True

    def __str__(self) -> str:
        return f"{self.value * 100:g} %" if self.relative else f"{self.value:g}"


@dataclass(frozen=True)
class Objective:
    """A report column to rank by. `is_measured`: it has a value per run; else the model fixes it.

    `short` heads a column of a printed table, where values are shown times `scale` in `shown_unit`; a
    sentence calls the quantity by `phrase`.
    """

    name: str
    maximize: bool
    unit: str
    margin: Margin
    short: str
    is_measured: bool
    scale: float
    shown_unit: str
    phrase: str


_TOP1 = Margin(0.2, relative=False)
_COST = Margin(0.02)
_DAYS = "Tflop/s-days"
_COLUMNS = (
    # name, maximize, unit, margin, short, is_measured, scale, shown_unit, phrase
    ("top1", True, "percent", _TOP1, "top1", False, 1.0, "%", "top1"),
    ("batch_latency_mean_s", False, "s", _COST, "mean", True, 1e3, "ms", "mean latency"),
    ("batch_latency_p50_s", False, "s", _COST, "p50", True, 1e3, "ms", "median latency"),
    ("batch_latency_p90_s", False, "s", _COST, "p90", True, 1e3, "ms", "p90 latency"),
    ("batch_latency_p99_s", False, "s", _COST, "p99", True, 1e3, "ms", "p99 latency"),
    ("time_per_item_s", False, "s", _COST, "time/item", True, 1e3, "ms", "time per item"),
    ("throughput_items_s", True, "1/s", _COST, "rate", True, 1.0, "1/s", "throughput"),
    ("power_w", False, "W", _COST, "power", True, 1.0, "W", "power"),
    ("energy_j_per_item", False, "J", _COST, "energy", True, 1e3, "mJ", "energy per item"),
    ("memory_peak_bytes", False, "bytes", _COST, "memory", True, 1e-6, "MB", "peak memory"),
    ("device_memory_bytes", False, "bytes", _COST, "GPU memory", True, 1e-6, "MB", "GPU memory"),
    ("load_s", False, "s", _COST, "load", True, 1e3, "ms", "loading time"),
    ("first_inference_s", False, "s", _COST, "first", True, 1e3, "ms", "time for the first inference"),
    ("size_bytes", False, "bytes", _COST, "size", False, 1e-6, "MB", "file size"),
    ("parameters", False, "", _COST, "params", False, 1e-6, "M", "parameters"),
    ("macs", False, "", _COST, "MACs", False, 1e-9, "G", "MACs"),
    ("step_s", False, "s", _COST, "step", True, 1e3, "ms", "time of a training step"),
    ("training_s", False, "s", _COST, "training", False, 1.0, "s", "training time"),
    ("training_cpu_s", False, "s", _COST, "training CPU", False, 1.0, "s", "CPU time of training"),
    ("training_energy_j", False, "J", _COST, "training energy", False, 1.0, "J", "energy of training"),
    ("training_compute_tflops_days", False, _DAYS, _COST, "compute", False, 1.0, _DAYS, "training compute"),
)
#: Every objective, by name. A new one is a line above; its column must be in `report.schema`.
OBJECTIVES: Mapping[str, Objective] = {str(column[0]): Objective(*column) for column in _COLUMNS}


@dataclass(frozen=True)
class Preset:
    """A use of a ranking: `speed`, of which the first that every row has is taken, and `others`."""

    name: str
    speed: tuple[str, ...]
    others: tuple[str, ...]
    batch_size: int | None
    text: str


#: What `--for` chooses from; `deadline=30ms` is `deadline` with a limit.
PRESETS: Mapping[str, Preset] = {
    "realtime": Preset(
        "realtime",
        ("batch_latency_p90_s", "batch_latency_mean_s", "batch_latency_p50_s"),
        ("energy_j_per_item",),
        1,
        "one item at a time, as soon as possible",
    ),
    "offline": Preset(
        "offline",
        ("throughput_items_s",),
        ("energy_j_per_item",),
        None,
        "many items, whenever",
    ),
    "deadline": Preset(
        "deadline",
        ("throughput_items_s",),
        ("energy_j_per_item",),
        None,
        "many items, each batch within a deadline (p99)",
    ),
}


def parse_use(text: str) -> tuple[str, float | None]:
    """The preset and the deadline in seconds that the `text` of a `--for` names; raises RequestError.

    >>> parse_use("realtime"), parse_use("deadline=30ms"), parse_use("deadline=1.5s")
    (('realtime', None), ('deadline', 0.03), ('deadline', 1.5))
    """
    match = re.fullmatch(r"deadline=([0-9.]+)(us|ms|s)", text)
    if match and match[1].count(".") < 2 and match[1] != "." and float(match[1]) > 0:
        return "deadline", float(match[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[match[2]]
    if text in PRESETS:
        return text, None
    raise RequestError(f"unknown use {text!r}: choose realtime, offline or deadline=30ms")


def parse_margin(text: str | float) -> Margin:
    """A margin as people write it in `text`: `2%` is a share of the value, a bare number is in the
    objective's unit. Raises RequestError for anything else, RankError for a share of 100 % or more.

    >>> parse_margin("2%"), parse_margin("0.2")
    (Margin(value=0.02, relative=True), Margin(value=0.2, relative=False))
    """
    match = re.fullmatch(r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*(%?)\s*", str(text))
    if not match:
        raise RequestError(f"margin {text!r} is not a number of at least 0: write 2% or 0.2")
    value = float(match[1])
    if match[2] and value >= 100:
        raise RankError(f"margin {text!r} is not below 100 %: nothing could be better by so much")
    return Margin(value / 100) if match[2] else Margin(value, relative=False)


def objective(name: str) -> Objective:
    """The objective of that `name`; raises RequestError, which lists them all."""
    if name not in OBJECTIVES:
        raise RequestError(f"unknown objective {name!r}: choose from {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


#: Sets of objectives of which one follows from the others, whatever is measured.
_ALWAYS = (
    {"time_per_item_s", "throughput_items_s"},
    {"power_w", "energy_j_per_item", "throughput_items_s"},
    {"power_w", "energy_j_per_item", "time_per_item_s"},
)
#: And those of which one follows from the others when every row has the same batch size.
_AT_ONE_BATCH_SIZE = (
    {"batch_latency_mean_s", "time_per_item_s"},
    {"step_s", "time_per_item_s"},
    {"step_s", "throughput_items_s"},
    {"batch_latency_mean_s", "throughput_items_s"},
    {"power_w", "energy_j_per_item", "batch_latency_mean_s"},
)


def refuse_functions_of_each_other(names: Sequence[str], *, one_batch_size: bool) -> None:
    """Raises RankError when one of the objectives `names` follows from the others, or stands twice: the
    same would count twice. `one_batch_size`: whether every row has the same.

    >>> refuse_functions_of_each_other(["top1", "time_per_item_s"], one_batch_size=True)
    """
    if len(set(names)) < len(names):
        double = next(name for name in names if list(names).count(name) > 1)
        raise RankError(f"objective {double} is given twice: name each once")
    for known in (*_ALWAYS, *(_AT_ONE_BATCH_SIZE if one_batch_size else ())):
        if known <= set(names):
            listed = [name for name in names if name in known]
            raise RankError(
                f"{' and '.join(listed)} are functions of each other"
                f"{' at one batch size' if known in _AT_ONE_BATCH_SIZE else ''}: leave one of them out"
            )
