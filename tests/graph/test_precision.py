"""What a file computes in follows from its operators and their types, never from the bytes of a name."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_files import FLOAT, INT64, graph, node, save, weights
from paretofleet_graph import read

X = {"x": (FLOAT, ["N", 64])}
W = weights(64, 64)
FLOAT8 = np.zeros((), helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN))
CAST = {"float": TensorProto.FLOAT, "double": TensorProto.DOUBLE, "half": TensorProto.FLOAT16}


def cast(to, source="x"):
    return node("Cast", [source], ["c"], to=CAST[to])


MATMUL = node("MatMul", ["c", "w"], ["y"])
DYNAMIC = [
    node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
    node("MatMulInteger", ["q", "wq", "z"], ["y"]),
]
#: Inputs, nodes, constants and what they compute in.
FILES = {
    "quantised by its name only": (
        X,
        [node("MatMul", ["x", "mlp.HQQLinear.QuantizeLinear"], ["y"], name="QLinearMatMul")],
        {"mlp.HQQLinear.QuantizeLinear": W},
        "fp32",
    ),
    "doubles that are cast to floats": (
        {"x": ("DOUBLE", ["N", 64])},
        [cast("float"), MATMUL],
        {"w": W},
        "fp32",
    ),
    "integers that are cast to doubles": (
        {"x": (INT64, ["N", 64])},
        [cast("double"), MATMUL],
        {"w": W.astype(np.float64)},
        "fp64",
    ),
    "floats that are cast to half": (X, [cast("half"), MATMUL], {"w": W.astype(np.float16)}, "fp16"),
    "two of them": (
        X,
        [node("MatMul", ["x", "v"], ["a"]), cast("double", "a"), MATMUL],
        {"v": W, "w": W.astype(np.float64)},
        "mixed",
    ),
    "dynamic int8": (X, DYNAMIC, {"wq": W.astype(np.int8)}, "int8"),
    "no product at all": ({"x": ("DOUBLE", ["N", 64])}, [node("Relu", ["x"], ["y"])], {}, "fp64"),
    "no product, and a cast before what computes": (
        {"x": ("DOUBLE", ["N", 64])},
        [cast("float"), node("Mul", ["c", "g"], ["m"]), node("Relu", ["m"], ["y"])],
        {"g": W[0]},
        "fp32",
    ),
    "activations in 8-bit reals": (
        X,
        [
            node("QuantizeLinear", ["x", "one", "zero"], ["q"]),
            node("DequantizeLinear", ["q", "one", "zero"], ["c"]),
            MATMUL,
        ],
        {"w": W, "one": np.float32(1), "zero": FLOAT8},
        "fp8",
    ),
    "a table of 4 bits that is only looked up": (
        {"x": (INT64, ["N", 4])},
        [
            node("GatherBlockQuantized", ["t", "x", "s"], ["e"], domain="com.microsoft"),
            node("MatMul", ["e", "w"], ["y"]),
        ],
        {"t": np.zeros((10, 32), np.uint8), "s": np.ones((10, 2), np.float32), "w": W},
        "fp32",
    ),
    "weights of 4 bits in a Constant": (
        X,
        [
            node(
                "Constant", [], ["q"], value=helper.make_tensor("q", TensorProto.INT4, [64, 64], [1] * 4096)
            ),
            node("DequantizeLinear", ["q", "s"], ["w"]),
            node("MatMul", ["x", "w"], ["y"]),
        ],
        {"s": np.float32(0.1)},
        "int4",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_operators_and_their_types_say_the_precision(tmp_path, case):
    inputs, nodes, constants, precision = FILES[case]
    made = graph(nodes, inputs, {"y": (FLOAT, ["N", 64])}, constants)
    assert read(str(save(tmp_path / "m.onnx", made))).precision == precision


def test_operators_that_draw_numbers_are_named(tmp_path):
    made = graph(
        [node("RandomNormalLike", ["x"], ["r"]), node("Add", ["x", "r"], ["y"])], X, {"y": (FLOAT, ["N", 64])}
    )
    assert read(str(save(tmp_path / "m.onnx", made))).random == ("RandomNormalLike",)


@pytest.mark.parametrize(
    ("nodes", "mixes"),
    [
        ([node("Softmax", ["x"], ["y"], axis=0)], ("Softmax",)),
        ([node("Softmax", ["x"], ["y"], axis=1)], ()),
        ([node("ReduceMean", ["x"], ["y"], axes=[0])], ("ReduceMean",)),
        ([node("ReduceMean", ["x"], ["y"], axes=[1])], ()),
        ([node("ArgMax", ["x"], ["y"], axis=0)], ("ArgMax",)),
        ([node("Transpose", ["x"], ["t"], perm=[1, 0]), node("Softmax", ["t"], ["y"])], ("Softmax",)),
        (DYNAMIC, ("DynamicQuantizeLinear",)),
    ],
    ids=range(7),
)
def test_operators_in_which_items_change_one_another_are_named(tmp_path, nodes, mixes):
    made = graph(nodes, X, {"y": (FLOAT, [None, None])}, {"wq": W.astype(np.int8)})
    assert read(str(save(tmp_path / "m.onnx", made))).mixes == mixes
