"""A real board's power sensor through our energy rules, and simulated logs like its own.

`bench/nano.py` is the long form.
"""

from __future__ import annotations

import nano_logs
import numpy as np
import pytest
from nano_logs import QUANTUM_W, Log

#: As many lines as a log has, and how a reading scatters: white, of about 5 %.
LINES, INTERVAL_S, SCATTER = 59, 1.027, 0.05
SHORT_EVERY = 10


def simulated_log(seed: int, drift: float = 0.006) -> Log:
    """A log of known load: scatter and steps, the first half more by `drift`, the last line without load."""
    rng = np.random.default_rng(seed)
    trend = drift * np.linspace(1, -1, LINES)
    watts = rng.uniform(4.5, 7.5) * (1 + trend + SCATTER * rng.standard_normal(LINES))
    watts[-1] *= 0.5
    milliwatts = np.round(watts / QUANTUM_W) * QUANTUM_W * 1e3
    return Log({rail: np.round(milliwatts).astype(np.int64) for rail in nano_logs.RAILS}, LINES * INTERVAL_S)


@pytest.fixture(scope="module", params=["simulated", "real"])
def logs(request):
    if request.param == "simulated":
        return [simulated_log(seed) for seed in range(400)]
    if not nano_logs.LOGS.exists():
        pytest.skip(f"the logs of a Jetson Nano are not at {nano_logs.LOGS}")
    return nano_logs.read_logs(nano_logs.LOGS)[::SHORT_EVERY]


def test_two_halves_of_a_window_agree_as_often_as_their_uncertainties_say(logs):
    halves = [nano_logs.halves(log, "in_mw") for log in logs]
    covered = np.mean([nano_logs.agree(pair) for pair in halves])
    assert 0.94 <= covered <= 0.99
    assert np.mean([nano_logs.agree(pair, plain=True) for pair in halves]) < covered


def test_odd_and_even_lines_agree(logs):
    assert np.mean([nano_logs.agree(nano_logs.odd_and_even(log, "in_mw")) for log in logs]) >= 0.94


def test_a_window_that_ended_early_is_as_far_from_the_whole_as_it_says_at_most(logs):
    """And the agent, which ends it, says what the report says later."""
    stops = [(stop, log) for log in logs if (stop := nano_logs.early_stop(log, "in_mw"))]
    assert len(stops) > 20
    covered = []
    for stop, log in stops:
        off = abs(stop.mean.power_w / nano_logs.whole(log, "in_mw").power_w - 1)
        reported = stop.mean.uncertainty_w / stop.mean.power_w
        covered.append(off <= min(reported, stop.agent_relative))
        assert stop.lines >= 30
        assert stop.agent_relative <= 0.02
        assert stop.agent_relative == pytest.approx(reported, rel=0.06)
    assert np.mean(covered) >= 0.94
    rests = [nano_logs.agree((stop.mean, stop.rest)) for stop, _ in stops if stop.rest is not None]
    assert np.mean(rests) >= 0.93


def test_the_last_line_where_the_load_had_ended_is_in_no_window(logs):
    assert all(nano_logs.last_line_is_outside(log, "in_mw") for log in logs)
    last = [log.milliwatts["in_mw"][-1] / log.milliwatts["in_mw"][2:-3].mean() for log in logs]
    assert np.mean(last) < 0.95, "it is a trap indeed"


def test_a_few_readings_are_covered_and_hardly_ever_claim_two_percent(logs):
    """Three of a power that alternates are alike now and then; the readings around them are not."""
    wholes = np.array([nano_logs.whole(log, "in_mw").power_w for log in logs])
    for count in (2, 3, 4, 6):
        few = [nano_logs.few_lines(log, "in_mw", count) for log in logs]
        off_w = np.abs(np.array([mean.power_w for mean in few]) - wholes)
        assert np.mean(off_w <= [mean.uncertainty_w for mean in few]) >= 0.94
        assert np.mean([mean.uncertainty_w <= 0.02 * mean.power_w for mean in few]) <= 0.03
