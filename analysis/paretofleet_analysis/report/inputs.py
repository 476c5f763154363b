"""What a report is built of: the configurations of a sweep and their runs, as the collector knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunInput:
    """One run as the collector knows it.

    `state` is pending, leased, running, uploaded, sealed, failed, skipped or cancelled. Only sealed runs
    carry a `summary` (the dictionary of `summary.summarize_run`); one without it has a `reason`. `facts` are
    the attempt's facts; what was effective is read from there. `environment_id` is None when no attempt got
    as far as one.
    """

    run_id: str
    block: int
    state: str
    reason: str | None = None
    environment_id: str | None = None
    boot_id: str | None = None
    started_s: float | None = None
    flags: Sequence[str] = ()
    counted: bool = True
    summary: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportInput:
    """One configuration of a sweep with all its runs, sealed or not; the report splits it by environment.

    `options` is the configuration's mapping, `target` the alias, `device` the name. `top1` is in percent.
    `top5`, `accuracy_data` (what was evaluated on) and `correct_items` are of evaluations alone. `training`:
    of the model's trainings, as `training.training_columns` reads it. `flags` are the collector's own about
    the configuration, such as `not_converged`. `items_s`: how many come a second in mode `paced`. `fed`: what
    was asked for of `sizes` and `inputs`, empty where neither was. `sweep_note` and `sweep_labels`: what its
    user said of the sweep, None where nothing.
    """

    sweep: str
    configuration_id: str
    model: str
    variant: str
    variant_sha256: str
    weights_precision: str | None
    device: str
    device_class: str
    target: str
    runtime: str
    options: Mapping[str, Any]
    precision: str
    batch_size: int
    threads: int | None
    mode: str
    timing_scope: str
    protocol: str
    simulated: bool
    runs: Sequence[RunInput]
    parameters: int | None = None
    macs: int | None = None
    size_bytes: int | None = None
    top1: float | None = None
    top1_n: int | None = None
    top1_source: str | None = None
    accuracy_group: str | None = None
    model_licence: str | None = None
    weights_source: str | None = None
    top5: float | None = None
    accuracy_data: Mapping[str, Any] = field(default_factory=dict)
    correct_items: str | None = None
    top1_seeds: Sequence[float] | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    flags: Sequence[str] = ()
    items_s: float | None = None
    fed: Mapping[str, Any] = field(default_factory=dict)
    sweep_note: str | None = None
    sweep_labels: Sequence[str] | None = None
