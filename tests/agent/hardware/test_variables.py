"""Which variables reach a runner, and which of them make another environment."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_agent.config import VariableSettings
from paretofleet_agent.hardware.environment import NO_TELEMETRY
from paretofleet_agent.hardware.variables import runner_variables
from paretofleet_agent.measure.attempt import measure

PLAIN = {"PATH": "/bin", "HOME": "/root", "LC_ALL": "C", "PYTHONPATH": "/x"}
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "s3cret",
    "HF_TOKEN": "s3cret",
    "TF_VAR_password": "s3cret",
    "TORCH_HUB_TOKEN": "s3cret",
    "ORT_API_KEY": "s3cret",
    "PARETOFLEET_AGENT_NAME": "s3cret",
}
RECORDED = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OMP_WAIT_POLICY": "passive",
    "KMP_AFFINITY": "compact",
    "MALLOC_ARENA_MAX": "1",
    "LD_PRELOAD": "libjemalloc.so",
    "CUDA_LAUNCH_BLOCKING": "1",
    "NVIDIA_TF32_OVERRIDE": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "XNNPACK_FORCE": "1",
}


@pytest.fixture
def variables(tmp_path):
    """The variables of a runner, from those of the agent and its settings."""

    def make(inherited, values=None, passed=()):
        return runner_variables(tmp_path, VariableSettings(values or {}, tuple(passed)), inherited)

    return make


def test_without_any_that_matters_nothing_is_told(variables):
    made = variables({**PLAIN, **SECRETS})
    assert made.recorded == {}
    assert made.all == {**PLAIN, "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **NO_TELEMETRY}


@pytest.mark.parametrize("name", list(RECORDED))
def test_what_changes_speed_or_numbers_reaches_the_runner_and_is_told(variables, name):
    made = variables({**PLAIN, name: RECORDED[name]})
    assert made.recorded == {name: RECORDED[name]}
    assert made.all[name] == RECORDED[name]


def test_no_credential_reaches_a_runner_or_is_told(variables):
    made = variables({**PLAIN, **SECRETS, **RECORDED})
    assert "s3cret" not in json.dumps([dict(made.all), dict(made.recorded)])


def test_the_agent_s_own_threads_hold_over_what_it_inherits_and_are_not_told(variables):
    made = variables({"OPENBLAS_NUM_THREADS": "8"})
    assert made.all["OPENBLAS_NUM_THREADS"] == "1"
    assert made.recorded == {}


def test_telemetry_is_off_whatever_is_inherited_and_that_is_no_other_environment(variables):
    made = variables({"ORT_DISABLE_TELEMETRY": "0", "DO_NOT_TRACK": "0"})
    assert made.all["ORT_DISABLE_TELEMETRY"] == made.all["DO_NOT_TRACK"] == "1"
    assert made.recorded == {}


def test_settings_hold_over_all_and_are_told(variables):
    made = variables({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "passive", "MKL_NUM_THREADS": "4"})
    assert made.recorded == {"MKL_NUM_THREADS": "4", "OMP_WAIT_POLICY": "passive"}
    assert made.all["MKL_NUM_THREADS"] == "4"


def test_an_empty_setting_keeps_a_variable_from_the_runner(variables):
    made = variables(RECORDED, {"LD_PRELOAD": ""})
    assert "LD_PRELOAD" not in made.all
    assert "LD_PRELOAD" not in made.recorded


def test_what_is_passed_on_by_name_or_prefix_is_not_told(variables):
    made = variables(
        {"LICENCE_KEY": "s3cret", "BOARD_A": "a", "OTHER": "o"}, passed=("LICENCE_KEY", "BOARD_*")
    )
    assert {"LICENCE_KEY": "s3cret", "BOARD_A": "a"}.items() <= made.all.items()
    assert "OTHER" not in made.all
    assert made.recorded == {}


def test_a_long_value_is_told_by_its_beginning_and_its_hash(variables):
    long = "/lib:" * 200
    recorded = variables({"LD_LIBRARY_PATH": long}).recorded["LD_LIBRARY_PATH"]
    assert recorded == f"{long[:256]}... sha256:{hashlib.sha256(long.encode()).hexdigest()}"


@given(st.binary(max_size=400))
def test_any_octets_of_a_value_become_text_that_json_holds(tmp_path_factory, octets):
    value = octets.decode("utf-8", "surrogateescape")
    settings = VariableSettings()
    recorded = runner_variables(tmp_path_factory.getbasetemp(), settings, {"OMP_X": value}).recorded
    json.dumps(dict(recorded), ensure_ascii=False).encode("utf-8")
    assert bool(recorded) == bool(octets)


def test_a_run_tells_what_it_started_with_and_its_runner_has_it(kit, here, model, monkeypatch, tmp_path):
    """Case 12: an agent that is started with another instruction set measures in another environment."""
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("HF_TOKEN", "s3cret")

    def environment():
        outcome = measure(kit.lease_of(model), model, kit.Samples(), kit.Watch(), device)
        assert outcome.ok, outcome.message
        assert "s3cret" not in json.dumps(outcome.facts)
        return outcome.facts["environment"]

    seen = tmp_path / "seen"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nenv > "{seen}"\nexec "{here.interpreter_of("onnxruntime")}" "$@"\n')
    python.chmod(0o755)
    device = dataclasses.replace(here, interpreters={"onnxruntime": str(python)})
    before = environment()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    after = environment()
    had = before.get("variables", {})
    assert after == {**before, "variables": {**had, "ONEDNN_MAX_CPU_ISA": "AVX2"}}
    assert "ONEDNN_MAX_CPU_ISA=AVX2" in seen.read_text().splitlines()
    assert "HF_TOKEN" not in seen.read_text()
