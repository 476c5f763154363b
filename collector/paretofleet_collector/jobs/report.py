"""The aggregated report of a sweep: the store's rows as the analysis wants them. For the worker."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from paretofleet_analysis.report import files
from paretofleet_analysis.report.inputs import ReportInput, RunInput
from paretofleet_analysis.report.rows import build_report

from paretofleet_collector.jobs.accuracies import Evaluated, accuracy_of, evaluated, executed_precision
from paretofleet_collector.jobs.training_costs import Place, ancestry, trained, with_measured_steps
from paretofleet_collector.lake.address import open_lake
from paretofleet_collector.model.canonical import environment_id_of
from paretofleet_collector.model.entities import (
    Configuration,
    Device,
    PlannedConfiguration,
    Repeats,
    Variant,
)
from paretofleet_collector.model.past_run import PastRun
from paretofleet_collector.planning import schedule
from paretofleet_collector.planning.days import days_begun
from paretofleet_collector.store import configurations, devices, history, models, sweeps
from paretofleet_collector.store.engine import reading
from paretofleet_collector.store.runs import OPEN

#: A configuration that stopped may end this much wider without being called imprecise.
_AFTER_THE_STOP = 1.1

#: Of a row whose runs are over without the precision that the sweep asked for.
NOT_CONVERGED = "not_converged"
#: Of a row whose sweep asked for more boots than its runs saw.
WITHIN_ONE_BOOT = "within_one_boot"
#: Of a row whose sweep asked for more days than its runs saw.
WITHIN_ONE_DAY = "within_one_day"


@dataclass(frozen=True)
class RunPlace:
    """What a run was planned as, on which device, in which block."""

    planned: PlannedConfiguration
    device: Device
    block: int


def write_report(database: str, lake: str, sweep_id: str) -> str:
    """Writes the report of the sweep `sweep_id` in `database` as it stands; returns the file's path.

    It is a temporary file of the lake at the address `lake`. Raises NotFound, and ReportError when it cannot
    be written.
    """
    with reading(database) as connection:
        rows = report_inputs(connection, sweep_id)
    path = open_lake(lake).temporary(".parquet")
    files.write(build_report(rows), path)
    return str(path)


def report_inputs(connection: sa.Connection, sweep_id: str) -> list[ReportInput]:
    """Every configuration of the sweep `sweep_id` that `connection` sees, with all its runs.

    In the order of the plan. Raises NotFound.
    """
    sweep = sweeps.find(connection, sweep_id)
    by_configuration = _runs(connection, sweep_id)
    device_of = devices.by_id(connection)
    variants = {variant.sha256: variant for variant in models.listing(connection)}
    unsettled = _not_converged(connection, sweep_id, sweep.repeats)
    accuracies = evaluated(connection, variants)
    steps = trained(connection)
    rows = []
    for planned in configurations.listing(connection, sweep_id):
        row = _input(
            sweep.name,
            planned,
            by_configuration[planned.configuration_id],
            variant=variants.get(planned.configuration.variant_sha256),
            device=device_of[planned.configuration.device_id],
            accuracies=accuracies,
            flags=_flags(
                by_configuration[planned.configuration_id],
                sweep.repeats,
                is_converged=planned.configuration_id not in unsettled,
            ),
        )
        training = training_of(variants, row.variant_sha256)
        place = Place(planned.configuration.device_id, is_simulated=row.simulated)
        training = with_measured_steps(training, steps, ancestry(variants, row.variant_sha256), place)
        rows.append(
            replace(
                row,
                training=training,
                top1_seeds=training.get("top1"),
                sweep_note=sweep.remarks.note or None,
                sweep_labels=sweep.remarks.labels or None,
            )
        )
    return rows


def training_of(variants: Mapping[str, Variant], sha256: str) -> Mapping[str, Any]:
    """What was measured of the trainings of that of `variants` with the SHA-256 `sha256`.

    Else the costs of the nearest that it was made from, which had to be trained for it, too; no accuracies.
    """
    variant = variants.get(sha256)
    if variant is None or variant.training:
        return {} if variant is None else variant.training
    while variant is not None and not variant.training:
        variant = variants.get(variant.parent or "")
    return {} if variant is None else {key: each for key, each in variant.training.items() if key != "top1"}


def _flags(past: list[RunInput], repeats: Repeats, *, is_converged: bool) -> tuple[str, ...]:
    """What qualifies the row of a configuration with these runs."""
    flags = []
    if not is_converged:
        flags.append(NOT_CONVERGED)
    if repeats.boots > 1 and _is_one_boot(past):
        flags.append(WITHIN_ONE_BOOT)
    if repeats.days > 1 and _is_one_day(past):
        flags.append(WITHIN_ONE_DAY)
    return tuple(flags)


def _is_one_boot(past: list[RunInput]) -> bool:
    """Whether all runs of a configuration that count were made within one boot; False before the first."""
    return len({run.boot_id for run in past if run.summary is not None and run.counted}) == 1


def _is_one_day(past: list[RunInput]) -> bool:
    """Whether all runs of a configuration that count were made on one day; False before the first."""
    counted = [run for run in past if run.summary is not None and run.counted]
    return len(days_begun([run.started_s for run in counted if run.started_s is not None])) == 1


def _input(
    sweep: str,
    planned: PlannedConfiguration,
    past: list[RunInput],
    *,
    variant: Variant | None,
    device: Device,
    flags: tuple[str, ...],
    accuracies: Sequence[Evaluated] = (),
) -> ReportInput:
    configuration = planned.configuration
    return ReportInput(
        sweep=sweep,
        configuration_id=configuration.configuration_id,
        model=planned.model,
        variant=planned.variant,
        variant_sha256=configuration.variant_sha256,
        weights_precision=variant.weights_precision if variant else None,
        device=planned.device,
        device_class=device.device_class,
        target=planned.target,
        runtime=configuration.runtime,
        options=configuration.options,
        precision=configuration.precision,
        batch_size=configuration.batch_size,
        threads=configuration.threads,
        mode=configuration.mode,
        items_s=configuration.items_s,
        fed=_fed(configuration),
        timing_scope=configuration.timing_scope,
        protocol=configuration.protocol,
        simulated=device.simulated,
        runs=past,
        parameters=variant.parameters if variant else None,
        # Those of other sizes than its own are not known.
        macs=variant.macs if variant and variant.sizes == configuration.sizes else None,
        size_bytes=variant.counted_bytes if variant else None,
        **_accuracy(configuration, variant, past, accuracies),
        model_licence=variant.licence if variant else None,
        weights_source=variant.weights_source if variant else None,
        flags=flags,
    )


def _accuracy(
    configuration: Configuration,
    variant: Variant | None,
    past: Sequence[RunInput],
    accuracies: Sequence[Evaluated],
) -> dict[str, Any]:
    """What was measured of the accuracy, else what the `variant` says of itself; of an evaluation its own."""
    if configuration.data:
        of_it = (each for each in accuracies if each.configuration == configuration)
        return dict(next((each.values for each in of_it), {}))
    if variant is None:
        return {}
    precision = executed_precision(configuration, variant, (run.facts for run in past))
    measured = accuracy_of(accuracies, configuration, precision)
    if measured:
        return dict(measured)
    return {name: getattr(variant, name) for name in ("top1", "top1_n", "top1_source", "accuracy_group")}


def _fed(configuration: Configuration) -> dict[str, Any]:
    """What the configuration asks for of sizes and inputs; empty where it leaves both to the graph."""
    fed = {"sizes": dict(configuration.sizes), "inputs": dict(configuration.inputs)}
    return {name: value for name, value in fed.items() if value}


def _runs(connection: sa.Connection, sweep_id: str) -> Mapping[str, list[RunInput]]:
    """The runs of a sweep by configuration, with the facts of the newest attempt."""
    result: dict[str, list[RunInput]] = defaultdict(list)
    for row in history.report_rows(connection, sweep_id):
        result[row.configuration_id].append(_run(row))
    return result


def facts_of(text: str) -> dict[str, Any]:
    """The facts of an attempt from their JSON `text`; empty where it is no JSON object."""
    try:
        facts = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def check_reportable(place: RunPlace, facts: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    """Raises ReportError, or what else it meets, where no report can hold the `summary` and `facts` of a run.

    `place` is where the run belongs. A report of that run alone is built: what fails there would fail every
    report of its sweep.
    """
    run = RunInput(run_id="", block=place.block, state="sealed", **_measured(facts, summary))
    row = _input("", place.planned, [run], variant=None, device=place.device, flags=())
    build_report([row])


def _run(row: sa.Row[Any]) -> RunInput:
    facts = facts_of(row.facts_json)
    if row.summary_json:
        values = _measured(facts, json.loads(row.summary_json))
        if row.environment_id is not None:
            values["environment_id"] = row.environment_id
    else:
        values = _unmeasured(facts)
    return RunInput(run_id=row.run_id, block=row.block, state=row.state, reason=row.reason, **values)


def _measured(facts: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a run with a summary brings to the report."""
    return {
        "environment_id": environment_id_of(facts),
        "boot_id": facts.get("boot_id"),
        "started_s": facts.get("started_unix_s"),
        "flags": tuple(summary["flags"]),
        "counted": bool(summary["counted"]),
        "summary": summary,
        "facts": facts,
    }


def _unmeasured(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a run without a summary brings: nothing checked its facts, and one that is odd counts for none."""
    flags = facts.get("flags")
    is_names = isinstance(flags, list) and all(isinstance(flag, str) and flag.isascii() for flag in flags)
    return {"environment_id": environment_id_of(facts), "flags": tuple(flags or ()) if is_names else ()}


def _not_converged(connection: sa.Connection, sweep_id: str, repeats: Repeats) -> set[str]:
    """Configurations whose runs are over without the precision that the sweep asked for."""
    result = set()
    width = repeats.relative_half_width
    # what is lent changes with the runs of the others after a stop, which took no precision away
    width = None if width is None else width * _AFTER_THE_STOP
    for device_id in {item.configuration.device_id for item in configurations.listing(connection, sweep_id)}:
        past: dict[str, list[PastRun]] = defaultdict(list)
        for run in history.past_runs(connection, sweep_id, device_id):
            past[run.configuration_id].append(run)
        prior = schedule.lent_by(past.values())
        for configuration_id, made in past.items():
            over = not any(run.state in OPEN for run in made)
            has_any = bool(schedule.values_s(made))
            if over and has_any and not schedule.has_converged(made, width, prior):
                result.add(configuration_id)
    return result
