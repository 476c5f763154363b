"""What the command changes of stored models: their accuracy, and that they are there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import Refused, Taken
from paretofleet_collector.lake.files import model_file
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.messages import GivenFacts
from paretofleet_collector.model.trainings import checked_given
from paretofleet_collector.planning.selection import find_variants
from paretofleet_collector.service import inputs
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import devices, garbage, models
from paretofleet_collector.suggest import did_you_mean

ACTIONS = ("set", "remove")
#: So many sweeps are named that keep a model.
_NAMED_MAX = 3


async def change_model(context: Context, name: str, action: str, given: GivenFacts | None = None) -> Variant:
    """Does an `action` (one of ACTIONS) in `context` to the stored variant with a `name`.

    `set` gives it accuracy, licence and origin, as far as `given`; reports that are pulled from then on have
    them. `remove` takes away a variant that no sweep plans and from which none descends, with its file.
    Returns the variant as it is, or was. Raises NotFound, Refused, Taken.
    """
    if action not in ACTIONS:
        raise Refused(f"'{action}' cannot be done to a model; choose one of {', '.join(ACTIONS)}.")
    if action == "set":
        return await context.store.write(lambda connection: _set(connection, name, given or GivenFacts()))
    removed = await context.store.write(lambda connection: _remove(connection, name))
    await asyncio.to_thread(context.lake.remove, model_file(removed.sha256))
    await inputs.drop_unused(
        context, (each["sha256"] for each in removed.inputs.values() if "sha256" in each)
    )
    return removed


def _find(connection: sa.Connection, name: str) -> Variant:
    """The only stored variant that a name may mean."""
    matching = find_variants(name, models.listing(connection))
    if len(matching) > 1:
        choices = ", ".join(f"{each.model}@{each.variant}" for each in matching)
        raise Refused(f"'{name}' has {len(matching)} variants; name one of {choices}.")
    return matching[0]


def _set(connection: sa.Connection, name: str, given: GivenFacts) -> Variant:
    if given == GivenFacts():
        raise Refused("Nothing is given of the model; give --top1 with --top1-n, --top5, --licence or more.")
    accuracies = [value for value in (given.top1, given.top5) if value is not None]
    if (given.top1 is None) != (given.top1_n is None) or not all(0 <= value <= 100 for value in accuracies):
        raise Refused("An accuracy is a percentage from 0 to 100; give both --top1 and --top1-n.")
    stored = _find(connection, name)
    facts = stored
    if given.top1 is not None:
        facts = replace(
            stored,
            top1=given.top1,
            top1_n=given.top1_n,
            top5=None,  # the old one is of other items
            top1_source="user",
            accuracy_group=f"user {stored.sha256[:16]}",
        )
    if given.top5 is not None:
        if facts.top1 is None or given.top5 < facts.top1:
            raise Refused("--top5 is of the items of --top1, and no smaller: give --top1 and --top1-n too.")
        facts = replace(facts, top5=given.top5)
    if given.licence is not None:
        facts = replace(facts, licence=given.licence or None)
    if given.weights_source is not None:
        facts = replace(facts, weights_source=given.weights_source or None)
    if given.training_json is not None:
        facts = replace(facts, training=_training(connection, stored, given.training_json))
    return models.set_facts(connection, stored, facts)


def _training(connection: sa.Connection, stored: Variant, text: str) -> dict[str, Any]:
    """What is known of the training of a `stored` variant with what a JSON `text` says of it."""
    given = checked_given(text)
    if stored.training.get("s") and {"epochs", "samples", "device"} & set(given):
        raise Refused(
            f"{stored.model}@{stored.variant} was trained here, and its costs were measured: leave out "
            "its epochs, samples and device."
        )
    names = sorted(each.name for each in devices.by_id(connection).values())
    if given.get("device") and given["device"] not in names:
        raise Refused(f"--training-device: there is no such device; {did_you_mean(given['device'], names)}")
    return {key: value for key, value in {**stored.training, **given}.items() if value != ""}


def _remove(connection: sa.Connection, name: str) -> Variant:
    stored = _find(connection, name)
    called = f"{stored.model}@{stored.variant}"
    heir = next((each for each in models.listing(connection) if each.parent == stored.sha256), None)
    if heir is not None:
        raise Taken(f"{heir.model}@{heir.variant} is a variant of {called}; remove that first.")
    if not garbage.drop_model(connection, stored.sha256):
        needing = garbage.sweeps_with(connection, stored)
        more = f" and {len(needing) - _NAMED_MAX} more" if len(needing) > _NAMED_MAX else ""
        raise Taken(
            f"{called} is in the sweep {', '.join(needing[:_NAMED_MAX])}{more}, whose report needs it; "
            f"delete that first with `paretofleet sweep delete {needing[0] if needing else 'NAME'}`."
        )
    return stored
