"""Inputs of types that numpy has not, or that hold no numbers: fed, or refused with what to give."""

from __future__ import annotations

import dataclasses

import pytest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.runner.ort_arrays import bits_of

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
TAKES_BFLOAT16 = hasattr(ort.OrtValue, "ortvalue_from_numpy_with_onnx_type")


def labels(path):
    """Texts to numbers, as tabular models begin."""
    h = onnx.helper
    encode = h.make_node(
        "LabelEncoder",
        ["s"],
        ["y"],
        domain="ai.onnx.ml",
        keys_strings=["a", "b"],
        values_floats=[1.0, 2.0],
        default_float=0.0,
    )
    x = h.make_tensor_value_info("s", onnx.TensorProto.STRING, ["N", 1])
    y = h.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 1])
    opsets = [h.make_opsetid("", 17), h.make_opsetid("ai.onnx.ml", 2)]
    model = h.make_model(h.make_graph([encode], "g", [x], [y]), opset_imports=opsets, ir_version=8)
    onnx.save(model, str(path))
    return path


def widened(path):
    """A network whose input is bfloat16."""
    h = onnx.helper
    nodes = [h.make_node("Cast", ["x"], ["f"], to=1), h.make_node("Relu", ["f"], ["y"])]
    x = h.make_tensor_value_info("x", onnx.TensorProto.BFLOAT16, ["N", 16])
    y = h.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 16])
    model = h.make_model(
        h.make_graph(nodes, "g", [x], [y]), opset_imports=[h.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, str(path))
    return path


def fed(kit, here, path, tmp_path, **arrays):
    np.savez(str(tmp_path / "samples.npz"), **arrays)
    lease = kit.lease_of(path, inputs={name: {"sha256": "ab" * 32} for name in arrays})
    lease = dataclasses.replace(lease, input_paths={"ab" * 32: tmp_path / "samples.npz"})
    return measure(lease, path, kit.Samples(), kit.Watch(), here)


def test_texts_are_the_users_and_nothing_is_drawn_for_them(kit, here, tmp_path):
    path = labels(tmp_path / "labels.onnx")
    outcome = measure(kit.lease_of(path), path, kit.Samples(), kit.Watch(), here)
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert "input s is tensor(string), of which nothing can be drawn: give samples" in outcome.message
    outcome = fed(kit, here, path, tmp_path, s=np.array([["a"], ["b"], ["other"]]))
    assert outcome.ok, outcome.message
    assert outcome.facts["effective"]["reference"]["relative_error"] == 0, "texts reach the reference, too"


@pytest.mark.skipif(not TAKES_BFLOAT16, reason="this onnxruntime cannot be fed bfloat16")
def test_bfloat16_is_drawn_or_the_users(kit, here, tmp_path):
    path = widened(tmp_path / "wide.onnx")
    outcome = measure(kit.lease_of(path), path, kit.Samples(), kit.Watch(), here)
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert effective["inputs"]["x"]["values"] == "normal"
    assert effective["input_buffers_bytes"] == 8 * 2 * 16 * 2
    assert effective["reference"]["relative_error"] == 0
    assert effective["depends_on_input"] is True
    outcome = fed(kit, here, path, tmp_path, x=np.ones((4, 16), np.float32))
    assert outcome.ok, outcome.message


@pytest.mark.skipif(TAKES_BFLOAT16, reason="this onnxruntime can be fed bfloat16")
def test_an_old_release_refuses_bfloat16_in_a_sentence(kit, here, tmp_path):
    path = widened(tmp_path / "wide.onnx")
    outcome = measure(kit.lease_of(path), path, kit.Samples(), kit.Watch(), here)
    assert outcome.reason == "unsupported"
    assert "cannot be fed bfloat16, as input x is: upgrade it" in outcome.message


def test_reals_are_rounded_to_the_nearest_bfloat16():
    values = np.array([1.0, 1.0 + 2.0**-8, 1.0 + 3 * 2.0**-8, -2.5, 0.0], np.float32)
    back = (bits_of(values).astype(np.uint32) << 16).view(np.float32)
    assert back.tolist() == [1.0, 1.0, 1.0 + 2.0**-6, -2.5, 0.0], "ties go to the even one"
