"""Files of samples and what is given with a model: stored once and whole, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto as T
from onnx import helper as h
from paretofleet_collector.errors import CollectorError, NotFound, Refused, Taken
from paretofleet_collector.model.entities import Inventory, RuntimeInfo, Target, Variant
from paretofleet_collector.model.inputs import InputFile, NewInputs
from paretofleet_collector.model.messages import NewModel
from paretofleet_collector.service import agents, catalogue, garbage, inputs, leases, submission
from paretofleet_collector.store import input_files, models
from rig import TINY, Rig

INVENTORY = Inventory(
    targets=(Target("cpu", "cpu"),),
    runtimes=(RuntimeInfo("onnxruntime", "1.19.2", ("cpu",)),),
    cpus=(0, 1),
    wire_version=2,
)


def packed(**arrays: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.savez(data, **arrays)
    return data.getvalue()


def encoder() -> bytes:
    """A table of 50 rows, and a free axis beside the batch."""
    table = h.make_tensor("table", T.FLOAT, [50, 4], np.ones(200, np.float32).tobytes(), raw=True)
    axes = h.make_tensor("axes", T.INT64, [1], [1])
    graph = h.make_graph(
        [h.make_node("Gather", ["table", "ids"], ["e"]), h.make_node("ReduceSum", ["e", "axes"], ["y"])],
        "g",
        [h.make_tensor_value_info("ids", T.INT64, ["batch", "sequence"])],
        [h.make_tensor_value_info("y", T.FLOAT, ["batch", 1, 4])],
        [table, axes],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 500):
        yield data[at : at + 500]


def send(rig: Rig, data: bytes, name: str = "s.npz", **announced: Any) -> InputFile:
    new = NewInputs(name, len(data), announced.get("sha256", hashlib.sha256(data).hexdigest()))
    return rig.do(inputs.add_inputs(rig.context, new, pieces(data)))


def add(rig: Rig, data: bytes, **more: Any) -> Variant:
    new = NewModel("net", size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), **more)
    return rig.do(catalogue.add_model(rig.context, new, pieces(data)))


def files(rig: Rig) -> list[str]:
    root = rig.context.lake.root
    there = sorted(path.name for folder in ("models", "tmp") for path in (root / folder).iterdir())
    return [name for name in there if name != f"{TINY.sha256}.onnx"]


def stored(rig: Rig) -> list[InputFile]:
    return rig.do(rig.context.store.read(input_files.listing))


def submit(rig: Rig, **spec: Any) -> Any:
    text = json.dumps({"models": ["net"], "protocol": "quick", "repeats": 1, **spec})
    return rig.do(submission.submit(rig.context, "r", text))


IDS = np.arange(20, dtype=np.int64).reshape(4, 5)


async def nothing() -> AsyncIterator[bytes]:
    raise AssertionError("no data is read")
    yield b""


def test_samples_are_kept_once_by_their_hash(rig: Rig):
    data = packed(ids=IDS)
    file = send(rig, data)
    assert [(each.name, each.type, each.shape, each.low, each.high) for each in file.arrays] == [
        ("ids", "int64", (4, 5), 0, 19)
    ]
    assert files(rig) == [f"{file.sha256}.npz"]
    new = NewInputs("again.npz", len(data), file.sha256)
    assert rig.do(inputs.add_inputs(rig.context, new, nothing())) == file


def test_samples_beyond_the_limit_are_refused_before_any_of_them_is_read(rig: Rig):
    most = rig.context.config.model_max_bytes
    new = NewInputs("huge.npz", most + 1, "a" * 64)
    with pytest.raises(Refused, match=rf"huge\.npz has {most + 1} bytes; at most {most >> 30} GiB"):
        rig.do(inputs.add_inputs(rig.context, new, nothing()))
    assert files(rig) == []


def test_a_grant_names_the_samples_and_an_agent_can_fetch_them(rig: Rig):
    session = rig.joined()
    rig.hello(session, inventory=INVENTORY)
    add(rig, encoder())
    file = send(rig, packed(ids=IDS))
    submit(rig, inputs={"ids": {"sha256": file.sha256}})
    grant = rig.do(leases.lease(rig.context, session)).grant
    assert grant.planned.configuration.as_json()["sizes"] == {"sequence": 5}
    assert [each.sha256 for each in grant.inputs] == [file.sha256]
    path = rig.do(agents.model_path(rig.context, session, file.sha256, 0))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    with pytest.raises(NotFound, match="none at"):
        rig.do(agents.model_path(rig.context, session, file.sha256, file.size_bytes + 1))


BROKEN = {
    "cut short": (lambda: packed(ids=IDS)[:-30], "is not an .npz file, or is damaged"),
    "no zip": (lambda: b"PK" * 100, "is not an .npz file"),
    "objects": (lambda: packed(x=np.array([{}, 1], dtype=object)), "which no input of a model has"),
    "complex": (lambda: packed(x=np.ones(3, np.complex64)), "which no input of a model has"),
    "no samples": (lambda: packed(x=np.float32(1)), "has no samples"),
    "none in the first axis": (lambda: packed(x=np.ones((0, 3))), "has no samples"),
    "unlike numbers": (lambda: packed(x=np.ones(3), y=np.ones(4)), r"unlike numbers of samples \(3, 4\)"),
    "no array": (packed, "has 0 arrays"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_of_broken_samples_nothing_is_left(rig: Rig, kind):
    make, words = BROKEN[kind]
    with pytest.raises(Refused, match=words):
        send(rig, make())
    assert (files(rig), stored(rig)) == ([], [])


def test_samples_that_change_while_they_are_sent_are_refused(rig: Rig):
    with pytest.raises(Refused, match="damaged on the way, or changed meanwhile"):
        send(rig, packed(ids=IDS), sha256="0" * 64)
    assert (files(rig), stored(rig)) == ([], [])


def test_what_is_given_with_a_model_is_kept_with_it(rig: Rig):
    file = send(rig, packed(ids=IDS))
    added = add(rig, encoder(), inputs_json=json.dumps({"ids": {"sha256": file.sha256}}))
    assert (added.sizes, added.inputs) == ({"sequence": 5}, {"ids": {"sha256": file.sha256}})
    again = add(rig, encoder(), sizes={"sequence": 9})
    assert (again.sizes, again.inputs) == ({"sequence": 9}, {})
    assert add(rig, encoder()).sizes == {"sequence": 9}, "what is said of nothing stays"
    assert rig.do(rig.context.store.read(models.listing))[0] == again


REFUSED = {
    "an axis that is not there": ({"sizes": {"width": 3}}, "no free axis width"),
    "an input that is not there": ({"inputs_json": '{"idz": {"values": "zipf"}}'}, "no input idz"),
    "a law that is none": ({"inputs_json": '{"ids": "zip"}'}, "neither a law"),
    "a number that is no integer": (
        {"sizes": {"sequence": 3}, "inputs_json": '{"ids": 0.5}'},
        r"takes no 0\.5",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_model_with_senseless_sizes_or_inputs_is_not_added(rig: Rig, kind):
    given, words = REFUSED[kind]
    with pytest.raises(Refused, match=words):
        add(rig, encoder(), **given)
    assert files(rig) == []
    assert all(each.model != "net" for each in rig.do(rig.context.store.read(models.listing)))


def test_of_a_model_that_is_refused_its_samples_go_too(rig: Rig):
    file = send(rig, packed(ids=IDS.astype(np.int32)))
    with pytest.raises(Refused, match="is int32 and input ids takes int64"):
        add(rig, encoder(), inputs_json=json.dumps({"ids": {"sha256": file.sha256}}))
    assert stored(rig) == []
    assert f"{file.sha256}.npz" not in files(rig)


def test_of_a_sweep_that_is_refused_its_samples_go_too(rig: Rig):
    rig.hello(rig.joined(), inventory=INVENTORY)
    add(rig, encoder())
    file = send(rig, packed(idz=IDS))
    spec = json.dumps({"models": ["net"], "inputs": {"*": {"sha256": file.sha256}}})
    with pytest.raises(Refused, match="no model of the sweep has an input idz"):
        rig.do(submission.plan_sweep(rig.context, spec))
    assert stored(rig) == []
    with pytest.raises(NotFound, match="has no file of samples"):
        rig.do(submission.plan_sweep(rig.context, spec))


def test_of_a_sweep_whose_name_is_taken_its_samples_go_too(rig: Rig):
    rig.hello(rig.joined(), inventory=INVENTORY)
    add(rig, encoder())
    submit(rig, name="first", sizes={"sequence": 3})
    file = send(rig, packed(ids=IDS))
    spec = {"models": ["net"], "name": "first", "inputs": {"*": {"sha256": file.sha256}}}
    with pytest.raises(Taken, match="There is a sweep 'first' already"):
        rig.do(submission.submit(rig.context, "r2", json.dumps(spec), keep_name=True))
    assert stored(rig) == []


def test_samples_that_a_sweep_or_a_model_needs_stay(rig: Rig):
    rig.hello(rig.joined(), inventory=INVENTORY)
    add(rig, encoder())
    planned, free = send(rig, packed(ids=IDS)), send(rig, packed(ids=IDS + 1))
    submit(rig, inputs={"ids": {"sha256": planned.sha256}})
    removable = garbage.collect(rig.context.store, rig.context.lake, garbage.Scope(models=True))
    assert [each.sha256 for each in removable.inputs] == [free.sha256]
    rig.do(inputs.drop_unused(rig.context, [planned.sha256, free.sha256]))
    assert [each.sha256 for each in stored(rig)] == [planned.sha256]


def test_where_the_store_fails_no_file_stays(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise CollectorError("The row cannot be written.")

    monkeypatch.setattr(input_files, "add", fail)
    with pytest.raises(CollectorError, match="cannot be written"):
        send(rig, packed(ids=IDS))
    assert files(rig) == []


def folded() -> bytes:
    """Folds its free axis into pairs, which an odd size does not let it."""
    shape = h.make_tensor("shape", T.INT64, [3], [0, -1, 2])
    graph = h.make_graph(
        [h.make_node("Reshape", ["x", "shape"], ["y"])],
        "g",
        [h.make_tensor_value_info("x", T.FLOAT, ["batch", "width"])],
        [h.make_tensor_value_info("y", T.FLOAT, ["batch", None, 2])],
        [shape],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def test_a_size_that_the_graph_cannot_take_is_refused_at_plan(rig: Rig):
    rig.hello(rig.joined(), inventory=INVENTORY)
    add(rig, folded())
    view, refusals = submit(rig, sizes={"width": [6, 7]})
    assert view.configurations == 1
    (refusal,) = refusals
    assert "net: it breaks at batch size 1, width 7 by its own shapes" in refusal.why
    assert refusal.why.endswith("give other sizes.")
    with pytest.raises(Refused, match="Nothing is left to run: net: it breaks at batch size 1, width 7"):
        rig.do(submission.plan_sweep(rig.context, json.dumps({"models": ["net"], "sizes": {"width": 7}})))
