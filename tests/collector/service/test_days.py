"""Sweeps that spread their blocks over days: who waits, who is served meanwhile, what is said of it."""

from __future__ import annotations

from paretofleet_collector.jobs import report
from rig import Rig, end_of, samples_of

DAY = 86_400.0


def measure(rig: Rig, session) -> int:
    """Runs all that is granted; how much that was."""
    count = 0
    while (grant := rig.lease(session)) is not None:
        made = samples_of(grant.key)
        for one in made:
            rig.send(session, one)
        rig.end(session, end_of(grant.key, made, facts={"started_unix_s": rig.clock[0]}))
        rig.seal()
        count += 1
    return count


def flags(rig: Rig, sweep_id: str) -> set[str]:
    inputs = rig.context.store.read_now(lambda connection: report.report_inputs(connection, sweep_id))
    return {flag for one in inputs for flag in one.flags}


def test_a_sweep_of_two_days_waits_for_the_second_and_says_until_when(rig):
    session = rig.joined()
    sweep_id = rig.submit(repeats={"min": 4, "max": 4, "days": 2}).sweep_id
    assert rig.sweep(sweep_id).notes == ()
    assert measure(rig, session) == 2
    assert rig.sweep(sweep_id).notes == (
        "box waits for another day: 2 of 4 blocks are done; the next begins on 1970-01-02 at 00:00 UTC",
    )
    assert rig.sweep(sweep_id).state == "running"
    rig.clock[0] = DAY
    session = rig.joined(instance=2)
    assert rig.sweep(sweep_id).notes == ()
    assert measure(rig, session) == 2
    assert rig.sweep(sweep_id).state == "finished"
    assert "within_one_day" not in flags(rig, sweep_id)


def test_another_sweep_is_served_while_one_waits_for_its_day(rig):
    session = rig.joined()
    rig.submit(repeats={"min": 4, "max": 4, "days": 2}, name="long")
    other = rig.submit(repeats={"min": 2, "max": 2}, name="short").sweep_id
    assert measure(rig, session) == 4
    assert rig.sweep(other).state == "finished"
