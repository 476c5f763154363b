"""Every scenario of the suite."""

from __future__ import annotations

from fault_kills import KILLS
from fault_ways import WAYS

SCENARIOS = (*KILLS, *WAYS)
