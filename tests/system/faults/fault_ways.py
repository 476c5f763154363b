"""The way between agent and collector: slow, cut, half open, one way only, damaged; another who answers."""

from __future__ import annotations

import random
import shutil
import subprocess
import time

from farm import BIN, PATIENCE_S, Farm, wait_until
from fault_proxy import Proxy
from fault_runs import Scenario, begin
from fault_stage import Stage


def _with_trouble(stage: Stage, seconds: float, **trouble: object) -> Proxy:
    """A device whose way has `trouble` for so many seconds after its first sealed run, then none."""
    begin(stage)
    stage.wait_sealed(1)
    proxy = stage.proxies["d1"]
    for key, value in trouble.items():
        setattr(proxy, key, value)
    time.sleep(seconds)
    proxy.heal()
    return proxy


def cut_in_the_middle_of_messages(stage: Stage, chance: random.Random) -> None:
    begin(stage)
    proxy = stage.proxies["d1"]
    for _ in range(8):
        proxy.cut_after = chance.randrange(200, 60_000)
        proxy.reset()
        time.sleep(chance.uniform(0.3, 1.5))
    proxy.heal()


def reset_again_and_again(stage: Stage, chance: random.Random) -> None:
    begin(stage)
    stage.wait_sealed(1)
    proxy = stage.proxies["d1"]
    before = proxy.connections
    for _ in range(10):
        proxy.reset()
        time.sleep(chance.uniform(0.2, 0.5))
    assert proxy.connections - before <= 40, "an agent that is reset comes back with pauses"


def slow_and_late(stage: Stage, chance: random.Random) -> None:
    _with_trouble(stage, 5.0, delay_s=0.1 + 0.2 * chance.random(), bytes_s=125_000)


def dribbling(stage: Stage, chance: random.Random) -> None:
    _with_trouble(stage, 5.0, bytes_s=8_000 + chance.randrange(8_000))


def answers_are_lost(stage: Stage, chance: random.Random) -> None:
    proxy = _with_trouble(stage, 2.0 + 2 * chance.random(), swallow_down=True)
    proxy.reset()


def half_open(stage: Stage, _chance: random.Random) -> None:
    """Both sides believe in a connection on which nothing passes; the agent notices by itself."""
    begin(stage)
    stage.wait_sealed(1)
    proxy = stage.proxies["d1"]
    before = proxy.connections
    proxy.forget_connections()
    wait_until(lambda: proxy.connections > before, "a new connection")


def bits_are_flipped(stage: Stage, chance: random.Random) -> None:
    _with_trouble(stage, 5.0, flip_every=chance.randrange(20_000, 60_000))


def another_collector_answers(stage: Stage, _chance: random.Random) -> None:
    """While samples wait, another collector stands on the port for some seconds."""
    begin(stage)
    proxy = stage.proxies["d1"]
    other = Farm(stage.root / "elsewhere")
    other.root.mkdir()
    other.start_collector()
    try:
        stage.leave_waiting()
        proxy.target = other.address
        proxy.reset()
        wait_until(lambda: list((stage.root / "d1").glob("spool-for-*/spool.db")), "a spool set aside")
    finally:
        other.close()
    stage.serve()


def carried_by_hand(stage: Stage, chance: random.Random) -> None:
    """What waits is pushed from a copy of the agent's folder over a way that breaks, then twice."""
    begin(stage)
    stage.leave_waiting()
    stage.kill("d1")
    stick = stage.root / "stick"
    shutil.copytree(stage.root / "d1", stick)
    stage.serve()
    way = stage.proxies.setdefault("stick", Proxy(stage.address))
    way.cut_after = chance.randrange(2_000, 10_000)
    for cut_after in (chance.randrange(2_000, 10_000), None, None):
        way.cut_after = cut_after
        command = [BIN / "paretofleet-agent", "push", stick, "--collector", way.address]
        is_whole = cut_after is None
        patience_s = PATIENCE_S if is_whole else 10
        try:
            subprocess.run(command, env=stage.environment(), timeout=patience_s, check=is_whole)
        except subprocess.TimeoutExpired:
            assert not is_whole
    stage.agent("d1")


WAYS = (
    Scenario("cut in the middle of messages", cut_in_the_middle_of_messages),
    Scenario("reset again and again", reset_again_and_again),
    Scenario("1 Mbit/s and 100 to 300 ms", slow_and_late),
    Scenario("bytes dribble", dribbling),
    Scenario("answers are lost", answers_are_lost),
    Scenario("a connection is half open", half_open),
    Scenario("bits are flipped on the way", bits_are_flipped),
    Scenario("another collector on the port", another_collector_answers),
    Scenario("a spool is carried by hand", carried_by_hand),
)
