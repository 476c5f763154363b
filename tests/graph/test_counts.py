"""Weights are counted wherever a file keeps them, by values and not by bytes, or are unknown; never 0."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_files import BOOL, FLOAT, INT64, graph, node, save, weights
from paretofleet_graph import read

X = {"x": (FLOAT, ["N", 64])}
Y = {"y": (FLOAT, ["N", None])}
ML = "ai.onnx.ml"
MS = "com.microsoft"
SHAPE = {"shape": np.array([64, 8])}
VALUES = [float(each) for each in range(64 * 8)]


def tensor(kind, shape):
    count = int(np.prod(shape))
    return helper.make_tensor("t", kind, shape, [1] * count)


def sparse(shape, places):
    values = numpy_helper.from_array(np.ones(len(places), np.float32), "sp")
    return helper.make_sparse_tensor(values, numpy_helper.from_array(np.array(places), "at"), shape)


def counted(tmp_path, nodes, constants=None, inputs=None, *, tensors=(), **more):
    made = graph(nodes, inputs or X, Y, constants)
    made.initializer.extend(tensors)
    description = read(str(save(tmp_path / "m.onnx", made, **more)))
    return description.parameters, description.weights_precision


MATMUL = node("MatMul", ["x", "w"], ["y"])
#: Where weights lie: nodes, constants, how many they are.
PLACES = {
    "a Constant's tensor": ([node("Constant", [], ["w"], value=tensor(1, [64, 8])), MATMUL], {}, 512),
    "a Constant's list of reals": (
        [
            node("Constant", [], ["flat"], value_floats=VALUES),
            node("Reshape", ["flat", "shape"], ["w"]),
            MATMUL,
        ],
        SHAPE,
        512,
    ),
    "a Constant's sparse values": (
        [node("Constant", [], ["w"], sparse_value=sparse([64, 8], [0, 9])), MATMUL],
        {},
        512,
    ),
    "a linear model's attributes": (
        [node("LinearRegressor", ["x"], ["y"], domain=ML, coefficients=VALUES[:64], intercepts=[0.5])],
        {},
        65,
    ),
    "support vectors": (
        [
            node(
                "SVMRegressor",
                ["x"],
                ["y"],
                domain=ML,
                coefficients=[1.0, -1.0],
                support_vectors=VALUES[:128],
                rho=[0.1],
                n_supports=2,
            )
        ],
        {},
        131,
    ),
    "thresholds and leaves of trees": (
        [
            node(
                "TreeEnsembleRegressor",
                ["x"],
                ["y"],
                domain=ML,
                nodes_values=[0.5, 0.0, 0.0],
                nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
                target_weights=[1.0, 2.0],
            )
        ],
        {},
        3,
    ),
    "trees of opset 5": (
        [
            node(
                "TreeEnsemble",
                ["x"],
                ["y"],
                domain=ML,
                nodes_splits=tensor(1, [7]),
                leaf_weights=tensor(1, [8]),
            )
        ],
        {},
        15,
    ),
    "a compiled network": ([node("EPContext", ["x"], ["y"], domain=MS, ep_cache_context="blob")], {}, None),
    "an operator that nobody knows": ([node("Mine", ["x"], ["y"], domain="mine", table=VALUES)], {}, None),
    "one without such attributes": (
        [node("Mine", ["x", "w"], ["y"], domain="mine", depth=3)],
        {"w": weights(4, 4)},
        16,
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_weights_are_counted_where_they_lie_or_are_unknown(tmp_path, place):
    nodes, constants, count = PLACES[place]
    parameters, _ = counted(tmp_path, nodes, constants, domains=[ML, MS, "mine"])
    assert parameters == count


def test_weights_within_branches_loops_and_functions_count(tmp_path):
    lstm = node("LSTM", ["x3", "lw", "lr"], ["h"], hidden_size=2)
    inner = graph([lstm], {}, {"h": (FLOAT, [None] * 4)}, {"lw": weights(1, 8, 64), "lr": weights(1, 8, 2)})
    body = graph(
        [node("MatMul", ["v", "m"], ["o"]), node("Identity", ["go"], ["on"])],
        {"it": (INT64, []), "go": (BOOL, []), "v": (FLOAT, ["N", 64])},
        {"on": (BOOL, []), "o": (FLOAT, ["N", 64])},
        {"m": weights(64, 64)},
    )
    called = helper.make_function(
        "mine",
        "Scaled",
        ["a", "q", "s"],
        ["b"],
        [node("DequantizeLinear", ["q", "s"], ["w"], axis=1), node("MatMul", ["a", "w"], ["b"])],
        [helper.make_opsetid("", 17)],
    )
    nodes = [
        node("If", ["yes"], ["h"], then_branch=inner, else_branch=inner),
        node("Loop", ["n", "yes", "x"], ["l"], body=body),
        node("Scaled", ["l", "q", "scales"], ["y"], domain="mine"),
    ]
    constants = {"yes": np.array(True), "n": np.int64(2), "q": np.ones((64, 8), np.int8)}
    parameters, _ = counted(
        tmp_path,
        nodes,
        {**constants, "scales": np.ones(8, np.float32)},
        functions=[called],
        domains=["mine"],
    )
    # Both branches hold a recurrent layer of their own; scales are no weights, within a function neither.
    assert parameters == 2 * (8 * 64 + 8 * 2) + 64 * 64 + 64 * 8


def test_weights_in_other_files_count(tmp_path):
    made = graph([MATMUL], X, Y, {"w": weights(64, 8)})
    made.initializer[0].ClearField("raw_data")
    made.initializer[0].data_location = TensorProto.EXTERNAL
    entry = made.initializer[0].external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    assert read(str(save(tmp_path / "m.onnx", made))).parameters == 512


@pytest.mark.parametrize(("bits", "word"), [(2, "int2"), (4, "int4"), (8, "int8")])
def test_packed_weights_are_counted_by_values(tmp_path, bits, word):
    """64 x 32 weights, several in a byte; scales, zero points and the order of groups are none."""
    constants = {
        "b": np.zeros((32, 2, 32 * bits // 8), np.uint8),
        "s": np.ones(64, np.float32),
        "z": np.zeros(64 * bits // 8, np.uint8),
    }
    product = node(
        "MatMulNBits", ["x", "b", "s", "z"], ["y"], domain=MS, K=64, N=32, bits=bits, block_size=32
    )
    description = read(str(save(tmp_path / "m.onnx", graph([product], X, Y, constants), domains=[MS])))
    assert (description.parameters, description.weights_precision) == (64 * 32, word)
    assert (description.precision, description.accuracy_levels) == (word, (0,))


def test_what_a_file_claims_to_be_packed_is_no_more_than_its_bytes_hold(tmp_path):
    product = node("MatMulNBits", ["x", "b", "s"], ["y"], domain=MS, K=2**40, N=2**40)
    constants = {"b": np.zeros((32, 2, 16), np.uint8), "s": np.ones(64, np.float32)}
    assert counted(tmp_path, [product], constants, domains=[MS]) == (2048, "int4")


def test_four_bit_tensors_are_counted_by_values(tmp_path):
    packed = helper.make_tensor("q", TensorProto.INT4, [64, 32], [1] * 2048)
    nodes = [node("DequantizeLinear", ["q", "s"], ["w"], axis=1), MATMUL]
    assert counted(tmp_path, nodes, {"s": np.ones(32, np.float32)}, tensors=[packed]) == (2048, "int4")


def test_per_channel_scales_of_quantised_operators_are_no_weights(tmp_path):
    constants = {
        "w": np.ones((1, 64, 32), np.int8),
        "r": np.ones((1, 8, 32), np.int8),
        "ws": np.ones((1, 32), np.float32),
        "wz": np.zeros((1, 32), np.int8),
    }
    nodes = [
        node(
            "DynamicQuantizeLSTM",
            ["x3", "w", "r", "", "", "", "", "", "ws", "wz", "ws", "wz"],
            ["y"],
            domain=MS,
            hidden_size=8,
        )
    ]
    assert counted(tmp_path, nodes, constants, domains=[MS]) == (64 * 32 + 8 * 32, "int8")


WEIGHT_ONLY = [node("DequantizeLinear", ["q", "s"], ["w"], axis=1), MATMUL]
ACTIVATIONS = [
    node("QuantizeLinear", ["x", "one", "zero"], ["xq"]),
    node("DequantizeLinear", ["xq", "one", "zero"], ["xd"]),
    node("DequantizeLinear", ["q", "s"], ["w"], axis=1),
    node("MatMul", ["xd", "w"], ["y"]),
]


@pytest.mark.parametrize(("nodes", "computes"), [(WEIGHT_ONLY, "fp32"), (ACTIVATIONS, "int8")])
def test_what_weights_are_kept_in_is_not_what_they_are_computed_in(tmp_path, nodes, computes):
    constants = {
        "q": np.ones((64, 8), np.int8),
        "s": np.ones(8, np.float32),
        "one": np.float32(1),
        "zero": np.int8(0),
    }
    description = read(str(save(tmp_path / "m.onnx", graph(nodes, X, Y, constants))))
    assert (description.weights_precision, description.precision) == ("int8", computes)
