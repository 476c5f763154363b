"""Processes that are killed, stopped and ended, at random moments and at named places of the code."""

from __future__ import annotations

import random
import signal
import time

from farm import descendants, is_runner, wait_until
from fault_runs import Scenario, begin
from fault_stage import Stage

EVENTS = 5


def kills(stage: Stage, chance: random.Random) -> None:
    """At least five times a process is killed, told to end or stopped for a while, whichever comes."""
    begin(stage, devices=2)
    for _ in range(EVENTS + chance.randrange(3)):
        time.sleep(chance.uniform(0.1, 2.0))
        who = chance.choice(("collector", "d1", "d2"))
        number = chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP))
        stage.kill(who, number)
        time.sleep(chance.uniform(0.0, 1.0))
        if number == signal.SIGSTOP:
            stage.kill(who, signal.SIGCONT)
        elif who == "collector":
            stage.serve()
        else:
            stage.agent(who)


def both_at_once(stage: Stage, chance: random.Random) -> None:
    begin(stage)
    for _ in range(3):
        stage.wait_sealed(stage.sealed() + 1)
        time.sleep(chance.uniform(0.0, 0.5))
        stage.kill("d1")
        stage.kill("collector")
        stage.serve()
        stage.agent("d1")


def collector_stands_still(stage: Stage, chance: random.Random) -> None:
    begin(stage)
    stage.wait_sealed(2)
    stage.kill("collector", signal.SIGSTOP)
    time.sleep(4 + chance.random())
    stage.kill("collector", signal.SIGCONT)


def agent_stands_still_past_its_lease(stage: Stage, chance: random.Random) -> None:
    stage.serve(lease_s=2.0)
    stage.agent("d1")
    stage.wait_sealed(1)
    time.sleep(chance.uniform(0.0, 1.0))
    stage.kill("d1", signal.SIGSTOP)
    time.sleep(4.0)
    stage.kill("d1", signal.SIGCONT)


def runner_is_killed(stage: Stage, chance: random.Random) -> None:
    begin(stage)
    stage.wait_sealed(1)
    for _ in range(2):
        runners = wait_until(
            lambda: [each for each in descendants(stage.agents["d1"].pid) if is_runner(each)], "a runner"
        )
        time.sleep(chance.uniform(0.0, 0.3))
        for each in runners:
            try:
                each.kill()
            except Exception:  # noqa: BLE001, S112 - it has ended meanwhile
                continue
        time.sleep(1.0)


KILLS = (
    Scenario("kills, stops and ends at random", kills, devices=2),
    Scenario("agent and collector killed at once", both_at_once),
    Scenario("a runner is killed in its run", runner_is_killed),
    Scenario("the collector stands still", collector_stands_still),
    Scenario("an agent stands still past its lease", agent_stands_still_past_its_lease),
)
