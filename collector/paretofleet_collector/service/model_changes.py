"""What the command changes of stored models: their accuracy, and that they are there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import sqlalchemy as sa

from paretofleet_collector.errors import Refused, Taken
from paretofleet_collector.lake.files import model_file
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.planning.selection import find_variants
from paretofleet_collector.service import inputs
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import garbage, models

ACTIONS = ("set", "remove")
#: So many sweeps are named that keep a model.
_NAMED_MAX = 3


async def change_model(
    context: Context, name: str, action: str, accuracy: tuple[float, int] | None = None
) -> Variant:
    """Does an `action` (one of ACTIONS) in `context` to the stored variant with a `name`.

    `set` gives it an `accuracy`, in percent and of how many items; reports that are pulled from then on have
    it. `remove` takes away a variant that no sweep plans and from which none descends, with its file. Returns
    the variant as it is, or was. Raises NotFound, Refused, Taken.
    """
    if action not in ACTIONS:
        raise Refused(f"'{action}' cannot be done to a model; choose one of {', '.join(ACTIONS)}.")
    if action == "set":
        return await context.store.write(lambda connection: _set(connection, name, accuracy))
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


def _set(connection: sa.Connection, name: str, accuracy: tuple[float, int] | None) -> Variant:
    if accuracy is None or not 0 <= accuracy[0] <= 100 or accuracy[1] < 1:
        raise Refused("An accuracy is a percentage from 0 to 100; give both --top1 and --top1-n.")
    stored = _find(connection, name)
    accurate = replace(
        stored,
        top1=accuracy[0],
        top1_n=accuracy[1],
        top1_source="user",
        accuracy_group=f"user {stored.sha256[:16]}",
    )
    return models.set_accuracy(connection, stored, accurate)


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
