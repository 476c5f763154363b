"""What a slow model costs: what fits into its time limit is measured, and what cannot fit is told at once."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_series import QUICK, STANDARD
from paretofleet_agent.config import VariableSettings
from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.measure import time_limit
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.measure.time_limit import IterationCost

LIMITS = st.sampled_from([QUICK, STANDARD])


def test_what_fits_is_asked_for_as_it_was():
    limits = dataclasses.replace(QUICK, timeout_s=300.0)
    assert time_limit.fitted(limits, IterationCost(0.01), 290.0) == limits


def test_case_20_an_iteration_of_20_s_in_300_s_gets_fewer_iterations():
    limits = dataclasses.replace(QUICK, timeout_s=300.0)
    fitted = time_limit.fitted(limits, IterationCost(20.0), 220.0)
    assert time_limit.is_cut(fitted, limits)
    n = fitted.warm_up_min_iterations + fitted.iterations_min
    assert n == 9
    assert (fitted.warm_up_min_iterations, fitted.iterations_min) == (2, 7)


def test_too_few_iterations_are_one_failure_that_names_the_option():
    limits = dataclasses.replace(QUICK, timeout_s=300.0)
    with pytest.raises(AttemptFailed, match=r"20 s.*300 s.*--timeout 420") as failed:
        time_limit.fitted(limits, IterationCost(20.0), 90.0)
    assert failed.value.reason == "timeout"
    assert failed.value.facts == {"too_slow": {"iteration_s": 20.0, "timeout_s": 300.0}}


@given(LIMITS, st.floats(1e-5, 200), st.floats(1, 2000), st.integers(1, 3), st.floats(0, 4))
def test_what_is_asked_for_always_fits_or_is_refused(limits, iteration_s, left_s, others, other_s):
    cost = IterationCost(iteration_s, others, other_s)
    try:
        fitted = time_limit.fitted(limits, cost, left_s)
    except AttemptFailed:
        free_s = left_s - other_s - others * cost.every_s
        assert free_s < time_limit.ITERATIONS_MIN * cost.every_s
        return
    warm_up_s = max(fitted.warm_up_min_s, fitted.warm_up_min_iterations * iteration_s)
    window_s = max(fitted.window_min_s, fitted.window_floor_s, fitted.iterations_min * iteration_s)
    assert warm_up_s + window_s + others * iteration_s + other_s <= left_s * (1 + 1e-9)
    assert fitted.warm_up_min_iterations >= 1
    assert fitted.iterations_min >= min(3, limits.iterations_min)
    for name in (
        "warm_up_min_s",
        "warm_up_max_s",
        "window_min_s",
        "iterations_min",
        "warm_up_min_iterations",
    ):
        assert getattr(fitted, name) <= getattr(limits, name)


FAKE = """
import time
import numpy

__version__ = "0.0.1"


class Anything:
    def __getattr__(self, name):
        return name


GraphOptimizationLevel = ExecutionMode = Anything()


class SessionOptions:
    def add_session_config_entry(self, key, value):
        pass


class Item:
    def __init__(self, name):
        self.name, self.type, self.shape = name, "tensor(float)", ["N", 4]


def get_available_providers():
    return ["CPUExecutionProvider"]


class InferenceSession:
    def __init__(self, path, settings, providers):
        pass

    def get_providers(self):
        return ["CPUExecutionProvider"]

    def get_inputs(self):
        return [Item("x")]

    def get_outputs(self):
        return [Item("y")]

    def run(self, names, feed):
        open({log!r}, "a").write("run ")
        time.sleep({seconds})
        return [numpy.zeros((2, 4), numpy.float32)]
"""


@pytest.fixture
def slow(kit, here, model, tmp_path):
    """Measures with a stand-in of ONNX Runtime, of which every inference takes so many seconds."""
    log = tmp_path / "inferences"
    log.touch()

    def run(seconds, timeout_s, **limits):
        (tmp_path / "onnxruntime.py").write_text(FAKE.format(log=str(log), seconds=seconds))
        device = dataclasses.replace(here, variable_settings=VariableSettings({"PYTHONPATH": str(tmp_path)}))
        limits = dataclasses.replace(kit.QUICK, timeout_s=timeout_s, **limits)
        lease = kit.lease_of(model, limits=limits, options={"check_reference": False})
        samples, watch = kit.Samples(), kit.Watch()
        outcome = measure(lease, model, samples, watch, device)
        return outcome, samples, watch, len(log.read_text().split())

    return run


def test_an_iteration_beyond_a_third_of_the_limit_is_told_after_the_first(slow):
    outcome, _, watch, inferences = slow(4.0, 11.0)
    assert (outcome.ok, outcome.reason) == (False, "timeout")
    assert inferences == 1
    assert "warm_up" not in watch.phases
    assert "--timeout" in outcome.message
    assert outcome.facts["too_slow"]["iteration_s"] >= 4.0
    assert outcome.facts["too_slow"]["timeout_s"] == 11.0


def test_one_that_does_not_end_within_the_limit_is_told_too(slow):
    outcome, _, _, inferences = slow(60.0, 8.0)
    assert (outcome.ok, outcome.reason, inferences) == (False, "timeout", 1)
    assert "first inferences" in outcome.message
    assert outcome.facts["too_slow"] == {"iteration_s": None, "timeout_s": 8.0}


def test_what_fits_of_a_slow_model_is_measured_with_a_flag(slow):
    outcome, samples, _, inferences = slow(0.5, 12.0, warm_up_min_iterations=10, iterations_min=20)
    assert outcome.ok, outcome.message
    assert time_limit.TIME_LIMITED in outcome.facts["flags"]
    measured = len(samples.columns("iterations")[0])
    assert time_limit.ITERATIONS_MIN <= measured < 30
    assert inferences == measured + 3, "two cold ones and the last"
