"""Sweeps that spread their blocks over boots of a device."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_collector.jobs import report
from paretofleet_collector.model.messages import Hello, Session
from paretofleet_collector.planning.schedule import REBOOT_S
from paretofleet_collector.service import agents, leases
from rig import INVENTORY, Rig, end_of, samples_of


def greet(rig: Rig, session: Session, boot_id: str, *, may_reboot: bool) -> Session:
    """The device says hello, in a new session, from a boot."""
    again = replace(session, instance=session.instance + 1, session_id=boot_id + str(session.instance))
    said = Hello(again, boot_id, "0.1.0", 1, INVENTORY, (), {}, "cpu", may_reboot, machine="board")
    rig.do(agents.hello(rig.context, said))
    return again


def measure(rig: Rig, session: Session, boot_id: str) -> int:
    """Runs all that is granted in a boot; how much that was."""
    count = 0
    while (grant := rig.lease(session)) is not None:
        made = samples_of(grant.key)
        for one in made:
            rig.send(session, one)
        rig.end(session, end_of(grant.key, made, facts={"boot_id": boot_id}))
        rig.seal()
        count += 1
    return count


def flags(rig: Rig, sweep_id: str) -> set[str]:
    inputs = rig.context.store.read_now(lambda connection: report.report_inputs(connection, sweep_id))
    return {flag for one in inputs for flag in one.flags}


def spread(rig: Rig) -> str:
    repeats = {"min": 4, "max": 4, "boots": 2}
    return rig.submit(repeats=repeats).sweep_id


def test_a_device_is_asked_to_reboot_between_its_blocks(rig):
    session = greet(rig, rig.joined(), "first", may_reboot=True)
    sweep_id = spread(rig)
    assert rig.sweep(sweep_id).notes == ()
    assert measure(rig, session, "first") == 2
    leased = rig.do(leases.lease(rig.context, session))
    assert "spreads its blocks over boots: 2 of 4 blocks are done within this boot" in leased.reboot
    assert rig.sweep(sweep_id).notes == (
        "waiting for a reboot of box: 2 of 4 blocks are done within this boot",
    )
    session = greet(rig, session, "second", may_reboot=True)
    assert rig.sweep(sweep_id).notes == ()
    assert measure(rig, session, "second") == 2
    assert rig.sweep(sweep_id).state == "finished"
    assert "within_one_boot" not in flags(rig, sweep_id)


def test_without_the_owner_s_permission_nothing_waits_and_the_rows_say_so(rig):
    session = greet(rig, rig.joined(), "first", may_reboot=False)
    sweep_id = spread(rig)
    assert rig.sweep(sweep_id).notes == ("box does not allow reboots, so its blocks run within one boot",)
    assert measure(rig, session, "first") == 4
    assert rig.sweep(sweep_id).state == "finished"
    assert "within_one_boot" in flags(rig, sweep_id)


@pytest.mark.parametrize("way", ["it stays up", "its command fails"])
def test_a_device_that_does_not_come_back_in_another_boot_goes_on_in_this_one(rig, way):
    session = greet(rig, rig.joined(), "first", may_reboot=True)
    sweep_id = spread(rig)
    measure(rig, session, "first")
    if way == "it stays up":
        session = greet(rig, session, "first", may_reboot=True)
        assert rig.lease(session) is None
        rig.clock[0] += REBOOT_S
        assert "was asked to reboot and did not" in rig.sweep(sweep_id).notes[0]
    else:
        session = greet(rig, session, "first", may_reboot=False)
    assert measure(rig, session, "first") == 2
    assert "within_one_boot" in flags(rig, sweep_id)


def test_a_sweep_that_asks_for_one_boot_says_nothing_of_boots(rig):
    session = greet(rig, rig.joined(), "first", may_reboot=False)
    sweep_id = rig.submit(runs_min=2, runs_max=2).sweep_id
    assert rig.sweep(sweep_id).notes == ()
    assert measure(rig, session, "first") == 2
    assert "within_one_boot" not in flags(rig, sweep_id)
