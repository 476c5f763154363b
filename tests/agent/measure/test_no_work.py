"""Models that compute nothing from their input, through the real runner."""

from __future__ import annotations

import pytest
from paretofleet_agent.measure.attempt import measure

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
np = pytest.importorskip("numpy")

FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
CLASSES = np.random.RandomState(0).standard_normal((16, 10)).astype("float32")
#: Nodes (operator, inputs, outputs, attributes), constants, the type of the input and of the output.
IDLE = {
    "a constant": ([("Shape", "x", "s"), ("ConstantOfShape", "s", "y")], {}, FLOAT, FLOAT),
    "zero times the input": ([("Mul", "x zero", "y")], {"zero": np.float32(0)}, FLOAT, FLOAT),
    "the input less itself": ([("Sub", "x x", "y")], {}, FLOAT, FLOAT),
    "an integer": ([("Shape", "x", "y")], {}, FLOAT, INT64),
    "an integer of integers": ([("Mul", "x zero", "y")], {"zero": np.int64(0)}, INT64, INT64),
    "a matrix product of constants": (
        [("MatMul", "w v", "a"), ("Mul", "x zero", "b"), ("Add", "a b", "y")],
        {"w": CLASSES[:1, :4], "v": CLASSES[:4, :1], "zero": np.float32(0)},
        FLOAT,
        FLOAT,
    ),
}
BUSY = {
    "a copy": ([("Identity", "x", "y")], {}, FLOAT, FLOAT),
    "a class": (
        [("MatMul", "x w", "a"), ("ArgMax", "a", "y", {"axis": 1})],
        {"w": CLASSES},
        FLOAT,
        INT64,
    ),
    "a class that noise seldom leaves": (
        [("MatMul", "x w", "a"), ("Add", "a bias", "b"), ("ArgMax", "b", "y", {"axis": 1})],
        {"w": CLASSES / 4, "bias": np.eye(1, 10, 3, dtype="float32") * 8},
        FLOAT,
        INT64,
    ),
    "a threshold": (
        [("Sub", "x high", "a"), ("Relu", "a", "y")],
        {"high": np.float32(6)},
        FLOAT,
        FLOAT,
    ),
    "integers": ([("Add", "x x", "y")], {}, INT64, INT64),
    "noise": ([("RandomNormalLike", "x", "a"), ("Cast", "a", "y", {"to": INT64})], {}, FLOAT, INT64),
    "noise from a seed": ([("RandomUniformLike", "x", "y", {"seed": 1.0})], {}, FLOAT, FLOAT),
}


def save(path, nodes, constants, kind, kind_out, *, size=16):
    helper = onnx.helper
    made = [
        helper.make_node(name, taken.split(), given.split(), **(rest[0] if rest else {}))
        for name, taken, given, *rest in nodes
    ]
    graph = helper.make_graph(
        made,
        "graph",
        [helper.make_tensor_value_info("x", kind, ["N", size])],
        [helper.make_tensor_value_info("y", kind_out, None)],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))
    return path


def run(kit, here, path, **wanted):
    outcome = measure(kit.lease_of(path, **wanted), path, kit.Samples(), kit.Watch(), here)
    assert outcome.ok, outcome.message
    return outcome.facts


@pytest.mark.parametrize("case", list(IDLE))
def test_outputs_that_do_not_depend_on_the_input_are_no_work(kit, here, tmp_path, case):
    facts = run(kit, here, save(tmp_path / "m.onnx", *IDLE[case]))
    assert "no_work" in facts["flags"]
    assert facts["effective"]["depends_on_input"] is False
    assert facts["counted"] is True


@pytest.mark.parametrize("case", list(BUSY))
def test_outputs_that_change_with_the_input_or_by_chance_are_work(kit, here, tmp_path, case):
    facts = run(kit, here, save(tmp_path / "m.onnx", *BUSY[case]), batch_size=1)
    assert "no_work" not in facts["flags"]
    assert facts["effective"]["depends_on_input"] is True


def test_one_small_integer_is_drawn_into_another(kit, here, tmp_path):
    path = save(tmp_path / "m.onnx", *BUSY["integers"], size=1)
    for batch_size in (1, 2):
        assert run(kit, here, path, batch_size=batch_size)["effective"]["depends_on_input"] is True


def test_inputs_of_which_one_buffer_fits_are_drawn_anew_in_it(kit, here, tmp_path):
    path = save(tmp_path / "m.onnx", *BUSY["a copy"], size=20_000_000)
    facts = run(kit, here, path, batch_size=1, options={"check_reference": True})
    assert facts["effective"]["input_buffers"] == 1
    assert facts["effective"]["depends_on_input"] is True


def test_it_is_looked_at_where_the_reference_is(kit, here, tmp_path):
    path = save(tmp_path / "m.onnx", *IDLE["a constant"])
    for wanted in ({"block": 2}, {"options": {"check_reference": False}}):
        facts = run(kit, here, path, **wanted)
        assert facts["effective"]["depends_on_input"] is None
        assert "no_work" not in facts["flags"]
