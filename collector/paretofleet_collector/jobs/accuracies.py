"""What was measured of accuracies, for the rows of reports: of one variant, one precision, one device.

A variant never takes its parent's, nor a device another's: its own evaluation, or none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from paretofleet_analysis.runs.evaluation import AT_CHANCE

from paretofleet_collector.model.entities import Configuration, Variant
from paretofleet_collector.planning.data import ACCURACY
from paretofleet_collector.store import history, input_files

#: What is executed as the file says.
_NATIVE = "native"


@dataclass(frozen=True)
class Evaluated:
    """What one evaluation, of the `configuration`, came to; `values` are columns of a report's row.

    `precision`: the one that was executed. `device`: the name of what it ran on. `is_at_chance`: the labels
    or the pre-processing are probably wrong, so that it says nothing of the model.
    """

    configuration: Configuration
    precision: str
    device: str
    values: Mapping[str, Any]
    is_at_chance: bool = False


def evaluated(connection: sa.Connection, variants: Mapping[str, Variant]) -> list[Evaluated]:
    """Every evaluation of the `variants`, by SHA-256, that `connection` sees sealed; the newest first."""
    names = {file.sha256: file.name for file in input_files.listing(connection)}
    result = []
    for row in history.sealed_of_mode(connection, ACCURACY):
        configuration = Configuration.from_json(row.configuration_json)
        variant = variants.get(configuration.variant_sha256)
        summary = json.loads(row.summary_json)
        if variant is None or summary.get("top1") is None or not summary.get("counted"):
            continue
        facts = json.loads(row.facts_json or "{}")
        precision = executed_precision(configuration, variant, [facts])
        values = {name: summary.get(name) for name in ("top1", "top5", "top1_n", "correct_items")}
        group = f"measured {configuration.variant_sha256[:16]} {precision} {row.device}"
        data = data_of(configuration, names)
        source = {"top1_source": "measured", "accuracy_group": group, "accuracy_data": data}
        is_at_chance = AT_CHANCE in summary.get("flags", ())
        result.append(Evaluated(configuration, precision, row.device, {**values, **source}, is_at_chance))
    return result


def data_of(configuration: Configuration, names: Mapping[str, str]) -> dict[str, Any]:
    """What a `configuration` is evaluated on, with the set's name; `names` are those of files by SHA-256."""
    data = dict(configuration.data)
    return {**data, "name": names.get(data["labels"], "")} if data else {}


def executed_precision(
    configuration: Configuration, variant: Variant | None, facts: Iterable[Mapping[str, Any]]
) -> str:
    """The precision that a `configuration` ran in by the `facts` of its runs, or else will by its file.

    `variant`: its file, None where that is gone.
    """
    for each in facts:
        told = (each.get("effective") or {}).get("precision")
        if told:
            return str(told)
    if configuration.precision == _NATIVE and variant is not None:
        return variant.weights_precision
    return configuration.precision


def accuracy_of(
    among: Iterable[Evaluated], configuration: Configuration, precision: str
) -> Mapping[str, Any]:
    """The columns of the accuracy `among` those evaluated that the row of a `configuration` takes.

    `precision`: the one that it is executed in. Of several the newest in its own runtime, else the newest;
    one at chance is none. Empty where there is none.
    """
    fitting = [
        each
        for each in among
        if not each.is_at_chance
        and each.configuration.variant_sha256 == configuration.variant_sha256
        and each.configuration.device_id == configuration.device_id
        and each.precision == precision
    ]
    alike = (
        each
        for each in fitting
        if each.configuration.runtime == configuration.runtime
        and each.configuration.target_id == configuration.target_id
    )
    chosen = next(alike, fitting[0] if fitting else None)
    return {} if chosen is None else chosen.values
