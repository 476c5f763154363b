"""The columns of a report's row that say what was asked for, and what was in force when it ran."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.inputs import ReportInput, RunInput
from paretofleet_analysis.report.training import training_columns

EFFECTIVE_DIFFERS = "effective_differs"


def requested_columns(configuration: ReportInput) -> dict[str, Any]:
    """What was asked for by a `configuration`, and of which model; the same in all runs of a row.

    Raises `ReportError` for an accuracy that is no percentage.
    """
    top1 = configuration.top1
    if top1 is not None and not 0 <= top1 <= 100:
        raise ReportError(f"top1 of {configuration.model} is {top1}: give it in percent, from 0 to 100")
    return {
        "sweep": configuration.sweep,
        "sweep_note": configuration.sweep_note,
        "sweep_labels": list(configuration.sweep_labels) if configuration.sweep_labels else None,
        "configuration_id": configuration.configuration_id,
        "model": configuration.model,
        "variant": configuration.variant,
        "variant_sha256": configuration.variant_sha256,
        "weights_precision": configuration.weights_precision,
        "device": configuration.device,
        "device_class": configuration.device_class,
        "target": configuration.target,
        "runtime": configuration.runtime,
        "precision": configuration.precision,
        "batch_size": configuration.batch_size,
        "threads": configuration.threads,
        "mode": configuration.mode,
        "timing_scope": configuration.timing_scope,
        "protocol": configuration.protocol,
        "parameters": configuration.parameters,
        "macs": configuration.macs,
        "size_bytes": configuration.size_bytes,
        "top1": configuration.top1,
        "top1_n": configuration.top1_n,
        "top1_source": configuration.top1_source,
        "accuracy_group": configuration.accuracy_group,
        "model_licence": configuration.model_licence,
        "weights_source": configuration.weights_source,
        "top5": configuration.top5,
        "accuracy_data": _json(configuration.accuracy_data) if configuration.accuracy_data else None,
        "correct_items": configuration.correct_items,
        "top1_seeds": None if configuration.top1_seeds is None else list(configuration.top1_seeds),
        **training_columns(configuration.training),
        "options": _json(configuration.options),
        "items_s": configuration.items_s,
        "inputs": _json(configuration.fed) if configuration.fed else None,
    }


def effective_columns(sealed: Sequence[RunInput]) -> tuple[dict[str, Any], set[str]]:
    """What was in force in the `sealed` runs, and flags; what they disagree about is null, with a flag."""
    seen = [run.facts["effective"] for run in sealed if run.facts.get("effective")]
    columns: dict[str, Any] = {}
    flags = set()
    for name in ("precision", "provider", "threads", "batch_size", "options", "cpus", "runtime_version"):
        values = {_json(effective.get(name)) for effective in seen}
        if len(values) > 1:
            flags.add(EFFECTIVE_DIFFERS)
        value = json.loads(values.pop()) if len(values) == 1 else None
        if name == "options" and value is not None:
            value = _json(value)
        columns[name if name == "runtime_version" else f"effective_{name}"] = value
    return columns, flags


def environment_text(runs: Sequence[RunInput], environment_id: str | None) -> str | None:
    """The facts of the environment `environment_id` as the first of `runs` in it told them; None without."""
    told = (run.facts.get("environment") for run in runs if run.environment_id == environment_id)
    return next((_json(facts) for facts in told if isinstance(facts, dict) and facts), None)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
