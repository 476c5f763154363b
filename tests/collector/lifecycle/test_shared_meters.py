"""A meter that two devices name: its energy is of neither, while both are here."""

from __future__ import annotations

import dataclasses
import json

import pytest
from paretofleet_collector.model.entities import SensorInfo
from paretofleet_collector.store.attempts import ATTEMPTS
from rig import INVENTORY, end_of, samples_of

RAIL = {"stream": "power:meter/m1", "source": "meter", "rail": "m1", "scope": "wall"}
PACKAGE = {"stream": "power:rapl/package-0", "source": "rapl", "rail": "package-0", "scope": "package"}


def inventory(source="meter", rail="m1", **changes):
    return dataclasses.replace(INVENTORY, sensors=(SensorInfo(source, rail, "wall", "boxcar"),), **changes)


def facts_of_a_run(rig, session, facts):
    """What is stored of a run's facts."""
    rig.submit(devices=["box"])
    grant = rig.lease(session)
    chunks = samples_of(grant.key)
    for chunk in chunks:
        rig.send(session, chunk)
    rig.end(session, end_of(grant.key, chunks, facts=facts))
    rows = rig.context.store.read_now(lambda connection: connection.execute(ATTEMPTS.select()).all())
    return json.loads(rows[0].facts_json)


def test_a_meter_of_two_devices_is_missing_in_the_run_of_each(rig, caplog):
    session, other = rig.joined("box"), rig.joined("tx1-3")
    rig.hello(other, inventory=inventory())
    facts = facts_of_a_run(rig, session, {"sensors": [RAIL, PACKAGE], "flags": ["short_protocol"]})
    assert facts["flags"] == ["short_protocol", "meter_shared"]
    wall, package = facts["sensors"]
    assert wall["missing"].startswith("the meter m1 also gives its figures to tx1-3, and one meter")
    assert package == PACKAGE
    assert "the meter m1 also gives its figures to tx1-3" in caplog.text


@pytest.mark.parametrize(
    "theirs", [inventory(rail="m2"), inventory(source="sim"), inventory(simulated=True), INVENTORY]
)
def test_other_meters_and_simulated_devices_share_nothing(rig, theirs):
    session, other = rig.joined("box"), rig.joined("tx1-3")
    rig.hello(other, inventory=theirs)
    said = {"sensors": [RAIL], "flags": []}
    facts = facts_of_a_run(rig, session, said)
    assert {key: facts[key] for key in said} == said


def test_a_device_that_left_before_the_run_shares_nothing(rig):
    other = rig.joined("tx1-3")
    rig.hello(other, inventory=inventory())
    rig.clock[0] += 10 * rig.context.offline_after_s
    assert "missing" not in facts_of_a_run(rig, rig.joined("box"), {"sensors": [RAIL]})["sensors"][0]


def test_facts_without_sensors_are_stored_as_they_are(rig):
    session, other = rig.joined("box"), rig.joined("tx1-3")
    rig.hello(other, inventory=inventory())
    assert facts_of_a_run(rig, session, {"sensors": None})["sensors"] is None
