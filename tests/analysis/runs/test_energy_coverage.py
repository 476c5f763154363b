"""Energy of simulated runs against their truth: the stated uncertainty holds, and no more often than it says.

`bench/energy.py` runs the long form of 4,000 windows and prints the table.
"""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_agent.power.stopping import spread_pause_s
from paretofleet_agent.simulate.sensor_models import MODELS, with_faults
from windows import KINDS, Load, random_run, run_of, steady_run

SEEDS = range(40)
PART_TIME = MODELS["nvml-part-time"]


def error_of(run):
    entry = run.entry()
    return abs(entry["energy_j"] / run.true_j - 1), entry


@pytest.fixture(scope="module")
def runs():
    return {kind: [random_run(kind, seed) for seed in SEEDS] for kind in KINDS}


def test_the_true_error_is_within_the_stated_uncertainty(runs):
    inside = []
    for some in runs.values():
        for run in some:
            error, entry = error_of(run)
            if entry["relative_uncertainty"] is not None:
                inside.append(error <= entry["relative_uncertainty"])
    assert len(inside) >= 0.95 * len(KINDS) * len(SEEDS)
    assert 0.94 <= sum(inside) / len(inside) <= 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_no_run_is_far_off(runs, kind):
    """Also a stale refresh, a failed read and a counter that wraps cost no more than a few percent."""
    assert max(error_of(run)[0] for run in runs[kind]) < 0.04


@pytest.mark.parametrize("kind", KINDS)
def test_edges_quantum_and_time_stay_within_their_bound_always(kind):
    for seed in SEEDS:
        error, entry = error_of(steady_run(kind, seed))
        assert error <= entry["error_bound"] * (1 + 1e-9), seed


@pytest.mark.parametrize("kind", KINDS)
def test_without_guards_the_bound_grows_and_still_holds(kind):
    """The sensor shows what came before and after: at d = 2 s that is percents, and the bound knows."""
    for seed in range(8):
        model = with_faults(MODELS[kind], seed)
        late_s = model.window_s / 2 + 3 * model.tau_s
        run = run_of(
            model,
            Load(10.0, 10.0, iteration_s=0.02),
            window_s=max(2.0, 12 * late_s),
            seed=seed,
            idle_w=4.0,
            guard_s=0.0,
        )
        entry = run.entry()
        if entry["energy_j"] is None:
            continue
        assert abs(entry["energy_j"] / run.true_j - 1) <= entry["error_bound"] + late_s / entry["window_s"]


# Aliasing: a sensor that looks 25 of every 100 ms, and work that repeats with it.


def square(iteration_s, seed, **more):
    """100 W and 250 W by turns within every iteration, without any jitter to break the step."""
    load = Load(250.0, 100.0, iteration_s=iteration_s, duty=0.5, pause_s=more.pop("pause_s", 0.0))
    return run_of(with_faults(PART_TIME, seed), load, window_s=10.0, seed=seed, idle_w=60.0, **more)


@pytest.mark.parametrize("iteration_s", [0.1, 0.05, 0.2, 0.3])
def test_work_in_step_with_a_part_time_sensor_is_flagged_and_has_no_uncertainty(iteration_s):
    worst = 0.0
    for seed in range(6):
        error, entry = error_of(square(iteration_s, seed))
        worst = max(worst, error)
        assert "aliasing_possible" in entry["flags"]
        assert entry["relative_uncertainty"] is None
    assert iteration_s > 0.1 or worst > 0.05, "it is a trap indeed"


@pytest.mark.parametrize("iteration_s", [0.1, 0.05, 0.2, 0.025, 0.033, 0.3])
def test_pauses_that_spread_the_phases_bring_the_error_to_two_percent(iteration_s):
    pause_s = spread_pause_s(iteration_s, period_s=0.1, window_s=0.025)
    assert pause_s
    for seed in range(6):
        run = square(iteration_s, seed, pause_s=pause_s, facts={"phase_spread": {"pause_s": pause_s}})
        error, entry = error_of(run)
        assert error <= 0.02, seed
        assert "aliasing_possible" not in entry["flags"]


def test_a_sensor_that_converts_when_it_is_read_is_read_at_random_and_so_cannot_keep_step():
    """Read on a strict grid of 50 ms it sees one place of work of 50 ms, which is flagged."""
    load, within, worst = Load(12.0, 4.0, iteration_s=0.05, duty=0.5), [], 0.0
    for seed in range(12):
        model = with_faults(MODELS["ina3221-triggered"], seed)
        strict, spread = (
            run_of(model, load, window_s=10.0, seed=seed, idle_w=2.0, read_spread=at_random)
            for at_random in (False, True)
        )
        error, entry = error_of(strict)
        worst = max(worst, error)
        assert "aliasing_possible" in entry["flags"]
        error, entry = error_of(spread)
        assert "aliasing_possible" not in entry["flags"]
        within.append(error <= entry["relative_uncertainty"])
    assert worst > 0.1, "it is a trap indeed"
    assert np.mean(within) >= 0.9


@pytest.mark.parametrize("kind", ["nvml-full", "nvml-average", "nvml-counter", "ina3221-continuous"])
def test_a_sensor_that_always_looks_cannot_alias(kind):
    load = Load(250.0, 100.0, iteration_s=0.1, duty=0.5)
    for seed in range(4):
        run = run_of(with_faults(MODELS[kind], seed), load, window_s=10.0, seed=seed, idle_w=60.0)
        error, entry = error_of(run)
        assert "aliasing_possible" not in entry["flags"]
        assert error <= 0.02
