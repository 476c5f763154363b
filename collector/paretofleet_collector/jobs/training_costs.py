"""What a model's training costs by steps that were measured: on the row's own device, or on one by name.

A step of one device says nothing of another, so that nothing is joined where neither has one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from paretofleet_analysis.report.training_cost import MeasuredSteps, cheapest, costs_of

from paretofleet_collector.model.entities import Configuration, Variant
from paretofleet_collector.planning.training import TRAINING
from paretofleet_collector.store import history


@dataclass(frozen=True)
class Place:
    """Where something ran: the device, and whether that draws its numbers."""

    device_id: str
    is_simulated: bool


@dataclass(frozen=True)
class Trained:
    """The measured `steps` of one variant, by its SHA-256, and where."""

    variant_sha256: str
    place: Place
    steps: MeasuredSteps


def trained(connection: sa.Connection) -> list[Trained]:
    """All steps of mode training that `connection` sees counted, by configuration and environment."""
    groups: dict[tuple[str, str | None], list[sa.Row[Any]]] = defaultdict(list)
    for row in history.sealed_of_mode(connection, TRAINING):
        groups[row.configuration_json, row.environment_id].append(row)
    found = (_trained(Configuration.from_json(text), rows) for (text, _), rows in groups.items())
    return [each for each in found if each is not None]


def _trained(configuration: Configuration, rows: Iterable[sa.Row[Any]]) -> Trained | None:
    """The steps of runs of one configuration; None where none of them counts."""
    pairs = [(row, json.loads(row.summary_json)) for row in rows]
    counted = [(row, each) for row, each in pairs if each.get("counted") and each.get("time_per_item_s")]
    if not counted:
        return None
    facts = json.loads(counted[0][0].facts_json or "{}")
    effective = facts.get("effective") or {}
    maker = (
        f"{configuration.runtime} {effective.get('runtime_version', '')}, {effective.get('precision', '')}, "
        f"batch {configuration.batch_size}, threads {effective.get('threads', '?')}"
    )
    steps = MeasuredSteps(
        device=counted[0][0].device,
        maker=maker,
        item_s=tuple(float(each["time_per_item_s"]) for _, each in counted),
        item_j=tuple(each.get("energy_j_per_item") for _, each in counted),
    )
    is_simulated = str(effective.get("runtime_version", "")).startswith("sim:")
    place = Place(configuration.device_id, is_simulated=is_simulated)
    return Trained(configuration.variant_sha256, place, steps)


def with_measured_steps(
    training: Mapping[str, Any], among: Iterable[Trained], line: Iterable[str], place: Place
) -> Mapping[str, Any]:
    """The `training` of a row at a `place` with what it costs by the steps `among` those that were measured.

    `line`: the row's variant and all that it was made from, by SHA-256, one of which was trained. As it
    is where its costs were measured whole, where epochs and samples were not said, or nothing fits: the
    device that `training` names, else the row's own, by the least seconds of an item. Drawn steps are for
    drawn rows.
    """
    if training.get("s") or not training.get("epochs") or not training.get("samples"):
        return training
    named, shas = training.get("device"), set(line)
    fitting = [
        each.steps
        for each in among
        if each.variant_sha256 in shas
        and each.place.is_simulated == place.is_simulated
        and (each.steps.device == named if named else each.place.device_id == place.device_id)
    ]
    chosen = cheapest(fitting)
    if chosen is None:
        return training
    return {**training, **costs_of(chosen, training["epochs"], training["samples"])}


def ancestry(variants: Mapping[str, Variant], sha256: str) -> list[str]:
    """The SHA-256 `sha256` and those of all `variants` that it was made from, the nearest first."""
    line: list[str] = []
    while sha256 and sha256 not in line:
        line.append(sha256)
        variant = variants.get(sha256)
        sha256 = (variant.parent or "") if variant else ""
    return line
