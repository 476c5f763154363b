"""What a run is fed: by the laws of its graph, by what was given, or by the samples of a user."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.runner.failure import RunFailed
from paretofleet_agent.runner.feeding import describe, fed, feeding
from paretofleet_agent.runner.inputs import buffers, redraw

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

ROWS = 50_000


@pytest.fixture
def encoder(tmp_path):
    """Ids of a table, a mask of them, and a number that they are multiplied by."""
    helper, kinds = onnx.helper, onnx.TensorProto
    info = helper.make_tensor_value_info
    table = np.random.RandomState(0).standard_normal((ROWS, 4)).astype("float32")
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("Cast", ["mask"], ["f"], to=kinds.FLOAT),
        helper.make_node("Unsqueeze", ["f", "last"], ["wide"]),
        helper.make_node("Mul", ["e", "wide"], ["m"]),
        helper.make_node("MatMul", ["m", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [info("ids", kinds.INT64, ["N", "seq"]), info("mask", kinds.INT64, ["N", "seq"])],
        [info("y", kinds.FLOAT, ["N", "seq", 3])],
        [
            onnx.numpy_helper.from_array(table, "table"),
            onnx.numpy_helper.from_array(np.array([2]), "last"),
            onnx.numpy_helper.from_array(table[:4, :3].copy(), "w"),
        ],
    )
    path = tmp_path / "encoder.onnx"
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))
    return path


def request(path, batch_size=4, seed=1, **more):
    return {"artifact": str(path), "batch_size": batch_size, "seed": seed, **more}


def made(path, **more):
    asked = request(path, **more)
    what = feeding(describe(asked), asked)
    return what, buffers(what)


def test_ids_go_up_to_their_table_few_of_them_often_and_masks_are_ones(encoder):
    what, feeds = made(encoder, batch_size=64, sizes={"seq": 512})
    ids = feeds[0]["ids"]
    assert ids.shape == (64, 512)
    assert 0 <= ids.min() < 10
    assert ROWS / 2 < ids.max() < ROWS
    counts = np.bincount(ids.ravel(), minlength=ROWS)
    assert counts[0] > 5 * counts[10] > 0
    assert len(np.unique(ids)) > 2000
    assert (feeds[0]["mask"] == 1).all()
    assert fed(what)["ids"] == {"shape": [64, 512], "values": "zipf", "below": ROWS, "why": "Gather"}


def test_uniform_ids_are_all_as_likely(encoder):
    _, feeds = made(encoder, batch_size=64, sizes={"seq": 512}, inputs={"ids": {"values": "uniform"}})
    quarters = np.bincount(feeds[0]["ids"].ravel() * 4 // ROWS, minlength=4)
    assert quarters.min() > 0.9 * quarters.max()


def test_real_numbers_are_drawn_as_they_always_were(kit, tmp_path):
    """The seeds of stored sweeps stand for the same numbers."""
    path = kit.make_model(tmp_path / "m.onnx")
    _, feeds = made(path, batch_size=2, seed=7)
    random = np.random.RandomState(7)
    drawn = random.standard_normal(32).astype("float32")
    for each in feeds:
        assert np.array_equal(each["x"].ravel(), np.roll(drawn, random.randint(32)))


@pytest.mark.parametrize("dtype", ["FLOAT", "FLOAT16", "DOUBLE"])
@pytest.mark.parametrize("ends", [(4.0, 5.0), (-1.0, 1.0), (0.0, 0.5)])
def test_real_numbers_lie_between_the_ends_of_what_an_operator_takes(kit, tmp_path, dtype, ends):
    """The ends are excluded, after rounding to half precision, too."""
    asked = request(kit.make_model(tmp_path / "m.onnx", shape=("N", 5000), dtype=dtype))
    what = feeding(describe(asked), asked)
    law = what.laws["x"]._replace(values="uniform", span=ends)
    what = what._replace(laws={"x": law})
    drawn = buffers(what)[0]["x"]
    assert drawn.min() > ends[0]
    assert drawn.max() < ends[1]
    assert drawn.max() - drawn.min() > 0.9 * (ends[1] - ends[0])
    assert fed(what)["x"]["span"] == list(ends)


def test_a_length_is_the_size_of_its_axis_whatever_that_is(tmp_path):
    helper, kinds = onnx.helper, onnx.TensorProto
    info = helper.make_tensor_value_info
    weight = onnx.numpy_helper.from_array(np.ones((1, 12, 4), "float32"), "w")
    graph = helper.make_graph(
        [helper.make_node("GRU", ["x", "w", "w", "", "lens"], ["y"], hidden_size=4)],
        "g",
        [info("x", kinds.FLOAT, ["time", "N", 4]), info("lens", kinds.INT32, ["N"])],
        [info("y", kinds.FLOAT, ["time", 1, "N", 4])],
        [weight],
    )
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    for time in (5, 9):
        what, feeds = made(path, sizes={"time": time})
        assert feeds[0]["lens"].tolist() == [time] * 4
        assert fed(what)["lens"]["below"] == time


def saved(folder, name, **arrays):
    path = folder / name
    np.savez(path, **arrays)
    return {name: {"file": str(path)} for name in arrays}


def test_samples_are_put_together_to_batches_and_rotated(encoder, tmp_path):
    ids = np.arange(10 * 3).reshape(10, 3)
    inputs = saved(tmp_path, "s.npz", ids=ids, mask=np.ones_like(ids))
    what, feeds = made(encoder, batch_size=4, inputs=inputs)
    seen = np.concatenate([each["ids"] for each in feeds])
    assert np.array_equal(seen[:10], ids)
    assert np.array_equal(seen[10:12], ids[:2]), "after the last comes the first"
    about = fed(what)["ids"]
    assert (about["shape"], about["samples"], len(about["sha256"])) == ([4, 3], 10, 64)
    before = feeds[0]["ids"].copy()
    redraw(feeds[0], what, 3, 1.0, 0.0)
    assert not np.array_equal(feeds[0]["ids"], before)
    assert set(map(tuple, feeds[0]["ids"])) <= set(map(tuple, ids))


def test_a_folder_of_arrays_feeds_the_inputs_that_they_are_called_like(encoder, tmp_path):
    folder = tmp_path / "samples"
    folder.mkdir()
    np.savez(folder / "1.npz", ids=np.full((1, 5), 1))
    np.savez(folder / "2.npz", ids=np.full((2, 5), 2))
    what, feeds = made(encoder, batch_size=2, inputs={"": {"file": str(folder)}})
    assert feeds[0]["ids"].tolist() == [[1] * 5, [2] * 5]
    assert feeds[0]["mask"].shape == (2, 5), "the mask has the samples' size"
    assert fed(what)["ids"]["samples"] == 3
    np.save(folder / "mask.npy", np.zeros((3, 5), int))
    _, feeds = made(encoder, batch_size=2, inputs={"": {"file": str(folder)}})
    assert not feeds[0]["mask"].any()


def test_a_file_for_all_inputs_has_an_array_of_at_least_one(encoder, tmp_path):
    inputs = {"": saved(tmp_path, "s.npz", other=np.zeros(3))["other"]}
    with pytest.raises(RunFailed, match=r"s\.npz has no array of an input \(ids, mask\); it has other"):
        made(encoder, inputs=inputs)


IDS = np.zeros((10, 3), np.int64)
BAD = {
    "an id beyond its table": (
        {"ids": IDS + ROWS},
        "s.npz holds ids of 50000 to 50000 .* table of 50000 rows",
    ),
    "other names": ({"x": IDS, "z": IDS}, "s.npz has no array ids; it has x, z"),
    "other numbers": ({"ids": IDS + 0.5}, "s.npz holds float64 for input ids, which is int64"),
    "another rank": ({"ids": IDS[0]}, r"s.npz has the shape \[3\]"),
    "no sample": ({"ids": IDS[:0]}, "s.npz holds no sample"),
    "other counts": ({"ids": IDS, "mask": IDS[:4]}, "different numbers of samples: ids 10, mask 4"),
    "other sizes": ({"ids": IDS, "mask": np.zeros((10, 4), int)}, "makes axis seq 4, and 3 was given"),
}


@pytest.mark.parametrize("case", BAD)
def test_samples_that_do_not_fit_are_refused_before_anything_runs(encoder, tmp_path, case):
    arrays, sentence = BAD[case]
    inputs = saved(tmp_path, "s.npz", **arrays)
    path = str(tmp_path / "s.npz")
    inputs = {name: {"file": path} for name in (("ids", "mask") if "mask" in inputs else ("ids",))}
    with pytest.raises(RunFailed, match=sentence) as refused:
        made(encoder, inputs=inputs, sizes={})
    assert refused.value.reason == "unsupported"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"\x93NUMPY\x01\x00"])
def test_a_file_that_holds_no_arrays_is_refused(encoder, tmp_path, content):
    (tmp_path / "s.npz").write_bytes(content)
    with pytest.raises(RunFailed, match=r"s\.npz"):
        made(encoder, inputs={"ids": {"file": str(tmp_path / "s.npz")}})


def test_pickled_objects_are_never_loaded(encoder, tmp_path):
    np.save(tmp_path / "s.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(RunFailed, match="holds no arrays"):
        made(encoder, inputs={"ids": {"file": str(tmp_path / "s.npy")}})


def test_a_real_run_says_what_it_was_fed(kit, here, encoder):
    lease = kit.lease_of(encoder, batch_size=3, sizes={"seq": 7}, inputs={"mask": {"values": "zeros"}})
    outcome = measure(lease, encoder, kit.Samples(), kit.Watch(), here)
    assert outcome.ok, outcome.message
    inputs = outcome.facts["effective"]["inputs"]
    assert inputs["ids"]["shape"] == [3, 7]
    assert inputs["mask"]["values"] == "zeros"
