"""Every scenario of the suite."""

from __future__ import annotations

from fault_disks import DISKS
from fault_kills import KILLS
from fault_places import KILLED_AT
from fault_stores import STORES
from fault_ways import WAYS

SCENARIOS = (*KILLS, *KILLED_AT, *WAYS, *DISKS, *STORES)
