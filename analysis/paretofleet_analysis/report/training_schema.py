"""The columns of the report's schema that say what it cost to train a model, and where that was measured."""

from __future__ import annotations

import pyarrow as pa

from paretofleet_analysis.report.column import INT, REAL, TEXT, Column

_OF_EACH = "of each training, or by each run of mode training"


def _interval_columns(name: str, unit: str) -> tuple[Column, ...]:
    """The ends of the interval of a training's mean cost."""
    end = "end of the 95 % interval of the mean; null below 3 values"
    return (
        Column(f"{name}_lo", REAL, f"{name}: lower {end}", unit, since=9),
        Column(f"{name}_hi", REAL, f"{name}: upper {end}", unit, since=9),
    )


TRAINING_COLUMNS = (
    Column(
        "training_s",
        REAL,
        "wall time of one training, mean over those that were measured, or epochs x samples x the measured "
        "time of an item in a step; a variant made without training has that of the model it came from; null "
        "where nobody measured it",
        unit="s",
        direction="minimize",
        since=9,
    ),
    *_interval_columns("training_s", "s"),
    Column("training_s_seeds", pa.list_(REAL), f"training_s {_OF_EACH}", unit="s", since=9),
    Column(
        "training_cpu_s",
        REAL,
        "CPU time of one training, user and system, all threads, mean over those that were measured",
        unit="s",
        direction="minimize",
        since=9,
    ),
    *_interval_columns("training_cpu_s", "s"),
    Column("training_cpu_s_seeds", pa.list_(REAL), "training_cpu_s of each training", unit="s", since=9),
    Column(
        "training_energy_j",
        REAL,
        "energy of one training, mean over those that were measured, or epochs x samples x the measured "
        "energy of an item in a step; null where no sensor spoke",
        unit="J",
        direction="minimize",
        since=9,
    ),
    *_interval_columns("training_energy_j", "J"),
    Column("training_energy_j_seeds", pa.list_(REAL), f"training_energy_j {_OF_EACH}", unit="J", since=9),
    Column("training_images_s", REAL, "items learnt from in a second of training_s", unit="1/s", since=9),
    Column("training_epochs", INT, "epochs of one training", since=9),
    Column("training_samples", INT, "items of one epoch", unit="items", since=9),
    Column(
        "training_source",
        TEXT,
        "where the cost of training is from: measured with what on how many threads, or published by whom",
        since=9,
    ),
    Column(
        "training_device",
        TEXT,
        "device whose steps training_s and training_energy_j are of: the row's own, or the one that `models "
        "set` names; null where whole trainings were measured",
        since=9,
    ),
    Column(
        "training_compute_tflops_days",
        REAL,
        "published compute of one training: days at 10^12 operations a second",
        unit="Tflop/s-days",
        direction="minimize",
        since=9,
    ),
    Column(
        "training_compute_source",
        TEXT,
        "who published training_compute_tflops_days, and of a training to which accuracy",
        since=9,
    ),
)
