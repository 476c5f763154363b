"""Whether outputs depend on the input: equal ones for several laws of values say that they do not."""

from __future__ import annotations

import pytest
from paretofleet_agent.runner import input_dependence
from paretofleet_agent.runner.failure import RunFailed
from paretofleet_agent.runner.feeding import Feeding
from paretofleet_agent.runner.inputs import TYPES, redraw
from paretofleet_graph import Law

np = pytest.importorskip("numpy")


def law_of(dtype):
    if dtype.startswith("float"):
        return Law("normal")
    return Law("bytes") if dtype == "uint8" else Law("uniform", 2)


def fed(values, law, **samples):
    kind = next(kind for kind, dtype in TYPES.items() if dtype == values.dtype.name)
    return Feeding({"x": values.shape}, {"x": kind}, {} if samples else {"x": law}, samples, {"x": 0}, {}, 1)


def digest(*outputs):
    return input_dependence.digest(list(outputs))


def test_equal_outputs_have_equal_digests_whatever_they_are():
    values = np.arange(200_000, dtype="float32").reshape(2, 100_000)
    assert digest(values) == digest(values.copy())
    assert digest(values) != digest(values + 1)
    assert digest(values) != digest(values.reshape(100_000, 2))
    assert digest(values) != digest(values.astype("float64"))
    assert digest(np.zeros(3, "float32")) == digest(-np.zeros(3, "float32"))
    assert digest([0.0, 1]) == digest([-0.0, 1])
    assert digest(np.array(["a", "b"], object)) != digest(np.array(["a", "c"], object))
    assert digest([{1: 0.5, 2: 0.5}]) == digest([{2: 0.5, 1: 0.5}])
    assert digest([{1: 0.5, 2: 0.5}]) != digest([{1: 0.4, 2: 0.6}])
    across = np.arange(24, dtype="float32").reshape(2, 3, 4).transpose(0, 2, 1)
    assert digest(across) == digest(across)
    assert digest(values) != digest(values[:, ::-1])


def test_outputs_without_any_value_tell_nothing():
    assert digest(np.empty((0, 4), "float32"), np.empty(0, "int64"), []) is None
    assert digest(np.empty((0, 4), "float32"), np.zeros(1, "int64")) is not None
    assert input_dependence.depends_on_input(None, lambda _: "other") is None


def test_one_law_that_changes_the_outputs_is_enough():
    given = []

    def digest_of(law):
        given.append(law)
        return "first" if len(given) < 4 else "other"

    assert input_dependence.depends_on_input("first", digest_of) is True
    assert given == list(input_dependence.LAWS[:4])
    assert input_dependence.depends_on_input("first", lambda _: "first") is False


def test_a_model_that_fails_on_other_inputs_tells_nothing():
    def digest_of(_):
        raise RuntimeError("out of range")

    assert input_dependence.depends_on_input("first", digest_of) is None


@pytest.mark.parametrize("depends", [True, False, None])
def test_only_what_is_known_to_do_no_work_is_flagged(depends):
    assert input_dependence.flags(depends) == (["no_work"] if depends is False else [])


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "int64", "uint8", "uint32", "bool"]
)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (4, 50_000)])
def test_every_array_is_drawn_into_other_values_of_its_own_law(dtype, shape):
    array = np.zeros(shape, dtype)
    for seed, (scale, shift) in enumerate(input_dependence.LAWS[:3]):
        before = array.copy()
        redraw({"x": array}, fed(array, law_of(dtype)), seed, scale, shift)
        assert not np.array_equal(array, before)
        assert array.dtype == before.dtype
        if dtype.startswith("float"):
            continue
        assert array.max() <= (255 if dtype == "uint8" else 1)
        assert array.min() >= 0


def test_real_numbers_are_scaled_and_shifted():
    array = np.zeros(50_000, "float32")
    redraw({"x": array}, fed(array, Law("normal")), 1, 4.0, 3.0)
    assert array.mean() == pytest.approx(3.0, abs=0.1)
    assert array.std() == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("law", [Law("ones"), Law("zeros"), Law("50"), Law("length", 7)])
def test_constants_masks_and_lengths_stay_as_they_are(law):
    """A model that has no other input cannot be asked."""
    array = np.full(5, 3, "int64")
    with pytest.raises(RunFailed, match="no input can be drawn anew"):
        redraw({"x": array}, fed(array, law), 1, 1.0, 0.0)
    assert array.tolist() == [3] * 5


def test_samples_are_put_in_another_order():
    samples = np.arange(6, dtype="float32")[:, None]
    array = samples[:2].copy()
    redraw({"x": array}, fed(array, None, x=samples), 1, 4.0, 3.0)
    assert not np.array_equal(array, samples[:2])
    assert set(array.ravel()) <= set(samples.ravel())
