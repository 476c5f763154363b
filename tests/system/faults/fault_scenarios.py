"""Every scenario of the suite, and which of them the tests play each time."""

from __future__ import annotations

from fault_cables import CABLES
from fault_disks import DISKS
from fault_kills import KILLS
from fault_memory import MEMORY
from fault_places import KILLED_AT
from fault_stores import STORES
from fault_ways import WAYS

SCENARIOS = (*KILLS, *KILLED_AT, *MEMORY, *WAYS, *CABLES, *DISKS, *STORES)

#: One or more of each kind, so that they take some minutes; `make soak` plays all.
SHORT = (
    "kills, stops and ends at random",
    "an agent stands still past its lease",
    "killed: an agent, its attempt spooled",
    "killed: an agent, its chunks acknowledged",
    "killed: the collector, an end not committed",
    "killed: the worker, a file not listed",
    "the worker has no memory three times",
    "the worker dies at every seal",
    "analysis fails at every seal",
    "cut in the middle of messages",
    "answers are lost",
    "30 % of the packets are lost",
    "another collector on the port",
    "a spool is carried by hand",
    "an agent's disk fails (EIO)",
    "an agent's disk is full",
    "an agent's spool is damaged",
    "the lake is read-only (EROFS)",
    "the collector's disk is full",
    "clocks jump by a day",
    *(scenario.name for scenario in STORES),
)
