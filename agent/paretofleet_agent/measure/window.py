"""The measured window of a run: long enough for its times and, where there is a sensor, for its energy."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from paretofleet_agent.measure import series as decide
from paretofleet_agent.measure.power_session import Sampling
from paretofleet_agent.model import Limits
from paretofleet_agent.power import stopping

#: What must be left of a run's time for a further block that only its energy asks for.
SPARE_S = 10.0


@dataclass
class Window:
    """Decides after each block. A short protocol keeps its limits, whatever its energy would need.

    `one_block`: the runtime starts anew with every block, so that the window is one of them. `deadline_s`, by
    time.monotonic, is when the run must have ended: no energy is worth its times.
    """

    limits: Limits
    power: Sampling
    deadline_s: float
    one_block: bool
    capped: bool = False
    uncertainty: float | None = None

    @property
    def energy_decides(self) -> bool:
        """Whether the window goes on until its energy is known well."""
        return self.power.decides and not self.limits.is_short

    def has_enough(self, series: decide.Series) -> bool:
        """Whether times and energy are known well enough, or as well as they will be (then `capped`)."""
        if not decide.enough(series, self.limits):
            return False
        if not self.energy_decides:
            return True
        verdict = self.power.judge(series.first_ns, series.last_ns)
        self.uncertainty = verdict.uncertainty
        left_s = self.deadline_s - time.monotonic() - self.power.block_s() - self.limits.idle_s
        may_go_on = left_s >= SPARE_S and not self.one_block
        self.capped = verdict.state == stopping.CAPPED or (verdict.state == stopping.MORE and not may_go_on)
        return self.capped or verdict.state == stopping.ENOUGH

    def next_block(self, series: decide.Series) -> decide.Block:
        """The next block: for the times as `decide` says, then for the energy alone."""
        if self.one_block:
            block = decide.whole_window(self.limits)
            return replace(block, seconds=max(block.seconds, self.power.least_s()))
        if not decide.enough(series, self.limits):
            return decide.next_block(series, self.limits)
        return decide.Block(self.power.block_s(), decide.WARM_UP_BLOCK_ITERATIONS)

    def facts(self, series: decide.Series) -> dict[str, Any]:
        """What the window came to."""
        return {"seconds": series.elapsed_s, "iterations": series.n, "uncertainty": self.uncertainty}
