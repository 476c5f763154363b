"""OpenVINO: the same file, its own precisions, and what is executed as the executed graph tells it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.runner import loop, reference
from paretofleet_agent.runner.failure import RunFailed
from paretofleet_agent.runner.runtimes import openvino_runtime

PYTHON = os.environ.get("PARETOFLEET_TEST_OPENVINO_PYTHON")
with_openvino = pytest.mark.skipif(
    not PYTHON, reason="NOT TRIED: PARETOFLEET_TEST_OPENVINO_PYTHON names no Python with openvino"
)
#: A folder of real files on which sound runs were once called wrong: the detector of rapidocr-onnxruntime
#: 1.4.4 (its axes fixed at 480), the model of magika 1.0.3, quantised ones of text2tashkeel 0.1.0 and ddddocr
#: 1.6.1.
REAL = sorted(Path(os.environ.get("PARETOFLEET_TEST_ONNX_FILES") or os.devnull).glob("*.onnx"))
np = pytest.importorskip("numpy")


@pytest.fixture
def dense(kit, tmp_path):
    weight = np.random.RandomState(0).standard_normal((64, 64)).astype("float32") / 8
    return kit.make_model(
        tmp_path / "dense.onnx",
        nodes=[("MatMul", ["x", "w"], ["y"])],
        shape=("N", 64),
        constants={"w": weight},
    )


def run(kit, here, path, **wanted):
    device = dataclasses.replace(here, interpreters={"openvino": PYTHON})
    lease = kit.lease_of(path, runtime="openvino", **wanted)
    return measure(lease, path, kit.Samples(), kit.Watch(), device)


@with_openvino
@pytest.mark.parametrize("mode", loop.MODES)
def test_openvino_runs_the_file_and_agrees_with_the_reference(kit, here, dense, mode):
    pytest.importorskip("onnxruntime")
    outcome = run(kit, here, dense, mode=mode, **({"items_s": 20.0} if mode == "paced" else {}))
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert (effective["precision"], effective["provider"], effective["mode"]) == ("fp32", "CPU", mode)
    assert effective["layers"] == {"fp32": 1}
    assert effective["settings"]["INFERENCE_NUM_THREADS"] == "1"
    hint = "THROUGHPUT" if mode == "throughput" else "LATENCY"
    assert effective["settings"]["PERFORMANCE_HINT"] == hint
    assert effective["reference"]["relative_error"] < 1e-5


@with_openvino
def test_weights_that_are_only_dequantised_say_what_openvino_makes_of_them(kit, here, tmp_path):
    """It quantises what it multiplies with them, in groups of a recorded size, where the CPU is able to."""
    weight = np.random.RandomState(0).randint(-127, 127, (256, 64)).astype("int8")
    path = kit.make_model(
        tmp_path / "m.onnx",
        nodes=[("DequantizeLinear", ["q", "s"], ["w"]), ("MatMul", ["x", "w"], ["y"])],
        shape=("N", 256),
        out=("N", 64),
        constants={"q": weight, "s": np.float32(0.01)},
    )
    outcome = run(kit, here, path)
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert effective["weights_precision"] == "int8"
    assert effective["layers"] == {effective["precision"]: 1}
    assert int(effective["settings"]["DYNAMIC_QUANTIZATION_GROUP_SIZE"]) >= 0


def scaled(*shape):
    return (np.random.RandomState(1).standard_normal(shape) / np.sqrt(shape[0])).astype("float32")


#: What was once called wrong -> nodes (operator, inputs, outputs), constants, the type of x.
SOUND = {
    # Every output is below 1e-3: an error of rounding is large beside it.
    "outputs near zero": (
        [
            ("MatMul", ["x", "w"], ["a"]),
            ("Relu", ["a"], ["b"]),
            ("MatMul", ["b", "v"], ["c"]),
            ("Sub", ["c", "far"], ["d"]),
            ("Sigmoid", ["d"], ["y"]),
        ],
        {"w": scaled(64, 64), "v": scaled(64, 64), "far": np.float32(8)},
        "FLOAT",
    ),
    # Bytes that are all 0 or 1 gave nearly constant activations, whose normalisation magnifies rounding.
    "bytes of a table, normalised": (
        [
            ("Gather", ["table", "x"], ["e"]),
            ("LayerNormalization", ["e", "scale"], ["n"]),
            ("MatMul", ["n", "w"], ["y"]),
        ],
        {"table": scaled(257, 64), "scale": np.ones(64, "float32"), "w": scaled(64, 64)},
        "INT32",
    ),
    # The reference quantises activations, too; OpenVINO says that it computes in fp32.
    "int8 made at run time": (
        [
            ("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
            ("MatMulInteger", ["q", "w8", "z"], ["i"]),
            ("Cast", ["i"], ["f"]),
            ("Mul", ["f", "s"], ["m"]),
            ("Mul", ["m", "step"], ["y"]),
        ],
        {"w8": np.clip(scaled(64, 64) * 250, -127, 127).astype("int8"), "step": np.float32(0.004)},
        "FLOAT",
    ),
}


@with_openvino
@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("name", SOUND)
def test_what_a_sound_run_may_be_off_is_not_called_wrong(kit, here, tmp_path, name, batch_size):
    onnx, (nodes, constants, dtype) = pytest.importorskip("onnx"), SOUND[name]
    out = ("N", 64, 64) if dtype == "INT32" else ("N", 64)
    path = kit.make_model(
        tmp_path / "m.onnx", nodes=nodes, shape=("N", 64), out=out, dtype=dtype, constants=constants
    )
    made = onnx.load(str(path))
    made.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    for node in made.graph.node:
        if node.op_type == "Cast":
            node.attribute.append(onnx.helper.make_attribute("to", onnx.TensorProto.FLOAT))
    onnx.save(made, str(path))
    outcome = run(kit, here, path, batch_size=batch_size)
    assert outcome.ok, outcome.message
    told = outcome.facts["effective"]["reference"]
    assert told["relative_error"] <= told["tolerance"] <= 0.2
    assert told["precision"] == ("int8" if "int8" in name else "fp32")


@with_openvino
@pytest.mark.skipif(not REAL, reason="NOT TRIED: PARETOFLEET_TEST_ONNX_FILES names no folder of real files")
@pytest.mark.parametrize("path", REAL, ids=[path.stem for path in REAL])
def test_a_real_file_that_was_once_called_wrong_is_measured(kit, here, path):
    outcome = run(kit, here, path, batch_size=1)
    assert outcome.ok, outcome.message
    assert outcome.facts["effective"]["reference"]["by"].startswith("onnxruntime")


@with_openvino
def test_a_precision_is_what_the_layers_ran_in_or_it_is_refused(kit, here, dense):
    outcome = run(kit, here, dense, precision="bf16")
    if outcome.ok:
        assert outcome.facts["effective"]["layers"] == {"bf16": 1}
    else:
        assert (outcome.reason, "bf16 was asked for" in outcome.message) == ("unsupported", True)
    outcome = run(kit, here, dense, precision="int8")
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert "int8 was asked for" in outcome.message


def test_a_precision_falls_back_in_silence_nowhere():
    assert openvino_runtime.effective_precision("native", {"bf16": 3, "fp32": 1}) == "bf16"
    assert openvino_runtime.effective_precision("fp32", {}) == "fp32"
    with pytest.raises(
        RunFailed, match="fp16 was asked for, but OpenVINO runs this file on this CPU in bf16"
    ):
        openvino_runtime.effective_precision("fp16", {"bf16": 21})


@with_openvino
@pytest.mark.parametrize(
    ("how", "says"),
    [
        (({"shape": (1, 16)}, {"batch_size": 4}), "fixed batch size 1"),
        (({"nodes": [("NoSuchOperator", ["x"], ["y"])]}, {}), "NoSuchOperator"),
        (({}, {"target_id": "GPU-1"}), "cpu only"),
        (({}, {"precision": "tf32"}), "tf32"),
        (({}, {"options": {"cpu_pinning": 1}}), "cpu_pinning"),
    ],
)
def test_what_openvino_cannot_run_is_unsupported_with_a_sentence(kit, here, tmp_path, how, says):
    how, wanted = how
    outcome = run(kit, here, kit.make_model(tmp_path / "m.onnx", **how), **wanted)
    assert outcome.reason == "unsupported", outcome.message
    assert says in outcome.message


@with_openvino
def test_outputs_that_are_not_finite_are_wrong_where_no_reference_has_them_too(kit, here, tmp_path):
    path = kit.make_model(tmp_path / "m.onnx", nodes=[("Erf", ["x"], ["n"]), ("Log", ["n"], ["y"])])
    assert run(kit, here, path).ok
    assert run(kit, here, path, options={"check_reference": False}).reason == "wrong_output"


def test_the_types_of_every_release_have_a_name_and_a_tolerance():
    for name in ("i4", "u4", "nf4", "i8", "u8", "f8e4m3", "f32", "f16", "bf16", "f64"):
        assert openvino_runtime.EXECUTED[name] in reference.TOLERANCES
