"""What is granted without reading the history is what the whole history says."""

from __future__ import annotations

import random

import pytest
from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.planning import schedule
from paretofleet_collector.store import runs, sweeps


@pytest.mark.parametrize("seed", range(6))
def test_each_grant_is_the_step_that_follows_from_the_whole_history(rig, seed):
    rng = random.Random(seed)
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(1, 2, 4, 8), runs_min=3, runs_max=3)

    def rule(connection) -> schedule.Step:
        repeats = sweeps.repeats(connection, sweep.sweep_id)
        return transitions.next_step(connection, sweep.sweep_id, session.device_id, repeats, rig.clock[0])

    for _ in range(60):
        step = rig.context.store.read_now(rule)
        grant = rig.lease(session)
        if grant is None:
            break
        if isinstance(step, schedule.GrantRun):
            assert grant.key.run_id == step.run_id
        else:
            assert isinstance(step, schedule.FailRun), "which comes before the grant of another run"
        chance = rng.random()
        if chance < 0.2:
            rig.fail(session, grant, rng.choice(["crashed", "oom", "unsupported", "timeout"]))
        elif chance < 0.4:
            rig.clock[0] += 61
            session = rig.joined(instance=session.instance + 1)
        else:
            rig.upload(session, grant, chunks=1, each=2)
        assert not isinstance(rig.context.store.read_now(rule), schedule.SkipRuns), "skipped at once"
    states = rig.sweep(sweep.name).runs_by_state
    assert sum(states.values()) == 12
    assert not rig.context.store.read_now(lambda connection: runs.in_state(connection, "pending"))
