"""Packets that are lost, late, doubled and out of order, and a cable that is pulled: below TCP."""

from __future__ import annotations

import random
import time

from fault_runs import Play, Scenario
from fault_stage import Stage
from fault_wire import Wire, why_no_wire


def _wired(stage: Stage, chance: random.Random) -> Wire:
    """Starts the collector and a device at the far end of a cable, until its first run is sealed."""
    wire = Wire(random.Random(chance.random()))
    stage.at_close.append(wire.close)
    stage.wires["d1"] = wire
    stage.serve()
    stage.agent("d1")
    stage.wait_sealed(1)
    return wire


def with_packets(seconds: float, **trouble: float) -> Play:
    """A device whose packets have `trouble` for so many seconds."""

    def play(stage: Stage, chance: random.Random) -> None:
        wire = _wired(stage, chance)
        for key, value in trouble.items():
            setattr(wire, key, value)
        time.sleep(seconds)
        assert wire.passed, "no packet came by the cable"
        wire.heal()

    return play


def cable_is_pulled(stage: Stage, chance: random.Random) -> None:
    """No RST, no FIN: for longer than either side trusts a silent connection."""
    wire = _wired(stage, chance)
    wire.is_pulled = True
    time.sleep(30.0)
    assert wire.lost, "nothing was sent meanwhile"
    wire.heal()


CABLES = (
    Scenario("1 % of the packets are lost", with_packets(6.0, loss=0.01), unless=why_no_wire),
    Scenario("5 % of the packets are lost", with_packets(6.0, loss=0.05), unless=why_no_wire),
    Scenario("30 % of the packets are lost", with_packets(8.0, loss=0.3), unless=why_no_wire),
    Scenario(
        "packets are late, doubled and out of order",
        with_packets(6.0, delay_s=0.05, jitter_s=0.15, twice=0.05),
        unless=why_no_wire,
    ),
    Scenario("the cable is pulled and put back", cable_is_pulled, unless=why_no_wire),
)
