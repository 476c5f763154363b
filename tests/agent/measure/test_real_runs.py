"""Real runs: real runner processes, ONNX Runtime on the CPU, small models."""

from __future__ import annotations

import dataclasses
import re
import statistics
import sys
import time
from pathlib import Path

import pytest
from paretofleet_agent.errors import Stopped
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.model import PHASES

pytest.importorskip("onnxruntime")
np = pytest.importorskip("numpy")


def run(kit, here, path, **wanted):
    return measure(kit.lease_of(path, **wanted), path, kit.Samples(), kit.Watch(), here)


def test_a_run_gives_every_iteration_in_ns_and_says_what_ran(kit, here, model, samples, watch):
    before = time.perf_counter_ns()
    outcome = measure(kit.lease_of(model), model, samples, watch, here)
    after = time.perf_counter_ns()
    assert outcome.ok, outcome.message
    facts = outcome.facts
    starts, durations = samples.columns("iterations")
    assert starts == sorted(starts)
    assert all(before < start < start + duration < after for start, duration in zip(starts, durations))
    assert all(start + duration <= later for start, duration, later in zip(starts, durations, starts[1:]))
    times, phases = samples.columns("marks")
    assert [PHASES[phase] for phase in phases] == ["load", "warm_up", "measure", "end"] == watch.phases
    marks = dict(zip(phases, times))
    measured = [s for s in starts if marks[PHASES.index("measure")] <= s < marks[PHASES.index("end")]]
    assert len(measured) == 30
    assert facts["effective"]["provider"] == "CPUExecutionProvider"
    assert facts["effective"]["threads"] == 1
    assert facts["effective"]["batch_size"] == 2
    assert facts["effective"]["precision"] == "fp32"
    assert facts["effective"]["cpus"] == list(here.cpus_for(1))
    assert facts["effective"]["options"]["allow_spinning"] is True
    assert facts["effective"]["input_buffers"] == 8
    assert facts["requested"] == {"precision": "native", "threads": 1, "batch_size": 2, "options": {}}
    assert facts["environment"]["runtime"].startswith("onnxruntime 1.")
    assert facts["boot_id"]
    assert facts["memory_peak_bytes"] > 20e6
    assert min(facts["load_ns"], facts["first_inference_ns"], facts["second_inference_ns"]) > 0
    assert facts["sensors"] == []
    assert "short_protocol" in facts["flags"]
    assert facts["counted"] is True


def test_medians_agree_with_a_loop_of_our_own(kit, here, tmp_path):
    import onnxruntime

    weight = np.random.RandomState(0).standard_normal((512, 512)).astype("float32") / 20
    nodes = [("MatMul", ["x", "w"], ["a"])] + [
        ("MatMul", ["a" * i, "w"], ["a" * (i + 1)]) for i in range(1, 8)
    ]
    nodes.append(("Relu", ["a" * 8], ["y"]))
    path = kit.make_model(tmp_path / "m.onnx", nodes=nodes, shape=("N", 512), constants={"w": weight})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {"x": np.random.RandomState(1).standard_normal((32, 512)).astype("float32")}
    ours = []
    for _ in range(100):
        begin = time.perf_counter_ns()
        session.run(None, feed)
        ours.append(time.perf_counter_ns() - begin)
    samples = kit.Samples()
    assert measure(kit.lease_of(path, batch_size=32), path, samples, kit.Watch(), here).ok
    theirs = statistics.median(samples.columns("iterations")[1][-30:])
    assert theirs == pytest.approx(statistics.median(ours[20:]), rel=0.5)


@pytest.mark.parametrize("dtype", ["FLOAT16", "DOUBLE", "INT64", "INT32", "UINT8", "BOOL"])
def test_inputs_of_every_common_type_are_made(kit, here, tmp_path, dtype):
    path = kit.make_model(tmp_path / "m.onnx", nodes=[("Identity", ["x"], ["y"])], dtype=dtype)
    assert run(kit, here, path).ok


def test_a_batch_axis_among_several_inputs_is_filled_everywhere(kit, here, tmp_path):
    onnx = pytest.importorskip("onnx")
    h = onnx.helper
    info = h.make_tensor_value_info
    graph = h.make_graph(
        [h.make_node("Add", ["a", "b"], ["c"]), h.make_node("Add", ["c", "d"], ["y"])],
        "g",
        [info("a", 1, ["N", 4]), info("b", 1, ["N", 4]), info("d", 1, [4])],
        [info("y", 1, ["N", 4])],
    )
    path = tmp_path / "m.onnx"
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), str(path))
    assert run(kit, here, path, batch_size=3).ok


REFUSED = {
    "a fixed batch": ({"shape": (1, 16)}, {"batch_size": 4}, "fixed batch size 1"),
    "no batch axis at all": ({"shape": (), "out": ()}, {"batch_size": 2}, "fixed batch size 1"),
    "another free axis": ({"shape": ("N", "length")}, {}, "axis length is free besides the batch"),
    "a size of no axis": ({}, {"sizes": {"length": 3}}, "no free axis length"),
    "values of no input": ({}, {"inputs": {"ids": {"values": "ones"}}}, "no input ids"),
    "a law of another type": ({}, {"inputs": {"x": {"values": "zipf"}}}, "not drawn by zipf"),
    "text as input": ({"dtype": "STRING", "nodes": [("Identity", ["x"], ["y"])]}, {}, "tensor(string)"),
    "an unknown operator": ({"nodes": [("NoSuchOperator", ["x"], ["y"])]}, {}, "NoSuchOperator"),
    "an unknown option": ({}, {"options": {"fast": True}}, "'fast'"),
    "an option's wrong value": ({}, {"options": {"allow_spinning": "yes"}}, "allow_spinning"),
    "an unhashable option": ({}, {"options": {"allow_spinning": [1]}}, "allow_spinning"),
    "another precision": ({}, {"precision": "int8"}, "int8 was asked for"),
    "another target": ({}, {"target_id": "GPU-1"}, "GPU-1"),
    "another mode": ({}, {"mode": "training"}, "training"),
    "another timing scope": ({}, {"timing_scope": "compute"}, "copy+compute"),
    "another runtime": ({}, {"runtime": "tvm"}, "'tvm'"),
    "too many threads": ({}, {"threads": 4096}, "4096 threads"),
    "a batch that the graph contradicts": (
        {"nodes": [("Reshape", ["x", "s"], ["y"])], "constants": {"s": np.array([1, 16])}, "out": (1, 16)},
        {"batch_size": 4},
        "batch size 4",
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_cannot_be_run_as_asked_is_unsupported_with_a_sentence(kit, here, tmp_path, case):
    how, wanted, says = REFUSED[case]
    outcome = run(kit, here, kit.make_model(tmp_path / "m.onnx", **how), **wanted)
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert says in outcome.message
    assert "\n" not in outcome.message
    assert "environment" not in outcome.facts


def test_names_that_a_runtime_quotes_write_nothing_on_a_terminal(kit, here, tmp_path):
    """An escape sequence, a bell and a letter that turns the line round, as the name of an operator."""
    name = "\x1b]0;title\x07\x1b[2J\u202egpj"
    outcome = run(kit, here, kit.make_model(tmp_path / "m.onnx", nodes=[(name, ["x"], ["y"])]))
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert "gpj" in outcome.message
    assert outcome.message.isprintable()


def test_a_file_that_is_no_model_is_unsupported(kit, here, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08\x07garbage" * 100)
    assert run(kit, here, path).reason == "unsupported"


def test_a_model_file_that_is_gone_is_model_unavailable(kit, here, model):
    lease = kit.lease_of(model)
    model.unlink()
    outcome = measure(lease, model, kit.Samples(), kit.Watch(), here)
    assert outcome.reason == "model_unavailable"
    assert str(model) in outcome.message


#: Half of what it takes the logarithm of is below zero, whatever is drawn.
LOG_OF_NEGATIVES = [("Erf", ["x"], ["n"]), ("Log", ["n"], ["y"])]


@pytest.mark.parametrize("block", [1, 2])
def test_outputs_that_are_not_finite_in_the_reference_either_are_sound(kit, here, tmp_path, block):
    path = kit.make_model(tmp_path / "m.onnx", nodes=LOG_OF_NEGATIVES)
    outcome = run(kit, here, path, block=block)
    assert outcome.ok, outcome.message
    reference = outcome.facts["effective"]["reference"]
    assert 0 < reference["not_finite"]["y"] < 32
    assert reference["relative_error"] < 1e-6


def test_without_a_reference_outputs_that_are_not_finite_are_wrong_unless_nobody_looks(kit, here, tmp_path):
    path = kit.make_model(tmp_path / "m.onnx", nodes=LOG_OF_NEGATIVES)
    outcome = run(kit, here, path, options={"check_reference": False})
    assert outcome.reason == "wrong_output"
    assert re.search(r"output y has \d+ values that are not finite", outcome.message)
    assert "check_outputs: false" in outcome.message
    outcome = run(kit, here, path, options={"check_reference": False, "check_outputs": False})
    assert outcome.ok, outcome.message
    assert outcome.facts["effective"]["options"]["check_outputs"] is False


def kinds_of_outputs():
    """Models x [N, 4] -> y of a kind that numpy has no numbers for: (nodes, type of y, why)."""
    from onnx import TensorProto, helper

    row = helper.make_tensor_type_proto(TensorProto.FLOAT, ["N", 4])
    maps = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    )
    zipped = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2, 3])
    return {
        "a sequence": (
            helper.make_node("SplitToSequence", ["x"], ["y"], axis=1),
            helper.make_sequence_type_proto(row),
            "it is a sequence",
        ),
        "maps": (zipped, maps, "it is a sequence of maps"),
        "text": (
            helper.make_node("Cast", ["x"], ["y"], to=TensorProto.STRING),
            helper.make_tensor_type_proto(TensorProto.STRING, ["N", 4]),
            "it is text",
        ),
        "bfloat16": (
            helper.make_node("Cast", ["x"], ["y"], to=TensorProto.BFLOAT16),
            helper.make_tensor_type_proto(TensorProto.BFLOAT16, ["N", 4]),
            None,
        ),
        "optional": (
            helper.make_node("Optional", ["x"], ["y"]),
            helper.make_optional_type_proto(row),
            None,
        ),
    }


@pytest.mark.parametrize("kind", ["a sequence", "maps", "text", "bfloat16", "optional"])
def test_outputs_of_every_kind_are_timed_and_what_is_not_compared_is_said(kit, here, tmp_path, kind):
    onnx = pytest.importorskip("onnx")
    node, made_of, why = kinds_of_outputs()[kind]
    helper = onnx.helper
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 4])],
        [helper.make_value_info("y", made_of)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    outcome = run(kit, here, path)
    assert outcome.ok, outcome.message
    effective, flags = outcome.facts["effective"], outcome.facts["flags"]
    assert effective["depends_on_input"] is True
    if why is None:
        assert effective["reference"]["relative_error"] == 0
    else:
        assert effective["reference"]["not_compared"] == {"y": why}
    assert ("reference_not_checked" in flags) == (why is not None)


def test_a_file_that_draws_random_numbers_is_timed_and_not_checked(kit, here, tmp_path):
    nodes = [("RandomNormalLike", ["x"], ["e"]), ("Add", ["x", "e"], ["y"])]
    outcome = run(kit, here, kit.make_model(tmp_path / "m.onnx", nodes=nodes))
    assert outcome.ok, outcome.message
    assert "draws random numbers" in outcome.facts["effective"]["reference"]["not_checked"]
    assert "reference_not_checked" in outcome.facts["flags"]


def test_the_peak_of_memory_is_the_model_s_and_rises_with_the_batch(kit, here, tmp_path):
    """Up to 128 MB of inputs rotate; of them one feed's belong to the peak."""
    path = kit.make_model(
        tmp_path / "m.onnx",
        nodes=[("ReduceMax", ["x"], ["y"])],
        shape=("N", 3_000_000),
        out=(1, 1),
    )
    peaks = {}
    for batch_size in (1, 2, 4, 8):
        facts = run(kit, here, path, batch_size=batch_size).facts
        effective, one = facts["effective"], 12e6 * batch_size
        assert effective["input_buffers_bytes"] == one * effective["input_buffers"]
        peaks[batch_size] = facts["memory_peak_bytes"] - one
    assert max(peaks.values()) - min(peaks.values()) < 12e6, peaks


def test_an_input_that_no_memory_holds_is_oom(kit, here, tmp_path):
    path = kit.make_model(tmp_path / "m.onnx", shape=("N", 2**30))
    outcome = run(kit, here, path, batch_size=2**20)
    assert outcome.reason == "oom", outcome.message


def test_an_interpreter_without_the_runtime_is_runtime_missing(kit, here, model, tmp_path):
    bare = tmp_path / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -I "$@"\n')
    bare.chmod(0o755)
    outcome = run(kit, dataclasses.replace(here, interpreters={"onnxruntime": str(bare)}), model)
    assert outcome.reason == "runtime_missing"
    assert "cannot import onnxruntime" in outcome.message
    missing = dataclasses.replace(here, interpreters={"onnxruntime": "/nowhere/python"})
    outcome = run(kit, missing, model)
    assert outcome.reason == "runtime_missing"
    assert "/nowhere/python" in outcome.message


def test_a_thread_count_that_needs_every_cpu_shares_them_and_says_so(kit, here, model):
    everyone = len(here.inventory.cpus)
    outcome = run(kit, here, model, threads=everyone)
    assert outcome.ok
    assert "shares_sampler_cpu" in outcome.facts["flags"]
    assert outcome.facts["effective"]["cpus"] == list(here.inventory.cpus)
    assert outcome.facts["effective"]["threads"] == everyone


def test_no_thread_count_means_the_cpus_that_are_left(kit, here, model):
    outcome = run(kit, here, model, threads=None)
    assert outcome.facts["effective"]["threads"] == len(here.runner_cpus)


def test_a_window_that_does_not_fit_into_the_time_limit_is_cut_and_says_so(kit, here, tmp_path):
    path = kit.make_model(tmp_path / "m.onnx")
    limits = dataclasses.replace(kit.QUICK, window_min_s=60.0, iterations_max=10**9, timeout_s=6.0)
    outcome = run(kit, here, path, limits=limits)
    assert outcome.ok, outcome.message
    assert "time_limited" in outcome.facts["flags"]


def children():
    """The processes that this one has started, ended ones that nobody has asked for among them."""
    return {
        pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
    }


def test_a_run_that_shall_stop_raises_stopped_and_leaves_no_process(kit, here, model):
    samples, watch = kit.Samples(), kit.Watch(stop_in="measure")
    before = children()
    with pytest.raises(Stopped):
        measure(kit.lease_of(model), model, samples, watch, here)
    assert children() <= before
    assert samples.columns("marks")[1][-1] == PHASES.index("measure")


@pytest.mark.parametrize("name", ["light_squeezenet", "light_resnet50", "light_shufflenet"])
def test_models_that_the_onnx_package_ships_run_at_batch_size_1(kit, here, name):
    onnx = pytest.importorskip("onnx")
    path = Path(onnx.__file__).parent / "backend/test/data/light" / f"{name}.onnx"
    limits = dataclasses.replace(kit.QUICK, iterations_max=10)
    outcome = run(kit, here, path, batch_size=1, limits=limits)
    assert outcome.ok, outcome.message


@pytest.mark.parametrize("level", [1, 4])
def test_weights_that_are_only_dequantised_are_computed_with_as_onnx_runtime_fused_them(
    kit, here, tmp_path, level
):
    """ONNX Runtime 1.32 makes products in int8 of them by its default; older ones leave them in fp32."""
    weight = np.random.RandomState(0).randint(-127, 127, (256, 64)).astype("int8")
    path = kit.make_model(
        tmp_path / "m.onnx",
        nodes=[("DequantizeLinear", ["q", "s"], ["w"]), ("MatMul", ["x", "w"], ["y"])],
        shape=("N", 256),
        out=("N", 64),
        constants={"q": weight, "s": np.float32(0.01)},
    )
    outcome = run(kit, here, path, options={"int4_accuracy_level": level})
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    is_int8 = level == 4 and effective.get("fused_products", 0) > 0
    assert effective["weights_precision"] == "int8"
    assert effective["precision"] == ("int8" if is_int8 else "fp32")
    assert effective["reference"]["precision"] == effective["precision"]
    assert (effective["reference"]["relative_error"] > 1e-3) == is_int8
    assert effective.get("accuracy_levels") == ([level] if "fused_products" in effective else None)
