"""Processes that are killed at the places where it hurts most: between what must be one."""

from __future__ import annotations

import random
import time

from farm import wait_until
from fault_hook import Hook
from fault_runs import Play, Scenario
from fault_stage import Stage

AGENT, COLLECTOR = "paretofleet_agent", "paretofleet_collector"
#: What is killed, where, before or after the call, at most at its how manyth call.
PLACES = {
    "an agent, its attempt begun": ("d1", f"{AGENT}.uplink.spool:Spool.begin", "after", 3),
    "an agent, its attempt measured": ("d1", f"{AGENT}.uplink.spool:Spool.end", "before", 3),
    "an agent, its attempt spooled": ("d1", f"{AGENT}.uplink.spool:Spool.end", "after", 3),
    "an agent, its chunks acknowledged": ("d1", f"{AGENT}.uplink.spool:Spool.forget_chunks", "before", 3),
    "an agent, its chunks forgotten": ("d1", f"{AGENT}.uplink.spool:Spool.forget_chunks", "after", 3),
    "an agent, its end acknowledged": ("d1", f"{AGENT}.uplink.spool:Spool.drop", "before", 3),
    "the collector, a run granted": ("collector", f"{COLLECTOR}.store.leases:grant", "after", 3),
    "the collector, a chunk not committed": ("collector", f"{COLLECTOR}.store.chunks:insert", "after", 6),
    "the collector, an end not committed": (
        "collector",
        f"{COLLECTOR}.lifecycle.ingest:store_end",
        "after",
        3,
    ),
    "the worker, a file not written": ("collector", f"{COLLECTOR}.lake.files:Lake.put", "before", 3),
    "the worker, a file not listed": ("collector", f"{COLLECTOR}.lake.files:Lake.put", "after", 3),
    "the collector, a file not committed": ("collector", f"{COLLECTOR}.store.sealed:insert", "after", 3),
}
WORKER_DIES_S = 6.0


def killed_at(who: str, place: str, when: str, most: int) -> Play:
    def play(stage: Stage, chance: random.Random) -> None:
        hook = Hook(stage.root / "hook", place, when, chance.randint(1, most))
        stage.environments[who] = hook.variables
        stage.serve()
        stage.agent("d1")
        wait_until(hook.has_struck, f"{place} {when}")
        time.sleep(0.5)
        if stage.collector is not None and stage.collector.poll() is not None:
            stage.serve()
        if stage.agents["d1"].poll() is not None:
            stage.agent("d1")

    return play


def at_seals(place: str, when: str) -> Play:
    """Every seal of some seconds goes wrong in the same way."""

    def play(stage: Stage, _chance: random.Random) -> None:
        hook = Hook(stage.root / "hook", place, when)
        stage.environments["collector"] = hook.variables
        stage.serve()
        stage.agent("d1")
        wait_until(lambda: stage.states().get("uploaded", 0) or stage.sealed(), "an uploaded run")
        time.sleep(WORKER_DIES_S)
        hook.disarm()
        assert stage.collector is not None
        assert stage.collector.poll() is None, "the collector stays up"

    return play


KILLED_AT = (
    *(Scenario(f"killed: {name}", killed_at(*where)) for name, where in PLACES.items()),
    Scenario("the worker dies at every seal", at_seals(f"{COLLECTOR}.jobs.seal:seal", "always")),
    Scenario(
        "analysis fails at every seal", at_seals("paretofleet_analysis.runs.summary:summarize_run", "raise")
    ),
)
