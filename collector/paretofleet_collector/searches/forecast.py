"""How far a budget goes, before a search begins: trials, and hours of each device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paretofleet_collector.planning.protocols import protocol_of
from paretofleet_collector.searches.specification import SearchSpecification
from paretofleet_collector.searches.step import BATCH

if TYPE_CHECKING:
    from paretofleet_collector.model.views import DeviceView, PlanView


@dataclass(frozen=True)
class DeviceForecast:
    """What a search is likely to ask of a `device`: seconds of a batch, its candidates and the anchor, and
    the hours that it measures within the budget, None without one.
    """

    device: str
    batch_s: float
    hours: float | None


@dataclass(frozen=True)
class SearchForecast:
    """Trials that fit into a budget: `trials_least` where every training takes its whole time limit,
    `trials_most` where it takes `training_s`; None without a budget.
    """

    devices: tuple[DeviceForecast, ...]
    training_s: float
    trials_least: int | None
    trials_most: int | None


def forecast(
    specification: SearchSpecification,
    plan: PlanView,
    fleet: Sequence[DeviceView],
    *,
    budget_s: float = 0.0,
    training_s: float | None = None,
) -> SearchForecast:
    """How far `budget_s` goes (0: no budget) in a search by a `specification`.

    `plan`: of the anchor alone on devices of the `fleet`; candidates are taken to last as long, since the
    protocol decides it for small networks. `training_s`: of one training, None for unknown: then the most
    trials are those of trainings that take no time. Devices measure side by side, trainings come after.
    """
    train = specification.train
    sensors = {each.name: {sensor.kind for sensor in each.sensors} for each in fleet}
    protocol = protocol_of(specification.measure.protocol, specification.measure.timeout_s)
    batches = {}
    for each in plan.devices:
        beside_s = protocol.block_seconds(sensors.get(each.device, ()))
        block_s = (each.likely.seconds if each.likely else each.seconds_min) / each.runs_min
        batches[each.device] = each.runs_min * (beside_s + (BATCH + 1) * (block_s - beside_s))
    measured_s = max(batches.values(), default=0.0)

    def trials(each_training_s: float) -> int | None:
        batch_s = measured_s + BATCH * train.seeds * each_training_s
        return int(BATCH * budget_s / batch_s) if budget_s and batch_s else None

    most = trials(training_s or 0.0)
    least = most if training_s is not None else trials(train.timeout_s)
    hours = {name: None if most is None else most / BATCH * each / 3600 for name, each in batches.items()}
    return SearchForecast(
        tuple(DeviceForecast(name, each, hours[name]) for name, each in batches.items()),
        training_s or 0.0,
        least,
        most,
    )
