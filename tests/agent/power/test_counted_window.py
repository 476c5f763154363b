"""The energy that a counter shows of a window, between its refreshes, and how far it may be off."""

from __future__ import annotations

import math
import random

import pytest
from paretofleet_agent.power.counted_window import counter_curve, counter_uncertainty
from paretofleet_agent.power.estimators import polling_s
from paretofleet_agent.power.rail_facts import rail_facts
from paretofleet_agent.power.window_energy import WindowSpan, window_energy
from paretofleet_agent.simulate.sensor_models import MODELS, Curve, with_faults

S = 10**9
FACTS = {
    "stream": "power:s/r",
    "source": "s",
    "rail": "r",
    "scope": "package",
    "kind": "counter",
    "quantum_j": 1e-6,
    "period_s": 0.1,
    "read_s": 0.1,
}


def counter_of(watts, seconds=10):
    """A counter of steady power, read ten times a second."""
    times = [round(at * S / 10) for at in range(seconds * 10 + 1)]
    return times, [round(watts * at * 1e5) for at in range(seconds * 10 + 1)]


def test_the_ends_of_a_window_lie_between_refreshes():
    rail = rail_facts(FACTS, 0.1)
    curve = counter_curve(rail, counter_of(50))
    assert curve.between(2.03, 5.58) == pytest.approx(50 * 3.55)
    assert counter_uncertainty(rail, curve, 2.03, 5.58, 50.0) == pytest.approx(
        2.03 * 0.1 / 3.55 / math.sqrt(6), rel=0.02
    )


def test_work_that_comes_and_goes_between_refreshes_is_less_sure():
    steady = counter_of(50)
    times, bursts = steady[0], [value + (at % 2) * 4_000_000 for at, value in enumerate(steady[1])]
    rail = rail_facts(FACTS, 0.1)
    unsure = counter_uncertainty(rail, counter_curve(rail, (times, bursts)), 2.0, 5.0, 50.0)
    assert unsure > 1.3 * counter_uncertainty(rail, counter_curve(rail, steady), 2.0, 5.0, 50.0)


def test_a_counter_that_began_anew_or_moved_once_has_no_curve():
    times, values = counter_of(50)
    rail = rail_facts(FACTS, 0.1)
    assert counter_curve(rail, (times, [*values[:50], *values[:-50]])) is None
    assert counter_curve(rail, (times, [7] * len(times))) is None


@pytest.mark.parametrize("kind", ["rapl", "nvml-counter"])
def test_the_truth_lies_within_what_is_said_of_the_error(kind):
    inside = 0
    for seed in range(60):
        rng = random.Random(seed)
        model = with_faults(MODELS[kind], seed, stale=0.01)
        curve, at_s, starts_s = Curve([(-1e3, 30.0)]), 1.0, []
        while at_s < 6.0:
            starts_s.append(at_s)
            curve.add(at_s, 100.0 * (1 + 0.03 * rng.gauss(0, 1)))
            curve.add(at_s + 0.03, 80.0)
            at_s += 0.04 * (1 + 0.02 * rng.gauss(0, 1))
        every_s = polling_s(model.kind, model.period_s, 0.0)
        reads = [every_s * (number + 0.05 * rng.random()) for number in range(int(7 / every_s))]
        shown = [(round(t_s * S), model.read(curve, t_s, number)) for number, t_s in enumerate(reads)]
        times, values = zip(*((t_ns, value) for t_ns, value in shown if value is not None))
        facts = {**model.rail("s", "r", "package").facts(), "read_s": every_s}
        begin_s, end_s = starts_s[20 + rng.randrange(20)], starts_s[-1 - rng.randrange(20)]
        window = WindowSpan(round(1.2 * S), round(begin_s * S), round(end_s * S), 0.04)
        energy = window_energy(facts, (times, values), window, every_s)
        inside += abs(energy.energy_j / curve.joules(begin_s, end_s) - 1) <= energy.relative_uncertainty
    assert inside >= 54
