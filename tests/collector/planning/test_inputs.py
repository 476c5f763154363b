"""What a specification may say of sizes and inputs, what becomes of it, and how a graph refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import (
    Configuration,
    Device,
    Inventory,
    Plan,
    RuntimeInfo,
    Target,
    Variant,
)
from paretofleet_collector.model.inputs import InputArray, InputFile
from paretofleet_collector.planning.expansion import plan
from paretofleet_collector.planning.feeding import Fed, default_feed, description_of
from paretofleet_collector.planning.inputs import EVERY_INPUT, files_of, with_hashes
from paretofleet_collector.planning.parsing import parse_json, parse_yaml, spec_from_mapping
from paretofleet_graph import Description, Input, Law, as_json

INVENTORY = Inventory(
    targets=(Target("cpu", "cpu"),),
    runtimes=(RuntimeInfo("onnxruntime", "1.19.2", ("cpu",)),),
    cpus=(0, 1),
    wire_version=2,
)
BOARD = Device("id-board", "board", "cpu", "online", {}, INVENTORY)
TABLE = 1000
SHA = "5" * 64


def graph(
    *inputs: Input, free: tuple[str, ...] = (), batch: str | None = "batch", **more: Any
) -> Description:
    about = {"candidates": (), "fixed_batch_size": None if batch else 1, **more}
    return Description(
        name="g", inputs=inputs, outputs=(), batch=batch, free=free, precision="fp32", random=(), mixes=(),
        operators={}, **about,
    )  # fmt: skip


IDS = Input("ids", "tensor(int64)", ("batch", "sequence"), Law("zipf", TABLE))
MASK = Input("mask", "tensor(int64)", ("batch", "sequence"), Law("ones"))
IMAGE = Input("image", "tensor(float)", ("batch", 3, "height", "width"), Law("normal"))
STEPS = Input("steps", "tensor(int64)", (), Law("ones"), decides="trips of Loop")


def variant(model: str, described: Description, **more: Any) -> Variant:
    sha256 = model.encode().hex().ljust(64, "0")
    return Variant(model, "file", sha256, 10, graph=as_json(described), **more)


ENCODER = variant("encoder", graph(IDS, MASK, free=("sequence",)))
DETECTOR = variant("detector", graph(IMAGE, free=("height", "width")))
CLASSIFIER = variant("classifier", graph(Input("image", "tensor(float)", ("batch", 3, 8, 8), Law("normal"))))


def planned(*variants: Variant, files: Mapping[str, InputFile] | None = None, **spec: Any) -> Plan:
    names = [each.model for each in variants]
    return plan(spec_from_mapping({"models": names, **spec}), [BOARD], list(variants), files)


def fed(result: Plan) -> list[tuple[int, dict[str, int]]]:
    return [(each.configuration.batch_size, dict(each.configuration.sizes)) for each in result.configurations]


def samples(*arrays: InputArray, name: str = "s.npz", sha256: str = SHA) -> dict[str, InputFile]:
    return {sha256: InputFile(sha256, 100, name, arrays)}


def test_each_size_is_a_configuration_of_its_own():
    result = planned(ENCODER, sizes={"sequence": [32, 128]}, batch_sizes=[1, 4])
    assert fed(result) == [
        (1, {"sequence": 32}),
        (1, {"sequence": 128}),
        (4, {"sequence": 32}),
        (4, {"sequence": 128}),
    ]
    assert len({each.configuration_id for each in result.configurations}) == 4


def test_models_without_an_axis_leave_its_size_out():
    result = planned(ENCODER, CLASSIFIER, sizes={"sequence": 32})
    assert fed(result) == [(1, {"sequence": 32}), (1, {})]


def test_what_is_not_asked_for_is_no_part_of_the_identity():
    """An id of a sweep before sizes and inputs, by the text that was hashed then."""
    plain = Configuration(
        batch_size=2, device_id="d", mode="latency", options={}, precision="fp32", protocol="quick",
        runtime="onnxruntime", target_id="cpu", threads=None, timing_scope="copy+compute",
        variant_sha256="ab",
    )  # fmt: skip
    assert plain.canonical_json == (
        '{"batch_size":2,"device_id":"d","mode":"latency","options":{},"precision":"fp32","protocol":"quick",'
        '"runtime":"onnxruntime","target_id":"cpu","threads":null,"timing_scope":"copy+compute",'
        '"variant_sha256":"ab"}'
    )
    assert plain.configuration_id == "c6720917af70c3ad"
    longer = replace(plain, sizes={"sequence": 32}, inputs={"ids": {"values": "zipf"}})
    assert longer.configuration_id != plain.configuration_id
    assert Configuration.from_json(longer.canonical_json) == longer
    assert longer.fed == "sequence=32, ids=zipf"


def test_a_shape_is_the_sizes_that_it_says():
    by_shape = planned(ENCODER, inputs={"ids": {"shape": ["batch", 64], "values": "uniform"}})
    by_size = planned(ENCODER, sizes={"sequence": 64}, inputs={"ids": "uniform"})
    assert by_shape.configurations == by_size.configurations
    (only,) = by_shape.configurations
    assert dict(only.configuration.inputs) == {"ids": {"values": "uniform"}}


def test_what_was_given_with_the_model_holds_until_a_sweep_says_otherwise():
    model = replace(ENCODER, sizes={"sequence": 16}, inputs={"ids": {"values": "uniform"}})
    assert fed(planned(model)) == [(1, {"sequence": 16})]
    assert fed(planned(model, sizes={"sequence": 32})) == [(1, {"sequence": 32})]
    assert fed(planned(model, inputs={"ids": {"shape": ["batch", 8]}})) == [(1, {"sequence": 8})]
    (only,) = planned(model).configurations
    assert dict(only.configuration.inputs) == {"ids": {"values": "uniform"}}


def test_samples_say_the_sizes_of_their_axes():
    files = samples(InputArray("ids", "int64", (20, 48), 0, 999), InputArray("mask", "int64", (20, 48), 1, 1))
    (only,) = planned(ENCODER, inputs={"*": {"sha256": SHA}}, files=files).configurations
    assert dict(only.configuration.sizes) == {"sequence": 48}
    assert dict(only.configuration.inputs) == {"ids": {"sha256": SHA}, "mask": {"sha256": SHA}}
    assert only.configuration.input_files == (SHA,)


REFUSED = {
    "a free axis without a size": (ENCODER, {}, "axis sequence is free.*--size sequence=N"),
    "an axis that no model has": (ENCODER, {"sizes": {"sequense": 8}}, "did you mean sequence"),
    "the batch as an axis of another size": (
        ENCODER,
        {"sizes": {"sequence": 8, "batch": 4}},
        "that axis is the batch; give its sizes as --batch-size",
    ),
    "an input that no model has": (ENCODER, {"inputs": {"idz": "zipf"}}, "has such an input"),
    "a value beyond its table": (
        ENCODER,
        {"sizes": {"sequence": 4}, "inputs": {"ids": TABLE}},
        "table of 1000 rows, and 1000 is beyond it",
    ),
    "a shape that contradicts a size": (
        ENCODER,
        {"sizes": {"sequence": 4}, "inputs": {"ids": {"shape": ["batch", 8]}}},
        "makes axis sequence 8, and 4 was given",
    ),
    "a shape that contradicts the batch": (
        ENCODER,
        {"inputs": {"ids": {"shape": [2, 8]}}},
        "batch",
    ),
    "an input that decides the work": (
        variant("looped", graph(STEPS)),
        {},
        "input steps decides the work .*--input steps=",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_graph_cannot_take_is_refused_with_what_to_type(name):
    model, spec, words = REFUSED[name]
    with pytest.raises(Refused, match=words):
        planned(model, **spec)


ODD_SAMPLES = {
    "of another type": (InputArray("ids", "int32", (5, 8), 0, 9), "is int32 and input ids takes int64"),
    "beyond the table": (InputArray("ids", "int64", (5, 8), 0, 1000), "holds 1000, and input ids picks"),
    "below the table": (InputArray("ids", "int64", (5, 8), -1001, 9), "holds -1001"),
    "of another rank": (InputArray("ids", "int64", (5,), 0, 9), "a sample has 0 axes"),
    "without the array": (InputArray("x", "int64", (5, 8), 0, 9), "no array ids"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_SAMPLES)
def test_samples_that_do_not_fit_are_refused_before_anything_runs(name):
    array, words = ODD_SAMPLES[name]
    files = samples(array, InputArray("mask", "int64", array.shape, 1, 1))
    with pytest.raises(Refused, match=words):
        planned(ENCODER, sizes={"sequence": 8}, inputs={"ids": {"sha256": SHA}}, files=files)


def test_a_length_may_be_the_whole_axis_and_no_more():
    length = Input("length", "tensor(int64)", ("batch",), Law("length", "sequence"))
    model = variant("cut", graph(IDS, length, free=("sequence",)))
    for high, is_right in ((8, True), (9, False)):
        files = samples(InputArray("length", "int64", (5,), 1, high))
        spec = {"sizes": {"sequence": 8}, "inputs": {"length": {"sha256": SHA}}}
        if is_right:
            assert planned(model, files=files, **spec).configurations
        else:
            with pytest.raises(Refused, match="holds 9, and input length"):
                planned(model, files=files, **spec)


def test_samples_that_contradict_a_size_are_refused():
    files = samples(InputArray("ids", "int64", (5, 8), 0, 9))
    with pytest.raises(Refused, match="has 8 elements on axis sequence of input ids, where 16 are due"):
        planned(ENCODER, sizes={"sequence": 16}, inputs={"ids": {"sha256": SHA}}, files=files)


def test_samples_that_are_not_finite_are_refused():
    files = samples(InputArray("image", "float32", (5, 3, 8, 8), 0.0, 1.0, is_finite=False))
    with pytest.raises(Refused, match="not finite"):
        planned(CLASSIFIER, inputs={"image": {"sha256": SHA}}, files=files)


def test_a_file_that_changed_since_the_model_was_added_is_refused():
    array = InputArray("image", "float32", (5, 3, 8, 8), 0.0, 1.0)
    other = "6" * 64
    model = replace(CLASSIFIER, inputs={"image": {"sha256": SHA}})
    files = samples(array) | samples(array, sha256=other)
    assert planned(model, files=files).configurations[0].configuration.input_files == (SHA,)
    with pytest.raises(Refused, match=r"s\.npz has changed since it was added with classifier"):
        planned(model, inputs={"image": {"sha256": other}}, files=files)


def test_of_a_model_that_was_added_before_sizes_it_is_said_to_add_it_again():
    old = Variant("old", "file", "0" * 64, 10)
    assert planned(old).configurations
    for spec in ({"sizes": {"h": 8}}, {"inputs": {"x": 1}}):
        with pytest.raises(Refused, match="what old takes was never read: add its file again"):
            planned(old, **spec)


def test_an_agent_that_would_feed_what_it_always_did_gets_no_sizes():
    old = replace(BOARD, inventory=replace(INVENTORY, wire_version=1))
    spec = spec_from_mapping({"models": ["encoder"], "sizes": {"sequence": 8}})
    with pytest.raises(Refused, match="the agent of board is too old for sizes and inputs"):
        plan(spec, [old], [ENCODER])
    assert plan(spec_from_mapping({"models": ["classifier"]}), [old], [CLASSIFIER]).configurations


def test_a_size_that_is_given_with_a_model_must_be_one_of_its_axes():
    described = description_of(DETECTOR)
    assert default_feed(described, Fed({"height": 64}), {}) == Fed({"height": 64}, {})
    with pytest.raises(Refused, match="no free axis depth"):
        default_feed(described, Fed({"depth": 64}), {})
    with pytest.raises(Refused, match="it has no input img"):
        default_feed(described, Fed({}, {"img": {"values": 1}}), {})


def test_what_is_given_with_a_model_is_refused_before_it_is_kept_though_a_size_is_still_missing():
    described = description_of(ENCODER)
    files = samples(InputArray("id", "int64", (4, 8), 0, 5))
    with pytest.raises(Refused, match=r"s\.npz: it has no input id; did you mean ids"):
        default_feed(described, Fed({}, {EVERY_INPUT: {"sha256": SHA}}), files)
    with pytest.raises(Refused, match="picks from a table of 1000 rows, and 1000 is beyond it"):
        default_feed(described, Fed({}, {"ids": {"values": TABLE}}), {})
    assert default_feed(described, Fed({}, {"ids": {"values": TABLE - 1}}), {}).inputs == {
        "ids": {"values": TABLE - 1}
    }


def test_the_keys_are_read_as_people_write_them():
    spec = parse_yaml(
        "{models: [a], sizes: {height: 640, sequence: [128, 512]}, "
        "inputs: {ids: {shape: [batch, 128], values: zipf}, x: s/file.npz, flag: true, t: 0.5}}",
        Path("/here"),
    )
    assert spec.sizes == {"height": (640,), "sequence": (128, 512)}
    assert spec.inputs == {
        "ids": {"shape": ["batch", 128], "values": "zipf"},
        "x": {"file": "/here/s/file.npz"},
        "flag": {"values": 1},
        "t": {"values": 0.5},
    }
    assert parse_json(spec.to_json()) == spec
    assert files_of(spec.inputs) == ("/here/s/file.npz",)
    assert with_hashes(spec.inputs, {"/here/s/file.npz": SHA})["x"] == {"sha256": SHA}
    assert parse_yaml("{models: [a], inputs: all.npz}", Path("/b")).inputs == {"*": {"file": "/b/all.npz"}}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("sizes", [1], "is a mapping such as"),
        ("sizes", {"h": -1}, "-1 is not a whole number from 0"),
        ("sizes", {"h": "many"}, "'many' is not a whole number"),
        ("sizes", {"h": []}, "`sizes.h` is empty"),
        ("inputs", {"x": "zip"}, "neither a law of values nor the path"),
        ("inputs", {"x": {"value": "zipf"}}, "unknown key 'value'"),
        ("inputs", {"x": {"values": 1, "file": "a.npz"}}, "more than one of values, file and sha256"),
        ("inputs", {"x": {"sha256": "abc"}}, "is not the SHA-256 of a file"),
        ("inputs", {"x": {"shape": "big"}}, "is not a list"),
        ("inputs", {"x": float("inf")}, "not a number that an input can hold"),
        ("inputs", {"x": []}, "is not a name"),
    ],
)
def test_odd_values_are_refused_by_their_key(key, value, words):
    with pytest.raises(Refused, match=words):
        spec_from_mapping({"models": ["a"], key: value})
