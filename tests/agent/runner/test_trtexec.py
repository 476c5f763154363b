"""trtexec against a stand-in with its documented output: every flag recorded, its times on our clock."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import time
from pathlib import Path

import pytest
from paretofleet_agent.config import VariableSettings
from paretofleet_agent.device import runtimes
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.model import PHASES, Target, Unavailable
from paretofleet_agent.runner.failure import RunFailed
from paretofleet_agent.runner.runtimes import trtexec_command as command
from paretofleet_agent.runner.runtimes import trtexec_layers
from paretofleet_agent.runner.runtimes.trtexec_log import TrtexecLog

GPU = Target(target_id="GPU-1", alias="cuda:0", description="")


@pytest.fixture
def trtexec(tmp_path, monkeypatch):
    """The stand-in as a program; `mode` is what it does."""

    def make(mode=""):
        monkeypatch.setenv("FAKE_TRTEXEC", mode)
        shutil.copy(str(Path(__file__).parents[1] / "fake_trtexec.py"), str(tmp_path / "fake.py"))
        program = tmp_path / "trtexec"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/fake.py" "$@"\n')
        program.chmod(0o755)
        return str(program)

    return make


def run(kit, here, path, program, samples=None, *, python=sys.executable, engines=None, **wanted):
    device = dataclasses.replace(
        here,
        engines=engines,
        interpreters={"trtexec": program, "onnxruntime": python},
        variable_settings=VariableSettings(passed=("FAKE_TRTEXEC",)),
    )
    lease = kit.lease_of(path, runtime="trtexec", target_id="GPU-1", **wanted)
    return measure(lease, path, samples or kit.Samples(), kit.Watch(), device)


def calls(tmp_path):
    return [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]


def test_a_run_records_every_flag_and_puts_its_times_on_our_clock(kit, here, model, trtexec):
    samples, before = kit.Samples(), time.perf_counter_ns()
    outcome = run(kit, here, model, trtexec(), samples)
    after = time.perf_counter_ns()
    assert outcome.ok, outcome.message
    starts, durations = samples.columns("iterations")
    assert all(before < start < after for start in starts)
    assert set(durations) <= {8_999_999, 9_000_000, 9_000_001}, "from copying in to copying out"
    effective = outcome.facts["effective"]
    build, work = effective["commands"]
    assert "--minShapes=x:2x16" in build
    assert "--noTF32" in build, "fp32 is fp32"
    assert {"--shapes=x:2x16", "--exposeDMA", "--useSpinWait"} <= set(work)
    assert effective["provider"] == "TensorRT"
    assert effective["runtime_version"] == "8201"
    assert effective["options"] == {
        "check_outputs": True,
        "check_reference": True,
        "cuda_graph": False,
        "engine": "rebuilt",
        "spin_wait": True,
    }
    assert outcome.facts["memory_peak_bytes"] > 10**6


def test_the_window_is_one_process_so_that_no_start_falls_into_it(kit, here, model, trtexec):
    samples = kit.Samples()
    assert run(kit, here, model, trtexec(), samples).ok
    times, phases = samples.columns("marks")
    marks = dict(zip(phases, times))
    begin, end = marks[PHASES.index("measure")], marks[PHASES.index("end")]
    inside = [start for start in samples.columns("iterations")[0] if begin <= start < end]
    assert len(inside) == kit.QUICK.iterations_max
    gaps = {later - earlier for earlier, later in zip(inside, inside[1:])}
    assert max(gaps) < 11e6


def test_flags_are_said_in_the_words_of_the_release(kit, here, model, trtexec, tmp_path):
    program = trtexec("new")
    assert run(kit, here, model, program, mode="throughput").ok
    build, work = [call for call in calls(tmp_path) if "--help" not in call][:2]
    assert "--skipInference" in build
    assert {"--includeDataTransfers", "--noCudaGraph"} <= set(work)
    assert not {"--exposeDMA", "--useSpinWait", "--useCudaGraph"} & set(work)


ENDS = {
    "oom": (
        "oom",
        "code 1: Error[1]: [defaultAllocator.cpp::allocate::20] Error Code 1: Cuda Runtime (out of",
    ),
    "operator": ("unsupported", "code 1: ModelImporter.cpp:720: While parsing node number 0 [NoSuchOperator"),
    "nan": ("wrong_output", "output y has 1 of 32 values"),
    "wrong": ("wrong_output", "output y is 0.5 off the reference of onnxruntime"),
    "shape": ("wrong_output", "output y has the shape [4, 8], the reference of onnxruntime"),
}


@pytest.mark.parametrize("mode", list(ENDS))
def test_what_it_says_at_its_end_is_a_reason(kit, here, model, trtexec, mode):
    outcome = run(kit, here, model, trtexec(mode))
    assert outcome.reason == ENDS[mode][0], outcome.message
    assert ENDS[mode][1] in outcome.message
    assert "Engine set up failed" not in outcome.message, "which it says after every cause"


def test_the_parser_s_reason_is_told_with_its_place(kit, here, model, trtexec):
    message = run(kit, here, model, trtexec("operator")).message
    assert "In function importFallback:; [8] Assertion failed: creator && No importer registered" in message
    assert 'input: "x"' not in message, "the text of the node"


def test_where_nothing_else_was_said_the_last_words_are_told():
    log = TrtexecLog()
    log.take(b"[11/21/2026-12:00:00] [E] Engine set up failed\n", 0)
    assert str(log.failure(1)) == "trtexec ended with code 1: Engine set up failed"
    assert log.failure(-11).reason == "crashed"
    assert str(TrtexecLog().failure(-11)) == "trtexec ended with code -11: it said no error"


@pytest.mark.parametrize(("kills", "reason"), [((3, 4), "oom"), ((3, 3), "crashed"), ((None, None), "oom")])
def test_a_kill_by_the_kernel_is_for_memory_where_it_counts_one_or_counts_none(monkeypatch, kills, reason):
    counts = iter(kills)
    monkeypatch.setattr(command, "oom_kills", lambda: next(counts))
    with pytest.raises(RunFailed) as told:
        command.call(["/bin/sh", "-c", "kill -9 $$"], time.perf_counter_ns)
    assert told.value.reason == reason


def test_its_outputs_are_held_against_the_reference(kit, here, model, trtexec):
    found = run(kit, here, model, trtexec()).facts["effective"]["reference"]
    assert found["by"].startswith("onnxruntime")
    assert found["relative_error"] < 1e-5, "six digits are printed"
    outcome = run(kit, here, model, trtexec("wrong"), options={"check_reference": False})
    assert outcome.ok, outcome.message
    assert outcome.facts["effective"]["reference"] is None


def test_without_onnxruntime_it_runs_unchecked_and_says_so(kit, here, model, trtexec):
    facts = run(kit, here, model, trtexec(), python="/nowhere/python").facts
    assert "reference_not_checked" in facts["flags"]
    assert "/nowhere/python does not start" in facts["effective"]["reference"]["not_checked"]


def test_iterations_of_the_warm_up_are_no_samples_where_the_release_writes_them_down(
    kit, here, model, trtexec
):
    samples = kit.Samples()
    assert run(kit, here, model, trtexec("old"), samples).ok
    starts, durations = samples.columns("iterations")
    assert {round(duration / 1e6) for duration in durations} == {9}, "those of the warm-up last 19 ms"
    assert len(starts) > kit.QUICK.iterations_max


def test_the_memory_of_building_the_engine_is_not_that_of_running_it(kit, here, model, trtexec):
    peak = run(kit, here, model, trtexec("large:300")).facts["memory_peak_bytes"]
    assert 2e6 < peak < 200e6


def test_a_program_that_is_not_there_is_runtime_missing(kit, here, model):
    outcome = run(kit, here, model, "/nowhere/trtexec")
    assert outcome.reason == "runtime_missing"
    assert "/nowhere/trtexec" in outcome.message


@pytest.mark.parametrize(("precision", "says"), [("int8", "not int8"), ("bf16", "no flag --bf16")])
def test_a_precision_that_it_does_not_build_is_unsupported(kit, here, model, trtexec, *, precision, says):
    outcome = run(kit, here, model, trtexec(), precision=precision)
    assert outcome.reason == "unsupported"
    assert says in outcome.message


def test_times_of_release_7_are_read_and_broken_ones_are_told(tmp_path):
    file = tmp_path / "times.json"
    file.write_text('[ { "startInMs" : 2.5, "endInMs" : 3, "startOutMs" : 4, "endOutMs" : 4.5 } ]')
    assert command.read_times(str(file), 1000, 0) == ([2_501_000], [2_000_000])
    file.write_text("[ { ")
    with pytest.raises(RunFailed, match=r"no readable times.json"):
        command.read_times(str(file), 0, 0)


def test_the_warm_up_ends_with_the_first_that_computes_after_it_as_later_releases_count(tmp_path):
    """The first that counts may have begun its copy within the warm-up."""
    file = tmp_path / "times.json"
    edges = ("startH2dMs", "endH2dMs", "startComputeMs", "endComputeMs", "startD2hMs", "endD2hMs")
    rows = [dict(zip(edges, range(at, at + 6))) for at in (490, 498, 506)]
    file.write_text(json.dumps(rows))
    assert command.read_times(str(file), 0, 500)[0] == [498_000_000, 506_000_000]
    assert command.read_times(str(file), 0, 600) == ([], [])
    file.write_text(json.dumps(rows[1:]))
    assert command.read_times(str(file), 0, 500)[0] == [498_000_000, 506_000_000], "a trimmed file stays"


@pytest.mark.parametrize("whole", [False, True])
def test_durations_are_finer_than_the_six_digits_of_late_times(tmp_path, *, whole):
    """12 s after the start its times go in steps of 0.1 ms, a tenth of these iterations."""
    file = tmp_path / "times.json"
    rows, truths_ms, now_ms = [], [], 12_000.0
    for at in range(300):
        parts = {"h2dMs": 0.1, "computeMs": 0.8 + 0.01 * (at * 7 % 10), "d2hMs": 0.1}
        between_ms = 0.5 if at == 100 else 0.004
        truths_ms.append(sum(parts.values()) + between_ms)
        end_ms = now_ms + truths_ms[-1]
        row = dict(parts, latencyMs=sum(parts.values()), startH2dMs=now_ms, endD2hMs=end_ms)
        row.update({"endToEndMs": truths_ms[-1]} if whole else {})
        rows.append({key: float(f"{value:.6g}") for key, value in row.items()})
        now_ms = end_ms + 0.0371
    file.write_text(json.dumps(rows))
    found_ms = [duration / 1e6 for duration in command.read_times(str(file), 0, 0)[1]]
    assert sum(found_ms) == pytest.approx(sum(truths_ms), rel=0.003)
    errors_ms = [abs(found - truth) for found, truth in zip(found_ms, truths_ms)]
    assert sorted(errors_ms)[-2] < (1e-6 if whole else 0.005)
    assert errors_ms[100] < 0.1, "an iteration that waited between its parts is not made shorter"


def test_probe_finds_it_for_gpus_only(trtexec):
    program = trtexec()
    found = runtimes.find_trtexec(program, (GPU,))
    assert (found.version, found.target_ids) == ("8201", ("GPU-1",))
    assert isinstance(runtimes.find_trtexec(program, ()), Unavailable)
    assert "does not start" in runtimes.find_trtexec("/nowhere/trtexec", (GPU,)).why


def test_outputs_for_other_inputs_say_whether_it_works(kit, here, model, trtexec, tmp_path):
    busy = run(kit, here, model, trtexec())
    assert busy.facts["effective"]["depends_on_input"] is True
    assert "no_work" not in busy.facts["flags"]
    nodes = [("Sub", ["x", "x"], ["y"])]
    idle = run(kit, here, kit.make_model(tmp_path / "idle.onnx", nodes=nodes), trtexec("idle"))
    assert idle.ok, idle.message
    assert idle.facts["effective"]["depends_on_input"] is False
    assert "no_work" in idle.facts["flags"]


def engine_of(outcome):
    assert outcome.ok, outcome.message
    return outcome.facts["effective"]["engine"]


PINNED = {"options": {"engine": "pinned"}}


def test_each_run_builds_an_engine_of_its_own_unless_it_is_pinned(kit, here, model, trtexec, tmp_path):
    program, engines = trtexec(), tmp_path / "engines"
    first, second = (engine_of(run(kit, here, model, program)) for _ in range(2))
    assert (first["kind"], first["built"]) == ("rebuilt", True)
    assert first["sha256"] != second["sha256"], "tactics are timed anew"
    kept = [run(kit, here, model, program, engines=engines, **PINNED) for _ in range(2)]
    assert [engine_of(each)["built"] for each in kept] == [True, False]
    assert len({engine_of(each)["sha256"] for each in kept}) == 1
    assert {each.facts["environment"]["engine"] for each in kept} == {engine_of(kept[0])["sha256"]}
    other = run(kit, here, model, program, engines=engines, batch_size=2, precision="fp16", **PINNED)
    assert engine_of(other)["sha256"] != engine_of(kept[0])["sha256"], "another build, another engine"


def test_a_pinned_engine_needs_a_home(kit, here, model, trtexec):
    outcome = run(kit, here, model, trtexec(), **PINNED)
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert "engine: pinned needs the home" in outcome.message


def test_a_damaged_engine_is_built_again_from_the_tactics_that_were_timed(
    kit, here, model, trtexec, tmp_path
):
    program, engines = trtexec("layers:fp32"), tmp_path / "engines"
    first = engine_of(run(kit, here, model, program, engines=engines, **PINNED))
    (path,) = engines.glob("*.engine")
    path.write_bytes(path.read_bytes()[:3])
    again = engine_of(run(kit, here, model, program, engines=engines, **PINNED))
    assert again["built"]
    assert again["sha256"] == first["sha256"]
    assert again["timing_cache_sha256"] == first["timing_cache_sha256"]


def test_an_engine_that_no_longer_loads_is_thrown_away_with_a_sentence(kit, here, model, trtexec, tmp_path):
    engines = tmp_path / "engines"
    engine_of(run(kit, here, model, trtexec(), engines=engines, **PINNED))
    outcome = run(kit, here, model, trtexec("upgraded"), engines=engines, **PINNED)
    assert not outcome.ok
    assert "Version tag does not match; the engine that was kept is thrown away" in outcome.message
    assert engine_of(run(kit, here, model, trtexec(), engines=engines, **PINNED))["built"]


def test_the_precision_is_that_of_the_layers_where_they_tell_it(kit, here, model, trtexec):
    outcome = run(kit, here, model, trtexec("layers:fp16"), precision="fp16")
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert (effective["precision"], effective["layers"]) == ("fp16", {"fp16": 2}), "a reformat is no work"
    outcome = run(kit, here, model, trtexec("layers:fp32"), precision="fp16")
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert "fp16 was asked for, but TensorRT runs this file in fp32" in outcome.message
    assert run(kit, here, model, trtexec(), precision="fp16").facts["effective"]["layers"] is None


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("Row major linear FP32", {"fp32": 1}),
        ("Channel major FP16 format where channel % 8 == 0", {"fp16": 1}),
        ("Half", {"fp16": 1}),
        ("BFloat16", {"bf16": 1}),
        ("Four wide channel vectorized row major Int8 format", {"int8": 1}),
        ("something new", None),
    ],
)
def test_types_are_read_in_the_words_of_several_releases(tmp_path, text, layers):
    path = tmp_path / "layers.json"
    path.write_text(json.dumps({"Layers": [{"LayerType": "gemm", "Inputs": [{"Format/Datatype": text}]}]}))
    assert trtexec_layers.layers_of(str(path)) == layers
    path.write_text(json.dumps({"Layers": ["Conv_0", "Relu_1"]}))
    assert trtexec_layers.layers_of(str(path)) is None, "without details there are only names"
