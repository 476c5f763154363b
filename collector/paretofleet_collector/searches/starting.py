"""What is refused before a search begins: devices that cannot be compared, a budget below one trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from paretofleet_analysis.errors import SearchError
from paretofleet_analysis.search.samplers import method_of

from paretofleet_collector.errors import Refused
from paretofleet_collector.searches.trainer import runnable

if TYPE_CHECKING:
    from paretofleet_collector.model.views import DeviceView, PlanView
    from paretofleet_collector.planning.specification import Spec
    from paretofleet_collector.searches.specification import SearchSpecification

_ENERGY = frozenset({"energy_j_per_item", "power_w"})
#: Fewer runs say nothing of how far a value may be off.
_RUNS_MIN = 2


def with_measure(specification: SearchSpecification, measure: Spec) -> SearchSpecification:
    """The same `specification` with the sweep `measure`, whose local files are in the collector."""
    return replace(specification, measure=measure)


def check_here(specification: SearchSpecification) -> None:
    """Looks whether this machine has what a `specification` trains and proposes with; raises Refused."""
    runnable(specification.train)
    try:
        method_of(specification.method)
    except SearchError as error:
        raise Refused(f"`method`: {specification.method} cannot be used: {error}.") from None


def devices_of(
    specification: SearchSpecification, plan: PlanView, fleet: Sequence[DeviceView], budget_s: float
) -> tuple[str, ...]:
    """The names of the devices of a search by its `specification`, of those of the `fleet`.

    `plan`: of its measurements with the anchor alone. Raises Refused where its devices or a budget of
    `budget_s` seconds (0: none) allow no search.
    """
    names = tuple(each.device for each in plan.devices)
    chosen = [each for each in fleet if each.name in names]
    if not chosen:
        why = f": {plan.refusals[0].why}" if plan.refusals else ""
        raise Refused(f"No device of `measure.devices` can measure the anchor{why}.".replace("..", "."))
    simulated = [each.name for each in chosen if each.simulated]
    if 0 < len(simulated) < len(chosen) and set(specification.measure.devices) != {"name"}:
        real = next(each.name for each in chosen if not each.simulated)
        raise Refused(
            f"{simulated[0]} is simulated and {real} is not: choose one kind by `measure.devices`, or name "
            f"there each device, as in [{real}, {simulated[0]}], if both are meant."
        )
    energies = _ENERGY & {*specification.objectives, *specification.limits}
    without = [each.name for each in chosen if not each.sensors]
    if energies and without:
        raise Refused(
            f"{without[0]} has no power sensor, so there is no {min(energies)}; leave that out, or, by "
            "`measure.devices`, the device."
        )
    if specification.measure.repeats.runs_min < _RUNS_MIN:
        raise Refused("`measure.repeats` is 1: a single run does not tell how far its value may be off.")
    # a trial is measured beside the anchor, which takes about as long
    trial_s = max(2 * (each.likely.seconds if each.likely else each.seconds_min) for each in plan.devices)
    if 0 < budget_s < trial_s:
        raise Refused(
            f"A budget of {budget_s:,.0f} s is less than one trial, whose measurement alone takes about "
            f"{trial_s:,.0f} s; give more."
        )
    return names
