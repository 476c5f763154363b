"""The numbers of pruning and clustering, and what each recipe makes of a network."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import numpy_helper
from paretofleet_collector.errors import ModelRefused, Refused
from paretofleet_collector.model.recipes import recipe_of
from paretofleet_collector.models.recipes import cluster, kinds, prune
from paretofleet_graph import as_json, read
from small_networks import small_network

VALUES = arrays.arrays(
    np.float32,
    st.integers(1, 200),
    elements=st.floats(-100, 100, width=32, allow_subnormal=False),
)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.floats(0.01, 0.99))
def test_pruning_sets_the_exact_share_to_zero_and_keeps_the_largest(values, sparsity) -> None:
    pruned = prune.pruned(values, sparsity)
    count = math.floor(sparsity * values.size + 1e-9)
    changed = values != pruned
    assert np.sum(pruned == 0) == max(count, np.sum(values == 0))
    assert np.all(pruned[changed] == 0)
    kept = np.abs(pruned[pruned != 0])
    assert not kept.size or kept.min() >= np.abs(values[changed]).max(initial=0)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(2, 32))
def test_clustered_weights_are_few_and_each_is_the_nearest_shared_one(values, centroids) -> None:
    clustered = cluster.clustered(values, centroids)
    shared = np.unique(clustered)
    assert clustered.shape == values.shape
    assert shared.size <= centroids
    assert shared.min() >= values.min()
    assert shared.max() <= values.max()
    distances = np.abs(values.astype(np.float64)[:, None] - shared.astype(np.float64))
    assert np.allclose(np.abs(values.astype(np.float64) - clustered), distances.min(axis=1), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(VALUES, st.integers(2, 16))
def test_no_shared_value_could_be_moved_for_the_better(values, centroids) -> None:
    """At the end of k-means each shared value is the mean of the weights that it stands for."""
    clustered = cluster.clustered(values, centroids)
    for shared in np.unique(clustered):
        members = values[clustered == shared].astype(np.float64)
        assert members.mean() == pytest.approx(float(shared), rel=1e-4, abs=1e-4)


def test_clustering_leaves_weights_that_are_few_already() -> None:
    values = np.array([[1.0, 2.0], [2.0, 3.0]], np.float32)
    assert np.array_equal(cluster.clustered(values, 3), values)


def test_the_size_of_a_clustered_layer_is_its_table_and_packed_indices() -> None:
    values = np.repeat(np.arange(16, dtype=np.float32), 100)
    assert cluster.clustered_bytes(values) == 1600 * 4 // 8 + 16 * 4
    assert cluster.clustered_bytes(np.zeros(80, np.float32)) == 80 // 8 + 4


def test_the_size_of_a_sparse_layer_counts_values_differences_and_fillers() -> None:
    """Figure 2 of Deep Compression: differences of 3 bits, a gap of 11 needs one filler."""
    values = np.zeros(16, np.float32)
    values[[1, 4, 15]] = 1
    assert prune.sparse_bytes(values, 3) == math.ceil(4 * (32 + 3) / 8)
    assert prune.sparse_bytes(np.ones(8, np.float32), 8) == 8 * 5
    assert prune.sparse_bytes(np.zeros(8, np.float32), 8) == 0


def made(tmp_path: Path, model: onnx.ModelProto, **recipe: Any) -> tuple[dict[str, Any], Path]:
    """What a recipe makes in this process of a model, and the parent."""
    parent, folder = tmp_path / "parent.onnx", tmp_path / "folder"
    onnx.save(model, parent)
    folder.mkdir()
    task = {
        "parent": str(parent),
        "folder": str(folder),
        "called": "net@file",
        "recipe": recipe_of(recipe).as_json(),
        "samples": "",
        "sizes": {},
        "inputs": {},
        "graph": as_json(read(str(parent))),
    }
    return kinds.made(task), parent


def outputs(path: Path, image: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"image": image})[0])


@pytest.mark.parametrize(
    ("recipe", "weights", "computes", "close"),
    [
        ({"kind": "static"}, "int8", "int8", 0.1),
        ({"kind": "static", "reduce_range": True}, "int8", "int8", 0.1),
        ({"kind": "dynamic"}, "int8", "int8", 0.1),
        ({"kind": "fp16"}, "fp16", "fp16", 0.01),
        ({"kind": "bf16"}, "bf16", "fp32", 0.03),
    ],
)
def test_a_recipe_makes_a_network_of_its_precision_with_nearly_the_same_outputs(
    tmp_path, recipe, weights, computes, close
) -> None:
    answer, parent = made(tmp_path, small_network(), **recipe)
    graph = read(answer["path"])
    assert (graph.weights_precision, graph.precision) == (weights, computes)
    assert graph.fixed_batch_size is None
    image = np.random.default_rng(5).normal(size=(3, 3, 8, 8)).astype(np.float32)
    before, after = outputs(parent, image), outputs(Path(answer["path"]), image)
    assert 0 < np.abs(after - before).max() <= close * np.abs(before).max()
    assert answer["compressed_bytes"] is None
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["made.onnx"]


@pytest.mark.skipif(importlib.util.find_spec("onnx_ir") is None, reason="NOT TRIED: onnx-ir is not installed")
def test_int4_packs_the_weights_of_products(tmp_path) -> None:
    answer, parent = made(tmp_path, small_network(), kind="int4")
    assert "MatMulNBits" in {node.op_type for node in onnx.load(answer["path"]).graph.node}
    image = np.random.default_rng(5).normal(size=(2, 3, 8, 8)).astype(np.float32)
    before, after = outputs(parent, image), outputs(Path(answer["path"]), image)
    assert 0 < np.abs(after - before).max() <= 0.3 * np.abs(before).max()


def test_seven_bits_keep_the_sums_of_two_products_below_the_limit_of_16_bits(tmp_path) -> None:
    """A processor without VNNI adds two products of 8 bits in 16, where 255 x 127 x 2 overflows."""
    answer, _ = made(tmp_path, small_network(), kind="static", reduce_range=True)
    tensors = [numpy_helper.to_array(each) for each in onnx.load(answer["path"]).graph.initializer]
    weights = [each for each in tensors if each.dtype == np.int8 and each.ndim > 1]
    assert weights
    assert max(np.abs(each.astype(int)).max() for each in weights) * 255 * 2 < 2**15


def test_pruned_and_clustered_networks_count_their_compact_size(tmp_path) -> None:
    for name, recipe in (
        ("p", {"kind": "prune", "sparsity": 0.75}),
        ("c", {"kind": "cluster", "centroids": 4}),
    ):
        (tmp_path / name).mkdir()
        answer, parent = made(tmp_path / name, small_network(), **recipe)
        layers = [numpy_helper.to_array(each) for each in onnx.load(answer["path"]).graph.initializer]
        layers = [each for each in layers if each.ndim > 1]
        if name == "p":
            assert [np.mean(each == 0) for each in layers] == [0.75, 0.75]
            compact = prune.sparse_bytes(layers[0], 8) + prune.sparse_bytes(layers[1], 5)
        else:
            assert [np.unique(each).size for each in layers] == [4, 4]
            compact = sum(map(cluster.clustered_bytes, layers))
        rest = Path(answer["path"]).stat().st_size - sum(each.nbytes for each in layers)
        assert answer["compressed_bytes"] == rest + compact < parent.stat().st_size


def test_a_recipe_that_finds_nothing_to_change_says_so(tmp_path) -> None:
    relu = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 13]> '
        "g (float[batch, 4] x) => (float[batch, 4] y) { y = Relu(x) }"
    )
    for kind in ("prune", "bf16", "dynamic"):
        (tmp_path / kind).mkdir()
        with pytest.raises(ModelRefused, match=r"net@file (cannot be changed by|has no weights)"):
            made(tmp_path / kind, relu, kind=kind)


def test_a_network_of_unknown_operators_cannot_be_quantised(tmp_path) -> None:
    odd = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 13, "mine" : 1]> '
        "g (float[batch, 4] x) => (float[batch, 4] y) { y = mine.Frobnicate(x) }"
    )
    parent, folder = tmp_path / "parent.onnx", tmp_path / "folder"
    onnx.save(odd, parent)
    folder.mkdir()
    task = {"parent": str(parent), "folder": str(folder), "called": "odd@file", "recipe": {"kind": "dynamic"}}
    with pytest.raises(ModelRefused, match="odd@file: ONNX Runtime cannot prepare it"):
        kinds.made(task)


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"kind": "statik"}, "no kind of recipe: did you mean static"),
        ({"kind": "prune", "sparsty": 0.5}, "no parameter 'sparsty': did you mean sparsity"),
        ({"kind": "prune", "sparsity": 1.0}, "a share above 0 and below 1"),
        ({"kind": "cluster", "centroids": 1}, "2 to 256 centroids"),
        ({"kind": "int4", "block_size": 33}, "16, 32, 64, 128 or 256"),
        ({"kind": "static", "calibration": {"items": 3}}, "8 to 128"),
        ({"kind": "static", "per_channel": "yes"}, "true or false"),
    ],
)
def test_a_recipe_that_means_nothing_is_refused(about, why) -> None:
    with pytest.raises(Refused, match=why):
        recipe_of(about)
