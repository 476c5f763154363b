"""What a training costs by its steps: epochs x samples x what an item of a step took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.statistics.intervals import RUNS_MIN
from paretofleet_analysis.statistics.resolution import grid_step


@dataclass(frozen=True)
class MeasuredSteps:
    """Steps of one configuration in one environment: of each counted run the seconds and joules of an item.

    `item_j` holds None for a run without an energy. `device`: where they were measured, by its name; `maker`:
    what made them, in words.
    """

    device: str
    maker: str
    item_s: tuple[float, ...]
    item_j: tuple[float | None, ...]


def cheapest(steps: Sequence[MeasuredSteps]) -> MeasuredSteps | None:
    """Those of the `steps` with the least seconds of an item, among those with enough runs for an interval.

    Where none has as many, among all; None where there are none.
    """
    enough = [each for each in steps if len(each.item_s) >= RUNS_MIN] or steps
    return min(enough, key=lambda each: sum(each.item_s) / len(each.item_s), default=None)


def costs_of(steps: MeasuredSteps, epochs: float, samples: int) -> dict[str, object]:
    """What so many `epochs` of so many `samples` cost by the `steps`, as `training_columns` reads it.

    One value for each run; an energy where each run has one. `grids`: on which grid the costs stand, since
    that of an item is multiplied, too. Raises ReportError for a number that is not positive.

    >>> found = costs_of(MeasuredSteps("desk", "torch 2", (0.5, 0.25), (4.0, None)), epochs=10, samples=100)
    >>> found["s"], found["energy_j"], found["images_s"], found["source"]
    ([500.0, 250.0], [4000.0, None], [2.0, 4.0], 'epochs x samples x step: torch 2 on desk')
    """
    if not epochs > 0 or not samples > 0:
        raise ReportError(f"{epochs:g} epochs of {samples} samples are no training: give numbers above 0")
    items = epochs * samples
    return {
        "s": [items * each for each in steps.item_s],
        "energy_j": [None if each is None else items * each for each in steps.item_j],
        "grids": {"s": items * _grid(steps.item_s), "energy_j": items * _grid(steps.item_j)},
        "images_s": [1.0 / each for each in steps.item_s],
        "source": f"epochs x samples x step: {steps.maker} on {steps.device}",
        "device": steps.device,
    }


def _grid(values: Sequence[float | None]) -> float:
    """The step of the grid on which the `values` stand; 0 where none shows."""
    return grid_step(np.array([value for value in values if value is not None])) or 0.0
