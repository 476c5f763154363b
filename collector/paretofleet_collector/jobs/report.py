"""The aggregated report of a sweep: the store's rows as the analysis wants them. For the worker."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from paretofleet_analysis.report import files
from paretofleet_analysis.report.inputs import ReportInput, RunInput
from paretofleet_analysis.report.rows import build_report

from paretofleet_collector.lake.files import Lake
from paretofleet_collector.model.entities import (
    Device,
    PastRun,
    PlannedConfiguration,
    Repeats,
    Variant,
    environment_id_of,
)
from paretofleet_collector.planning import schedule
from paretofleet_collector.store import configurations, devices, history, models, sweeps
from paretofleet_collector.store.engine import reading
from paretofleet_collector.store.runs import OPEN

#: Of a row whose runs are over without the precision that the sweep asked for.
NOT_CONVERGED = "not_converged"
#: Of a row whose sweep asked for more boots than its runs saw.
WITHIN_ONE_BOOT = "within_one_boot"


def write_report(database: str, lake: str, sweep_id: str) -> str:
    """Writes the report of the sweep `sweep_id` in `database` as it stands; returns the file's path.

    It is a temporary file of the folder `lake`. Raises NotFound, and ReportError when it cannot be written.
    """
    with reading(database) as connection:
        rows = report_inputs(connection, sweep_id)
    path = Lake(Path(lake)).temporary(".parquet")
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
    return [
        _input(
            sweep.name,
            planned,
            by_configuration[planned.configuration_id],
            variant=variants.get(planned.configuration.variant_sha256),
            device=device_of[planned.configuration.device_id],
            flags=_flags(
                by_configuration[planned.configuration_id],
                sweep.repeats,
                is_converged=planned.configuration_id not in unsettled,
            ),
        )
        for planned in configurations.listing(connection, sweep_id)
    ]


def _flags(past: list[RunInput], repeats: Repeats, *, is_converged: bool) -> tuple[str, ...]:
    """What qualifies the row of a configuration with these runs."""
    flags = []
    if not is_converged:
        flags.append(NOT_CONVERGED)
    if repeats.boots > 1 and _is_one_boot(past):
        flags.append(WITHIN_ONE_BOOT)
    return tuple(flags)


def _is_one_boot(past: list[RunInput]) -> bool:
    """Whether all runs of a configuration that count were made within one boot; False before the first."""
    return len({run.boot_id for run in past if run.state == "sealed" and run.counted}) == 1


def _input(
    sweep: str,
    planned: PlannedConfiguration,
    past: list[RunInput],
    *,
    variant: Variant | None,
    device: Device,
    flags: tuple[str, ...],
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
        timing_scope=configuration.timing_scope,
        protocol=configuration.protocol,
        simulated=device.simulated,
        runs=past,
        parameters=variant.parameters if variant else None,
        macs=variant.macs if variant else None,
        size_bytes=variant.size_bytes if variant else None,
        top1=variant.top1 if variant else None,
        top1_n=variant.top1_n if variant else None,
        top1_source=variant.top1_source if variant else None,
        accuracy_group=variant.accuracy_group if variant else None,
        flags=flags,
    )


def _runs(connection: sa.Connection, sweep_id: str) -> Mapping[str, list[RunInput]]:
    """The runs of a sweep by configuration, with the facts of the newest attempt."""
    result: dict[str, list[RunInput]] = defaultdict(list)
    for row in history.report_rows(connection, sweep_id):
        result[row.configuration_id].append(_run(row))
    return result


def _run(row: sa.Row[Any]) -> RunInput:
    facts = json.loads(row.facts_json or "{}")
    summary = json.loads(row.summary_json) if row.summary_json else None
    return RunInput(
        run_id=row.run_id,
        block=row.block,
        state=row.state,
        reason=row.reason,
        environment_id=environment_id_of(facts) if row.environment_id is None else row.environment_id,
        boot_id=facts.get("boot_id"),
        started_s=facts.get("started_unix_s"),
        flags=tuple(summary["flags"]) if summary else tuple(facts.get("flags") or ()),
        counted=bool(summary["counted"]) if summary else True,
        summary=summary,
        facts=facts,
    )


def _not_converged(connection: sa.Connection, sweep_id: str, repeats: Repeats) -> set[str]:
    """Configurations whose runs are over without the precision that the sweep asked for."""
    result = set()
    for device_id in {item.configuration.device_id for item in configurations.listing(connection, sweep_id)}:
        past: dict[str, list[PastRun]] = defaultdict(list)
        for run in history.past_runs(connection, sweep_id, device_id):
            past[run.configuration_id].append(run)
        for configuration_id, made in past.items():
            over = not any(run.state in OPEN for run in made)
            has_any = bool(schedule.values_s(made))
            if over and has_any and not schedule.has_converged(made, repeats.relative_half_width):
                result.add(configuration_id)
    return result
