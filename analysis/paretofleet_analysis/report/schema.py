"""The report's schema, written down once: names, types, units, directions, what each column means.

One row per (configuration_id, environment_id). `null` is absent, never 0 or -1. All lists that end in `_runs`
and all lists that begin with `run_` have one length and one order in a row: by block, by start, by run id.
Runs that were set aside stay in the lists; `run_counted` tells them apart, and no mean or interval uses them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from paretofleet_analysis.report.column import INT, REAL, TEXT, YES_NO, Column
from paretofleet_analysis.report.rail_schema import ENERGY_TYPE
from paretofleet_analysis.report.training_schema import TRAINING_COLUMNS

#: Version of the schema, in every file's metadata. Add columns with `since=VERSION + 1`, then raise it.
VERSION = 10
#: A report that has nothing in younger columns is written in this version, so that older programs read it.
VERSION_WRITTEN_MIN = 3
VERSION_KEY = b"paretofleet.report.version"

_IDENTITY = (
    Column("sweep", TEXT, "name of the sweep"),
    Column("configuration_id", TEXT, "16 hex digits: SHA-256 of the canonical configuration"),
    Column("environment_id", TEXT, "16 hex digits: what the device was; null when no attempt got that far"),
    Column("model", TEXT, "model name"),
    Column("variant", TEXT, "variant name within the model"),
    Column("variant_sha256", TEXT, "SHA-256 of the artifact"),
    Column("weights_precision", TEXT, "precision of the weights in the file"),
    Column("device", TEXT, "device name"),
    Column("device_class", TEXT, "device class; simulated ones begin with sim:"),
    Column("target", TEXT, "alias of the compute unit: cpu, cuda:0"),
    Column("runtime", TEXT, "what executed"),
    Column("runtime_version", TEXT, "version of the runtime that executed"),
    Column("options", TEXT, "runtime options asked for, canonical JSON"),
    Column("precision", TEXT, "execution precision asked for"),
    Column("batch_size", INT, "items in one inference call, as asked for", unit="items"),
    Column("threads", INT, "threads asked for; null is the device's default"),
    Column("mode", TEXT, "latency, throughput, paced, accuracy or training"),
    Column("timing_scope", TEXT, "what an iteration includes: copy+compute, compute, end_to_end"),
    Column("protocol", TEXT, "named set of limits: quick, standard, sustained"),
    Column("effective_precision", TEXT, "precision that executed"),
    Column("effective_provider", TEXT, "execution provider that executed"),
    Column("effective_threads", INT, "threads that executed"),
    Column("effective_batch_size", INT, "items in one call that executed", unit="items"),
    Column("effective_options", TEXT, "runtime options that were in force, canonical JSON"),
    Column("effective_cpus", pa.list_(INT), "CPUs that the runner was allowed to use"),
    Column(
        "items_s",
        REAL,
        "the items that come a second where `mode` is paced, by the clock; latencies are then from when the "
        "first item of a batch came; null in other modes",
        unit="1/s",
        since=4,
    ),
    Column(
        "inputs",
        TEXT,
        "what was fed where it was asked for, canonical JSON: `sizes` of free axes; `inputs` by name, "
        "each with the law of its `values`, or a number, or the `sha256` of the user's samples; null where "
        "all was left to the graph",
        since=5,
    ),
    Column(
        "environment",
        TEXT,
        "what the device was during the runs as its agent told it, canonical JSON: driver, kernel, governor, "
        "power mode; `environment_id` is its hash; null where unknown",
        since=7,
    ),
    Column(
        "sweep_note", TEXT, "what the sweep is for, as `--note` said; null where it said nothing", since=10
    ),
    Column(
        "sweep_labels", pa.list_(TEXT), "labels of the sweep (`--label`); null where it has none", since=10
    ),
)

_MODEL = (
    Column("parameters", INT, "parameters of the network", direction="minimize"),
    Column("macs", INT, "multiply-accumulate operations for one item", direction="minimize"),
    Column("size_bytes", INT, "size of the artifact", unit="bytes", direction="minimize"),
    Column("top1", REAL, "top-1 accuracy in percent, 0 to 100", unit="percent", direction="maximize"),
    Column("top1_n", INT, "images behind top1"),
    Column(
        "top1_source",
        TEXT,
        "measured (after a training here: measured: trained here), published-same-weights, "
        "published-same-architecture or user",
    ),
    Column("accuracy_group", TEXT, "rows of one group share one accuracy"),
    Column(
        "model_licence",
        TEXT,
        "licence of the model's file, as its source or the user says; null where nobody said",
        since=8,
    ),
    Column(
        "weights_source",
        TEXT,
        "where the weights of the file are from; null where nobody said",
        since=8,
    ),
    Column(
        "top5",
        REAL,
        "share of items whose class is among the five best, in percent; null where the model has no more "
        "classes, or nobody evaluated it",
        unit="percent",
        direction="maximize",
        since=8,
    ),
    Column(
        "accuracy_data",
        TEXT,
        "what `top1` was measured on, canonical JSON: `name` and `sha256` of the labelled set, its `n` "
        "items, `labels` (SHA-256 of their file), `classes`, and the `preprocessing`; null where nobody "
        "evaluated it",
        since=8,
    ),
    Column(
        "correct_items",
        TEXT,
        "which items are right by the best class: base64 of bits, the first item in the highest bit of the "
        "first byte; so that two rows of one set can be compared in pairs; null where nobody evaluated it",
        since=8,
    ),
    Column(
        "top1_seeds",
        pa.list_(REAL),
        "top-1 accuracy of each of several trainings of the model, in percent; null where one is known",
        unit="percent",
        since=8,
    ),
    *TRAINING_COLUMNS,
)

_OUTCOME = (
    Column("status", TEXT, "ok, partial, failed, skipped, cancelled or pending"),
    Column("reason", TEXT, "why the row is not ok; null when it is"),
    Column("flags", pa.list_(TEXT), "what qualifies the row, sorted"),
    Column("runs", INT, "counted runs behind every mean"),
    Column("iterations", INT, "measured iterations in all counted runs"),
    Column("simulated", YES_NO, "whether runtime and sensors were simulated"),
    Column("largest_batch_that_fits", INT, "largest batch that ran where a larger one ran out of memory"),
    Column(
        "rule_version",
        TEXT,
        "version of the rule that computed the runs' values; several after samples were removed",
    ),
)

_RUNS = (
    Column("run_ids", pa.list_(TEXT), "sealed runs"),
    Column("run_blocks", pa.list_(INT), "block of each run"),
    Column("run_boots", pa.list_(TEXT), "boot id of each run"),
    Column("run_started_s", pa.list_(REAL), "start of each run, Unix time by the device's clock", unit="s"),
    Column("run_flags", pa.list_(pa.list_(TEXT)), "flags of each run"),
    Column("run_counted", pa.list_(YES_NO), "whether each run is used in means and intervals"),
    Column(
        "run_mean_error_s",
        pa.list_(REAL),
        "standard error of each run's mean latency from its own iterations; null below 30",
        unit="s",
        since=2,
    ),
    Column(
        "run_overhead_s", pa.list_(REAL), "time of each run beside its measured window", unit="s", since=2
    ),
)


@dataclass(frozen=True)
class Measure:
    """A measured quantity: mean over counted runs of the run's own value, interval, and the values.

    `has_resolution`: a column says how coarse the values are, by the clock's tick or the sensor's step.
    """

    name: str
    unit: str
    direction: str
    description: str
    since: int = 1
    has_resolution: bool = False


#: Every measure of a run, in report order; the keys of a run summary.
MEASURES = (
    Measure("batch_latency_mean_s", "s", "minimize", "mean time of one inference call", has_resolution=True),
    Measure(
        "batch_latency_p50_s",
        "s",
        "minimize",
        "median time of one call; null below 6 iterations a run",
        has_resolution=True,
    ),
    Measure(
        "batch_latency_p90_s",
        "s",
        "minimize",
        "90th percentile of a call; null below 29 iterations a run",
        has_resolution=True,
    ),
    Measure(
        "batch_latency_p99_s",
        "s",
        "minimize",
        "99th percentile of a call; null below 299 iterations a run",
        has_resolution=True,
    ),
    Measure(
        "time_per_item_s", "s", "minimize", "mean batch time divided by the batch size", has_resolution=True
    ),
    Measure(
        "throughput_items_s",
        "1/s",
        "maximize",
        "items over wall time, first start to last end",
        has_resolution=True,
    ),
    Measure(
        "power_w", "W", "minimize", "mean power in the window, of the primary scope", has_resolution=True
    ),
    Measure(
        "energy_j_per_item",
        "J",
        "minimize",
        "energy of the window over its items, of the primary scope",
        has_resolution=True,
    ),
    Measure(
        "step_s",
        "s",
        "minimize",
        "in mode training: mean time of one step of the optimiser, on one batch; null in other modes",
        since=9,
        has_resolution=True,
    ),
    Measure("idle_power_w", "W", "minimize", "mean power in the idle phases, of the primary scope"),
    Measure(
        "memory_peak_bytes", "bytes", "minimize", "peak resident memory of the runner on the host's side"
    ),
    Measure(
        "device_memory_bytes",
        "bytes",
        "minimize",
        "memory of the runner on its GPU after the window; null where the driver does not tell it",
        since=3,
    ),
    Measure("load_s", "s", "minimize", "time to load the model", has_resolution=True),
    Measure("first_inference_s", "s", "minimize", "time of the first call", has_resolution=True),
    Measure(
        "late_share",
        "fraction",
        "minimize",
        "in mode paced: batches that began more than 1 ms after they were due, of all",
        since=4,
    ),
    Measure(
        "lateness_p50_s",
        "s",
        "minimize",
        "in mode paced: median of how long after it was due a batch began; part of the latency",
        since=4,
    ),
    Measure(
        "lateness_p99_s", "s", "minimize", "the same, 99th percentile; null below 299 batches a run", since=4
    ),
)

_POWER = (
    Column("power_scope", TEXT, "primary scope: gpu-board, package, module, ..."),
    Column("power_source", TEXT, "source of the primary reading: rapl, nvml, ina3221, ..."),
    Column(
        "energy_relative_uncertainty",
        REAL,
        "95 %, statistical: the largest of the counted runs' own; null where a term is unknown",
        unit="fraction",
    ),
    Column(
        "energy_gain_uncertainty",
        REAL,
        "the sensor's unknown common factor; it cancels within one device and source",
        unit="fraction",
    ),
    Column("energy", ENERGY_TYPE, "every scope that was measured, with its values per run"),
)


def _measure_columns(measure: Measure) -> tuple[Column, ...]:
    name, unit, since = measure.name, measure.unit, measure.since
    end = "end of the 95 % interval, drift between blocks included; null below 3 runs"
    columns = (
        Column(name, REAL, measure.description, unit, measure.direction, since),
        Column(f"{name}_lo", REAL, f"{name}: lower {end}", unit, since=since),
        Column(f"{name}_hi", REAL, f"{name}: upper {end}", unit, since=since),
        Column(f"{name}_runs", pa.list_(REAL), f"{name} of each run", unit, since=since),
    )
    return (*columns, _resolution_column(measure)) if measure.has_resolution else columns


def _resolution_column(measure: Measure) -> Column:
    meaning = (
        "width of the uniform error that the clock's tick or the sensor's step leaves in a run's value, the "
        "largest of the counted runs'; it is in the interval; null where unknown"
    )
    since = max(6, measure.since)
    return Column(f"{measure.name}_resolution", REAL, meaning, measure.unit, since=since)


#: Every column, in file order.
COLUMNS: tuple[Column, ...] = (
    *_IDENTITY,
    *_MODEL,
    *_OUTCOME,
    *(column for measure in MEASURES for column in _measure_columns(measure)),
    *_POWER,
    *_RUNS,
)


def schema(version: int = VERSION) -> pa.Schema:
    """The Arrow schema of a `version`, the current one by default, with it in the metadata.

    >>> schema().metadata[VERSION_KEY]
    b'10'
    >>> schema().field("top1").metadata[b"direction"]
    b'maximize'
    """
    fields = [column.field() for column in COLUMNS if column.since <= version]
    return pa.schema(fields, metadata={VERSION_KEY: str(version).encode()})
