"""Mode `accuracy`: every item of a labelled set goes through the runtime once, and its best classes come."""

from __future__ import annotations

import dataclasses

import pytest
from paretofleet_agent.errors import Stopped
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.model import Artifact

pytest.importorskip("onnxruntime")
np = pytest.importorskip("numpy")

CLASSES = 7
WEIGHT = np.random.RandomState(3).standard_normal((16, CLASSES)).astype("float32")


@pytest.fixture
def linear(kit, tmp_path):
    """A layer of one product: its best classes are known."""
    return kit.make_model(
        tmp_path / "linear.onnx", nodes=[("MatMul", ["x", "w"], ["y"])], constants={"w": WEIGHT}
    )


def evaluate(kit, here, path, items, *, classes=CLASSES, batch_size=4, samples=None, watch=None, **wanted):
    """The outcome of an evaluation of the model at `path` on `items`, and what it sent."""
    folder = path.parent
    np.savez(folder / "items.npz", x=items)
    lease = kit.lease_of(
        path,
        block=2,  # no comparison with a reference, which takes a process of its own
        mode="accuracy",
        batch_size=batch_size,
        inputs={"x": {"sha256": "a" * 64}},
        data={"classes": classes},
        **wanted,
    )
    file = Artifact("a" * 64, 1, "items.npz")
    lease = dataclasses.replace(lease, inputs=(file,), input_paths={"a" * 64: folder / "items.npz"})
    samples = samples or kit.Samples()
    return measure(lease, path, samples, watch or kit.Watch(), here), samples


@pytest.mark.parametrize(("count", "batch_size"), [(10, 4), (3, 4), (5, 1)])
def test_every_item_comes_once_with_its_five_best_classes(kit, here, linear, count, batch_size):
    """Also where the last batch is not full: what fills it up is told once."""
    items = np.random.RandomState(1).standard_normal((count, 16)).astype("float32")
    outcome, samples = evaluate(kit, here, linear, items, batch_size=batch_size)
    assert outcome.ok, outcome.message
    numbers, classes = samples.columns("predictions")
    assert numbers == [item for item in range(count) for _ in range(5)]
    due = np.argsort(-(items @ WEIGHT), axis=1, kind="stable")[:, :5]
    assert np.array(classes).reshape(count, 5).tolist() == due.tolist()
    assert outcome.facts["effective"]["evaluation"] == {"output": "y", "classes": CLASSES, "items": count}
    assert {schema for stream, schema, _, _ in samples.puts if stream == "predictions"} == {"predictions/1"}
    assert samples.columns("iterations") == ([], [])


def test_a_model_of_few_classes_tells_those_it_has(kit, here, tmp_path):
    path = kit.make_model(
        tmp_path / "m.onnx", nodes=[("MatMul", ["x", "w"], ["y"])], constants={"w": WEIGHT[:, :2].copy()}
    )
    items = np.random.RandomState(1).standard_normal((6, 16)).astype("float32")
    outcome, samples = evaluate(kit, here, path, items, classes=2)
    assert outcome.ok, outcome.message
    numbers, classes = samples.columns("predictions")
    assert numbers == [item for item in range(6) for _ in range(2)]
    assert sorted(classes[:2]) == [0, 1]


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_whole_numbers_score_as_they_stand_also_the_lowest(kit, here, tmp_path, kind):
    """A quantised softmax scores nearly all classes with -128, or 0."""
    path = kit.make_model(tmp_path / "m.onnx", nodes=[("Identity", ["x"], ["y"])], dtype=kind.upper())
    limits = np.iinfo(kind)
    items = np.full((5, 16), limits.min, kind)
    items[range(5), [7, 3, 15, 0, 9]] = limits.max
    outcome, samples = evaluate(kit, here, path, items)
    assert outcome.ok, outcome.message
    assert samples.columns("predictions")[1][::5] == [7, 3, 15, 0, 9]


REFUSED = {
    "labels of another task": ({}, {"classes": 1000}, "the labels go up to 999, and output y"),
    "no scores": ({"nodes": [("ReduceMean", ["x"], ["y"])], "out": ()}, {}, "score for each class"),
    "a drawn input beside it": ({}, {"inputs": {}}, "feeds samples to every input"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_cannot_be_evaluated_is_refused_with_a_sentence(kit, here, tmp_path, case):
    how, wanted, says = REFUSED[case]
    how = {"nodes": [("MatMul", ["x", "w"], ["y"])], "constants": {"w": WEIGHT}, **how}
    path = kit.make_model(tmp_path / "m.onnx", **how)
    items = np.zeros((4, 16), "float32")
    if "inputs" in wanted:
        lease = kit.lease_of(path, block=2, mode="accuracy", data={"classes": CLASSES})
        outcome = measure(lease, path, kit.Samples(), kit.Watch(), here)
    else:
        outcome, samples = evaluate(kit, here, path, items, **wanted)
        assert samples.columns("predictions") == ([], [])
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert says in outcome.message


def test_scores_that_are_no_numbers_are_wrong_output(kit, here, tmp_path):
    """Of one item late in the set, which no check before would have seen."""
    path = kit.make_model(
        tmp_path / "m.onnx",
        nodes=[("Log", ["x"], ["l"]), ("MatMul", ["l", "w"], ["y"])],
        constants={"w": np.abs(WEIGHT)},
    )
    items = np.ones((30, 16), "float32")
    items[25] = -1.0
    outcome, _ = evaluate(kit, here, path, items, options={"check_reference": False})
    assert (outcome.ok, outcome.reason) == (False, "wrong_output")
    assert "not finite" in outcome.message


def test_a_stop_in_the_middle_ends_the_attempt_without_an_outcome(kit, here, linear):
    """It is tried again as a whole; half of a set is no accuracy."""

    class Stopping(kit.Watch):
        def __init__(self):
            super().__init__()
            self.stops = False

        def stopped(self):
            return self.stops

        def phase(self, phase, iterations):
            self.stops = phase == "measure" and iterations > 0

    items = np.zeros((200_000, 16), "float32")
    samples = kit.Samples()
    with pytest.raises(Stopped):
        evaluate(kit, here, linear, items, batch_size=1, samples=samples, watch=Stopping())
    assert 0 < len(samples.columns("predictions")[0]) < 5 * len(items)
