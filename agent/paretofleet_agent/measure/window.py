"""The measured window of a run: long enough for its times and, where there is a sensor, for its energy."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from paretofleet_agent.measure.power_session import PowerSession
from paretofleet_agent.measure.series import BLOCK_ITERATIONS_MAX, BLOCK_S_MIN, Block, Series
from paretofleet_agent.model import Limits
from paretofleet_agent.power import stopping

#: What must be left of a run's time for a further block that only its energy asks for.
SPARE_S = 10.0


def enough(series: Series, limits: Limits) -> bool:
    """Whether `series` holds enough by `limits`: the most iterations, or the least with the least time.

    A window of a very fast model that ended by its iterations would be too short to see foreign load in it,
    so its floor passes in any case.
    """
    if series.elapsed_s < limits.window_floor_s:
        return False
    if series.n >= limits.iterations_max:
        return True
    return series.n >= limits.iterations_min and series.elapsed_s >= limits.window_min_s


def next_block(series: Series, limits: Limits) -> Block:
    """The block after `series`: not far past the least time of `limits`.

    Never past their most iterations, but for what is missing to the floor.
    """
    floor_left_s = limits.window_floor_s - series.elapsed_s
    if series.n >= limits.iterations_max and floor_left_s > 0:
        return Block(max(min(limits.block_s, floor_left_s), BLOCK_S_MIN), BLOCK_ITERATIONS_MAX)
    most = max(1, limits.iterations_max - series.n)
    left_s = limits.window_min_s - series.elapsed_s
    if left_s > 0:
        return Block(seconds=max(min(limits.block_s, left_s), BLOCK_S_MIN), max_iterations=most)
    missing = max(1, limits.iterations_min - series.n)
    return Block(seconds=limits.block_s, max_iterations=min(most, missing))


def whole_window(limits: Limits) -> Block:
    """The window as one block within `limits`, for a runtime that starts anew with every block.

    Where the limits have a floor all that the block worked counts: iterations alone cannot keep to it.
    """
    most = BLOCK_ITERATIONS_MAX if limits.window_floor_s else limits.iterations_max
    return Block(max(limits.window_min_s, limits.window_floor_s), most, limits.iterations_min)


@dataclass
class Window:
    """Decides after each block. A short protocol keeps its limits, whatever its energy would need.

    `one_block`: the runtime starts anew with every block, so that the window is one of them. `deadline_s`, by
    time.monotonic, is when the run must have ended: no energy is worth its times.
    """

    limits: Limits
    power: PowerSession
    deadline_s: float
    one_block: bool
    capped: bool = False
    uncertainty: float | None = None

    @property
    def energy_decides(self) -> bool:
        """Whether the window goes on until its energy is known well."""
        return self.power.decides and not self.limits.is_short

    def has_enough(self, series: Series) -> bool:
        """Whether times and energy are known well enough, or as well as they will be (then `capped`)."""
        if not enough(series, self.limits):
            return False
        if not self.energy_decides:
            return True
        verdict = self.power.judge(series.first_ns, series.last_ns)
        self.uncertainty = verdict.uncertainty
        left_s = self.deadline_s - time.monotonic() - self.power.block_s() - self.limits.idle_s
        may_go_on = left_s >= SPARE_S and not self.one_block
        self.capped = verdict.state == stopping.CAPPED or (verdict.state == stopping.MORE and not may_go_on)
        return self.capped or verdict.state == stopping.ENOUGH

    def next_block(self, series: Series) -> Block:
        """The next block: for the times as `next_block` says, then for the energy alone."""
        if self.one_block:
            block = whole_window(self.limits)
            return replace(block, seconds=max(block.seconds, self.power.least_s()))
        if not enough(series, self.limits):
            return next_block(series, self.limits)
        return Block(self.power.block_s(), BLOCK_ITERATIONS_MAX)

    def facts(self, series: Series) -> dict[str, Any]:
        """What the window came to."""
        return {"seconds": series.elapsed_s, "iterations": series.n, "uncertainty": self.uncertainty}
