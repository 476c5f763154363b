"""From the reports of a search's batches and its trainings to the costs that the next proposal goes by.

Less is better: the error in percent, and logarithms to base 10 of everything else. What drifts between
batches is taken out by the anchor, which ran in the same blocks: times, powers and energies count relative to
it, on the scale of the first batch's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paretofleet_analysis.objectives import OBJECTIVES

from paretofleet_collector.model.searches import SearchTraining, SearchTrial
from paretofleet_collector.searches.measured import DRIFTING, TrialMeasurement
from paretofleet_collector.searches.specification import OWN_METHOD, TOP1

if TYPE_CHECKING:
    from paretofleet_analysis.search.space import Space
    from paretofleet_analysis.search.trials import Search, Trials

    from paretofleet_collector.searches.specification import SearchSpecification


@dataclass(frozen=True)
class CostTable:
    """What is known of a search: its `trials`, and `by_device` what was measured of each in the environment
    that the device has now; `trainings`, of which those of the `split` count.
    """

    specification: SearchSpecification
    trials: Sequence[SearchTrial]
    by_device: Mapping[str, Mapping[int, TrialMeasurement]]
    trainings: Sequence[SearchTraining]
    split: str = "validation"

    @property
    def columns(self) -> tuple[str, ...]:
        """The objectives that devices measure."""
        return tuple(name for name in self.specification.objectives if name != TOP1)

    @property
    def simulated(self) -> frozenset[str]:
        """The devices whose measurements are simulated."""
        return frozenset(
            name
            for name, measured in self.by_device.items()
            if any(each.is_simulated for each in measured.values())
        )

    def scopes(self, device: str) -> frozenset[str]:
        """What the powers and energies of a `device` are of, such as module; empty where none is ranked."""
        if not any(OBJECTIVES[name].unit in ("J", "W") for name in self.columns):
            return frozenset()
        return frozenset(each.scope for each in self.by_device[device].values() if each.scope)

    def is_good(self, measurement: TrialMeasurement) -> bool:
        """Whether a `measurement` is within the limits of what is measured."""
        return not measurement.reason and not self.beyond(measurement)

    def beyond(self, measurement: TrialMeasurement) -> str:
        """Which limit a `measurement` exceeds, and by how much, in words; empty where none."""
        for name, limit in self.specification.limits.items():
            value = measurement.values.get(name)
            if name == TOP1 or value is None:
                continue
            worse = limit / value if OBJECTIVES[name].maximize else value / limit
            if worse > 1:
                return f"{name} {_shown(name, value)}, {worse:.3g} times the limit"
        return ""

    def trained(self, number: int) -> list[SearchTraining]:
        """The trainings of trial `number`, by seed."""
        return [each for each in self.trainings if each.trial == number and each.split == self.split]

    def accuracy(self, number: int) -> tuple[float, float] | None:
        """Top-1 of trial `number` in percent over its seeds, with its standard error; None without one.

        The error is binomial, and between seeds where there are several; items are the same for all seeds.
        """
        done = self.trained(number)
        if not done or any(each.reason for each in done):
            return None
        values = [each.top1 or 0.0 for each in done]
        mean = math.fsum(values) / len(values)
        share, items = mean / 100, min(each.top1_n or 1 for each in done)
        variance = 1e4 * share * (1 - share) / items
        if len(values) > 1:
            variance += math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values)
        return mean, math.sqrt(variance)

    def failure(self, number: int, device: str) -> str:
        """Why trial `number` is of no use on a `device`, in words; empty where it is, or is not known."""
        measurement = self.by_device.get(device, {}).get(number)
        if measurement is not None and (measurement.reason or self.beyond(measurement)):
            return measurement.reason or self.beyond(measurement)
        return next((each.reason for each in self.trained(number) if each.reason), "")

    def search(self, seed: int, device: str) -> Search:
        """The search for which the analysis proposes for a `device`, from this `seed`.

        Column 0 is the error, which devices share; limits are those of this device.
        """
        from paretofleet_analysis.search.trials import Search

        specification = self.specification
        width = len(self.columns)
        devices = {
            name: (0, *range(1 + at * width, 1 + (at + 1) * width)) for at, name in enumerate(self.by_device)
        }
        limits = {}
        if TOP1 in specification.limits:
            limits[0] = 100.0 - specification.limits[TOP1]
        for name, column in zip(self.columns, devices[device][1:], strict=True):
            if name in specification.limits:
                limits[column] = _cost(name, specification.limits[name])
        # hand-made members take nobody's place among those that are drawn
        hand_made = len(specification.hand_made)
        return Search(
            specification.space(),
            devices,
            seed,
            specification.start + hand_made,
            specification.control,
            limits,
            positive=frozenset({0}),
            hand_made=hand_made,
            has_diagonal=specification.method == OWN_METHOD,
        )

    def costs(self, space: Space, device: str) -> Trials:
        """The trials as the analysis sees them when it proposes for a `device` of the `space`.

        What failed there, or is beyond a limit, has failed.
        """
        import numpy as np
        from paretofleet_analysis.search.trials import Trials

        width = 1 + len(self.columns) * len(self.by_device)
        costs = np.full((len(self.trials), width), np.nan)
        errors = np.full((len(self.trials), width), np.nan)
        for row, trial in enumerate(self.trials):
            accuracy = self.accuracy(trial.number)
            if accuracy is not None:
                costs[row, 0], errors[row, 0] = 100.0 - accuracy[0], accuracy[1]
            for at, name in enumerate(self.by_device):
                measurement = self.by_device[name].get(trial.number)
                for k, column in enumerate(self.columns, start=1 + at * len(self.columns)):
                    if measurement is not None and not measurement.reason and column in measurement.values:
                        costs[row, k] = self.cost(measurement, column)
                        errors[row, k] = measurement.errors[column]
        codes = np.array([trial.codes for trial in self.trials], dtype=np.int64)
        failed = [bool(self.failure(trial.number, device)) for trial in self.trials]
        return Trials(
            codes.reshape(len(self.trials), len(space.parameters)),
            tuple(trial.graph for trial in self.trials),
            costs,
            errors,
            np.array(failed, dtype=np.bool_),
        )

    def cost(self, measurement: TrialMeasurement, column: str) -> float:
        """log10 of a value of a `column`, as it would have been in the device's first batch."""
        value = measurement.values[column]
        if OBJECTIVES[column].unit in DRIFTING and column in measurement.anchors:
            first = min(self.by_device[measurement.device].values(), key=lambda each: each.batch)
            value *= first.anchors.get(column, measurement.anchors[column]) / measurement.anchors[column]
        return _cost(column, value)


def cost_table(
    specification: SearchSpecification,
    devices: Sequence[str],
    trials: Sequence[SearchTrial],
    measured: Iterable[TrialMeasurement],
    trainings: Sequence[SearchTraining],
) -> CostTable:
    """The table of the `trials` of a `specification` on `devices`, from what was `measured` and `trainings`.

    A device is in the environment of its last batch; what it measured in another, or with power of another
    scope, counts no more, and the first measurement of a trial counts.
    """
    latest: dict[str, TrialMeasurement] = {}
    everything = sorted(measured, key=lambda each: each.batch)
    for each in everything:
        latest[each.device] = each
    by_device: dict[str, dict[int, TrialMeasurement]] = {name: {} for name in devices}
    for each in everything:
        last = latest[each.device]
        if each.device in by_device and (each.environment, each.scope) == (last.environment, last.scope):
            by_device[each.device].setdefault(each.trial, each)
    return CostTable(specification, trials, by_device, trainings)


def _cost(name: str, value: float) -> float:
    logarithm = math.log10(value) if value > 0 else math.nan
    return -logarithm if OBJECTIVES[name].maximize else logarithm


def _shown(name: str, value: float) -> str:
    objective = OBJECTIVES[name]
    return f"{value * objective.scale:.4g} {objective.shown_unit}".rstrip()
