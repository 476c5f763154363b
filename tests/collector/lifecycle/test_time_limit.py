"""A run that is too slow for its time limit: final at once; and the limit that a sweep gives."""

from __future__ import annotations

import json

import pytest
from paretofleet_collector.planning.protocols import PROTOCOLS
from rig import end_of

SLOW = {"too_slow": {"iteration_s": 120.0, "timeout_s": 300.0}}


@pytest.mark.parametrize(
    ("facts", "state"), [(SLOW, "failed"), ({}, "pending"), ({"too_slow": None}, "pending")]
)
def test_a_timeout_is_tried_again_unless_the_next_try_would_end_the_same(rig, facts, state):
    session = rig.joined()
    sweep = rig.submit(runs_min=3, runs_max=3)
    grant = rig.lease(session)
    rig.end(session, end_of(grant.key, [], "timeout", facts))
    assert rig.state(grant.key) == state
    waits = rig.sweep(sweep.name).runs_by_state.get("pending", 0)
    assert waits == (0 if state == "failed" else 3), "what would fail in the same way is skipped"


def test_too_slow_means_nothing_of_another_reason(rig):
    session = rig.joined()
    rig.submit()
    grant = rig.lease(session)
    rig.end(session, end_of(grant.key, [], "crashed", SLOW))
    assert rig.state(grant.key) == "pending"


@pytest.mark.parametrize(
    ("given", "expected"), [({}, PROTOCOLS["quick"].limits.timeout_s), ({"timeout_s": 1234}, 1234.0)]
)
def test_a_lease_carries_the_time_limit_of_its_sweep(rig, given, expected):
    session = rig.joined()
    rig.submit(**given)
    assert rig.lease(session).limits.timeout_s == expected


def test_a_time_limit_is_no_part_of_a_configuration(rig):
    session = rig.joined()
    leases = []
    for given in ({}, {"timeout_s": 1234}):
        rig.submit(**given)
        leases.append(rig.lease(session))
        rig.end(session, end_of(leases[-1].key, [], "unsupported"))
    first, second = leases
    assert first.planned.configuration_id == second.planned.configuration_id
    assert "timeout" not in json.dumps(first.planned.configuration.as_json())
