"""What becomes of a device's part of a sweep while the device is away."""

from __future__ import annotations

from paretofleet_collector.model.messages import AttemptState
from paretofleet_collector.service import devices, sweeps
from paretofleet_collector.service.absences import Absences
from rig import Rig

HOUR = 3_600.0


def runs(rig: Rig, sweep_id: str) -> dict[str, int]:
    return dict(rig.sweep(sweep_id).runs_by_state)


def measure(rig: Rig, session) -> None:
    while (grant := rig.lease(session)) is not None:
        rig.upload(session, grant)
        rig.seal()


def pass_by(rig: Rig, absences: Absences, seconds: float) -> None:
    """Lets time go by, at the rhythm of a collector that looks now and then."""
    for _ in range(4):
        rig.clock[0] += seconds / 4
        rig.do(absences.look())


def test_a_device_that_stays_away_is_said_then_skipped_and_taken_up_again(rig):
    rig.joined("here")
    rig.joined("away")
    sweep_id = rig.submit(runs_min=2, runs_max=2).sweep_id
    absences = Absences(rig.context)
    rig.clock[0] += HOUR
    measure(rig, rig.joined("here", instance=2))
    assert rig.sweep(sweep_id).notes == (
        "away is offline since 1970-01-01 00:16 UTC; after 1 h its part ends as skipped (offline)",
    )
    rig.do(absences.look())
    pass_by(rig, absences, HOUR - 1)
    assert runs(rig, sweep_id) == {"sealed": 2, "pending": 2}, "not yet"
    pass_by(rig, absences, 4)
    assert runs(rig, sweep_id) == {"sealed": 2, "skipped": 2}
    shown = rig.do(sweeps.show(rig.context, sweep_id))
    assert shown.sweep.state == "finished_with_failures"
    assert shown.sweep.notes == ()
    (skipped,) = [each for each in shown.configurations if each.reason]
    assert skipped.reason == "offline"
    assert skipped.message == "away was away for 1 h; `sweep retry` takes this up again once it is back"

    rig.do(sweeps.retry(rig.context, sweep_id))
    pass_by(rig, absences, HOUR - 1)
    assert runs(rig, sweep_id) == {"sealed": 2, "pending": 2}, "it has a whole wait again"
    measure(rig, rig.joined("away", instance=2))
    assert rig.sweep(sweep_id).state == "finished"


def test_a_device_that_comes_back_has_lost_nothing(rig):
    rig.joined("away")
    sweep_id = rig.submit(wait_s=600).sweep_id
    absences = Absences(rig.context)
    for instance in (2, 3):
        rig.clock[0] += HOUR
        rig.do(absences.look())
        pass_by(rig, absences, 590)
        session = rig.joined("away", instance=instance)
        rig.do(absences.look())
    measure(rig, session)
    assert rig.sweep(sweep_id).state == "finished"


def test_what_was_measured_meanwhile_counts_when_it_comes(rig):
    session = rig.joined("away")
    sweep_id = rig.submit(runs_min=2, runs_max=2, wait_s=60).sweep_id
    grant = rig.lease(session)
    absences = Absences(rig.context)
    rig.do(absences.look())
    assert runs(rig, sweep_id)["leased"] == 1, "a lease that lasts is no absence"
    rig.clock[0] += HOUR
    rig.do(absences.look())
    pass_by(rig, absences, 61)
    assert runs(rig, sweep_id) == {"skipped": 2}
    assert rig.hello(session, grant.key).held[0].state is AttemptState.CURRENT
    rig.upload(session, grant)
    rig.seal()
    assert runs(rig, sweep_id) == {"skipped": 1, "sealed": 1}
    assert rig.lease(session) is None, "its part has ended"


def test_a_paused_device_waits_for_its_owner_and_one_that_is_busy_says_with_what(rig):
    session = rig.joined("box")
    first = rig.submit(name="first").sweep_id
    second = rig.submit(name="second").sweep_id
    assert rig.lease(session) is not None
    assert rig.sweep(first).notes == ()
    assert rig.sweep(second).notes == ("box works on first first",)
    rig.do(devices.change_device(rig.context, "box", "pause", {}))
    absences = Absences(rig.context)
    rig.clock[0] += HOUR
    rig.do(absences.look())
    pass_by(rig, absences, 2 * HOUR)
    paused = ("box is paused; `paretofleet devices resume box` ends that",)
    assert (rig.sweep(first).notes, rig.sweep(second).notes) == (paused, paused)
    assert runs(rig, second) == {"pending": 1}


def test_a_sweep_of_several_days_lets_a_device_sleep_at_night(rig):
    rig.joined("away")
    sweep_id = rig.submit(repeats={"min": 2, "max": 2, "days": 2}).sweep_id
    rig.clock[0] += HOUR
    absences = Absences(rig.context)
    rig.do(absences.look())
    pass_by(rig, absences, 35 * HOUR)
    assert runs(rig, sweep_id) == {"pending": 2}
    pass_by(rig, absences, HOUR)
    assert runs(rig, sweep_id) == {"skipped": 2}
