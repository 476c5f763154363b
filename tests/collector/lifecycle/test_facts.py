"""What is refused of an attempt's facts, so that nothing is accepted that sealing or a report cannot use."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from paretofleet_analysis.errors import SampleError
from paretofleet_analysis.report.configuration_columns import effective_columns
from paretofleet_analysis.report.inputs import RunInput
from paretofleet_analysis.runs.summary import summarize_run
from paretofleet_collector.lifecycle.facts import FACTS, SENSOR, facts_fault
from paretofleet_collector.model.canonical import environment_id_of
from paretofleet_collector.model.limits import JSON_BYTES_MAX, JSON_DEPTH_MAX

MS = 10**6
STREAMS = {
    "marks": {"t_ns": np.array([0, 2, 400 * MS]), "phase": np.array([0, 4, 5])},
    "iterations": {"start_ns": np.arange(4) * 100 * MS + 5, "duration_ns": np.full(4, 90 * MS)},
    "power:rapl/package-0": {
        "t_ns": np.arange(40) * 10 * MS,
        "counter_uj": np.arange(40) * 1_000_000,
    },
}
SENSOR_FACTS = {
    "stream": "power:rapl/package-0",
    "source": "rapl",
    "rail": "package-0",
    "scope": "package",
    "kind": "counter",
    "schema": "energy/1",
    "period_s": 0.01,
    "quantum_j": 1e-6,
    "max_range_uj": 2**32,
    "max_power_w": 1000.0,
    "primary": True,
}
GOOD: dict[str, Any] = {
    "boot_id": "b",
    "started_unix_s": 1.0,
    "environment": {"kernel": "6"},
    "readings_before": {"frequencies_khz": [1e6]},
    "readings_after": {"frequencies_khz": [1e6]},
    "processor": {"clock_khz": 3e6, "isa": ["avx2"]},
    "effective": {"precision": "fp32", "threads": 2, "cpus": [0, 1], "batch_size": 1, "provider": "cpu"},
    "load_ns": 1,
    "flags": ["contaminated"],
    "counted": True,
    "window_blocks": [2, 2],
    "window_clocks_khz": [1e6, 9e5],
    "sensors": [SENSOR_FACTS],
}


def summarised(facts: dict[str, Any]) -> str | None:
    """The environment of a sealed run's `facts`, after all else that the collector does with them."""
    for mode in ("latency", "throughput", "paced"):
        try:
            summary = summarize_run(STREAMS, facts, batch_size=1, mode=mode, target_kind="cpu")
        except SampleError:
            continue
        json.dumps(summary, allow_nan=False)
        assert all(isinstance(flag, str) for flag in summary["flags"])
    run = RunInput(run_id="r", block=0, state="sealed", reason=None, facts=facts)
    effective_columns([run])
    return environment_id_of(facts)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ('{"flags": 7}', "flags is 7; it must be a list, each text"),
        ('{"flags": [7]}', "flags is a list of 1; it must be a list, each text"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"a\\ud800": 1}', "half of a surrogate pair"),
        (f'{{"a": {"9" * 4000}}}', "a number of 4,000 digits; at most 40"),
        (f'{{"a": {"9" * 5000}}}', "a number of 5,000 digits; at most 40"),
        ('{"a": NaN}', "NaN, which is not JSON"),
        ('{"a": -Infinity}', "-Infinity, which is not JSON"),
        ('{"a": 1e999}', "1e999, which is too large"),
        ("[" * 40_000, f"nested deeper than {JSON_DEPTH_MAX} levels"),
        (f'{{"a": {"[" * 40}{"]" * 40}}}', f"nested deeper than {JSON_DEPTH_MAX} levels"),
        (json.dumps({"a": "x" * JSON_BYTES_MAX}), "at most 1,048,576 bytes"),
        (json.dumps({"a": [[]] * 50_000}), "at most 50,000 values and keys"),
        ("[]", "not a JSON object"),
        ("{", "must be JSON"),
        ('{"load_ns": -1}', "load_ns is -1; it must be a whole number from 0"),
        ('{"load_ns": true}', "load_ns is True"),
        ('{"effective": {"cpus": ["0"]}}', "effective.cpus is a list of 1"),
        ('{"effective": [1]}', "effective is a list of 1; it must be a mapping"),
        (
            '{"paced": {"period_ns": 1, "due": [[0, 1000000000000]]}}',
            "paced is a mapping of 2; it must be a mapping with a `period_ns`",
        ),
        ('{"sensors": [{}, {"period_s": "fast"}]}', "sensors[1].period_s is 'fast'"),
        ('{"sensors": {"a": 1}}', "sensors is a mapping of 1"),
    ],
)
def test_a_sentence_names_the_fact_its_value_and_what_it_must_be(facts, sentence):
    assert sentence in facts_fault(facts)


def test_facts_of_agents_are_accepted_and_so_are_unknown_ones():
    assert facts_fault("") == ""
    assert facts_fault(json.dumps(GOOD)) == ""
    assert facts_fault(json.dumps({**GOOD, "new": {"deep": [{"x": None}]}, "load_ns": None})) == ""
    assert facts_fault('{"a": "\\ud83d\\ude00"}') == ""
    assert summarised(GOOD)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["energy/1", "power/1", "counter", "instant", "boxcar", "package"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
PLACES = st.sampled_from([*FACTS, *(f"sensors.{name}" for name in SENSOR)])


@given(st.lists(st.tuples(PLACES, JSON), min_size=1, max_size=3))
@example([("paced", {"period_ns": 1.0, "due": [[0, 4]]})])
@settings(max_examples=300)
def test_what_is_accepted_can_be_summarised(changes):
    facts = json.loads(json.dumps(GOOD))
    for place, value in changes:
        outer, _, inner = place.partition(".")
        if not inner:
            facts[outer] = value
        elif outer == "sensors":
            facts[outer] = [{**SENSOR_FACTS, inner: value}]
        else:
            facts[outer] = {**(facts.get(outer) or {}), inner: value} if _is_table(facts, outer) else value
    if not facts_fault(json.dumps(facts)):
        assert (summarised(facts) is None) == (not facts.get("environment"))


def _is_table(facts: dict[str, Any], name: str) -> bool:
    return facts.get(name) is None or isinstance(facts[name], dict)
