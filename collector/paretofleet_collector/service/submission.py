"""From a specification to a sweep: planned, or stored with its first blocks."""

from __future__ import annotations

import sqlalchemy as sa

from paretofleet_collector.errors import Refused
from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.model.entities import Plan, Refusal
from paretofleet_collector.model.views import PlanView, SweepView
from paretofleet_collector.models import variants, zoo
from paretofleet_collector.planning.expansion import plan
from paretofleet_collector.planning.parsing import parse_json
from paretofleet_collector.planning.specification import Spec
from paretofleet_collector.service import catalogue
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import devices, models, sweeps


async def plan_sweep(context: Context, spec_json: str) -> PlanView:
    """What the specification `spec_json` would run in `context`; raises Refused or NotFound."""
    return PlanView.of((await _planned(context, spec_json))[1])


async def submit(context: Context, request_id: str, spec_json: str) -> tuple[SweepView, tuple[Refusal, ...]]:
    """Stores a sweep of the specification `spec_json` with its first blocks in `context`.

    The same `request_id` again returns the sweep that it made. Returns also what is left out. Raises Refused,
    NotFound or StorageUnavailable.
    """
    if not request_id or len(request_id) > 64:
        raise Refused("A submission carries a request id of 1 to 64 characters; upgrade the command.")
    existing = await context.store.read(lambda connection: sweeps.by_request(connection, request_id))
    if existing is not None:
        return SweepView.of(existing), ()
    spec, planned = await _planned(context, spec_json)
    context.check_room()
    await _build_missing(context, planned)

    def work(connection: sa.Connection) -> SweepView:
        again = sweeps.by_request(connection, request_id)
        if again is not None:
            return SweepView.of(again)
        sweep_id = sweeps.insert(
            connection,
            request_id=request_id,
            name=spec.name,
            spec_json=spec.to_json(),
            repeats=spec.repeats,
            planned=planned.everything,
            now=context.now(),
        )
        transitions.submit_blocks(connection, sweep_id, spec.repeats, planned.missing, context.now())
        return SweepView.of(sweeps.find(connection, sweep_id))

    return await context.store.write(work), planned.refusals


async def _planned(context: Context, spec_json: str) -> tuple[Spec, Plan]:
    spec = parse_json(spec_json)

    def work(connection: sa.Connection) -> Plan:
        joined = devices.listing(connection, context.now(), context.offline_after_s)
        return plan(spec, joined, variants.with_zoo(models.listing(connection)))

    return spec, await context.store.read(work)


async def _build_missing(context: Context, planned: Plan) -> None:
    stored = {variant.sha256 for variant in await context.store.read(models.listing)}
    needed = {item.model: item.configuration.variant_sha256 for item in planned.everything}
    for model, sha256 in needed.items():
        if sha256 not in stored or (model in zoo.NAMES and not context.lake.model_path(sha256).exists()):
            await catalogue.add_zoo_model(context, model)
