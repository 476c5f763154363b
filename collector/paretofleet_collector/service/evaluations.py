"""What devices measured of the accuracies of models."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from paretofleet_collector.jobs.accuracies import evaluated
from paretofleet_collector.model.canonical import canonical_json
from paretofleet_collector.model.views import Evaluation
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import models


async def list_evaluations(context: Context, variants: Collection[str]) -> list[Evaluation]:
    """The evaluations of `variants`, by SHA-256, that `context` has, the newest first.

    Of several on the same items by one device, target, runtime and precision only the newest.
    """
    chosen = frozenset(variants)

    def listing(connection: sa.Connection) -> list[Evaluation]:
        wanted = {each.sha256: each for each in models.listing(connection) if each.sha256 in chosen}
        newest: dict[tuple[str, ...], Evaluation] = {}
        for each in evaluated(connection, wanted):
            configuration, values = each.configuration, each.values
            data = canonical_json(values["accuracy_data"])
            key = (
                configuration.variant_sha256,
                each.device,
                configuration.target_id,
                configuration.runtime,
                each.precision,
                data,
            )
            newest.setdefault(
                key,
                Evaluation(
                    sha256=configuration.variant_sha256,
                    device=each.device,
                    runtime=configuration.runtime,
                    precision=each.precision,
                    top1=values["top1"],
                    top1_n=values["top1_n"],
                    top5=values["top5"],
                    correct_items=values["correct_items"] or "",
                    accuracy_data=data,
                ),
            )
        return list(newest.values())

    return await context.store.read(listing)
