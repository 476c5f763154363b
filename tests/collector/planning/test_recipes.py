"""A precision that a model has no variant of is made by the sweep, as each processor needs it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import Device, Inventory, Plan, RuntimeInfo, Target, Variant
from paretofleet_collector.model.inputs import InputArray, InputFile
from paretofleet_collector.model.recipes import recipe_in, recipe_of, recorded
from paretofleet_collector.model.views import PlanView
from paretofleet_collector.planning.expansion import plan
from paretofleet_collector.planning.parsing import spec_from_mapping
from paretofleet_collector.planning.recipes import changeable, needs_seven_bits, with_calibration
from paretofleet_graph import Description, Input, Law, Output, as_json

RECENT = Inventory(
    targets=(Target("cpu", "cpu"),),
    runtimes=tuple(RuntimeInfo(name, "1", ("cpu",)) for name in ("onnxruntime", "torch")),
    cpus=(0, 1),
    architecture="x86_64",
    isa=("avx2", "avx512f", "avx512_vnni"),
)
OLD = replace(RECENT, isa=("avx", "avx2", "fma"))
NET = Variant(model="net", variant="file", sha256="a" * 64, size_bytes=10, macs=1000)
STATIC = replace(
    NET,
    variant="int8-static",
    sha256="b" * 64,
    weights_precision="int8",
    parent=NET.sha256,
    record=recorded(recipe_of({"kind": "static"}), {"onnx": "1"}),
)
DYNAMIC = replace(
    STATIC,
    variant="int8-dynamic",
    sha256="c" * 64,
    record=recorded(recipe_of({"kind": "dynamic"}), {"onnx": "1"}),
)
PRUNED = replace(
    NET,
    variant="pruned-50",
    sha256="d" * 64,
    parent=NET.sha256,
    record=recorded(recipe_of({"kind": "prune"}), {"onnx": "1"}),
)


def planned(*variants: Variant, inventories: tuple[Inventory, ...] = (RECENT,), **spec: object) -> Plan:
    devices = [
        Device(f"id{at}", f"box{at}", "cpu", "online", {}, each) for at, each in enumerate(inventories)
    ]
    about = {"models": ["net"], "precisions": ["fp32", "int8"], "protocol": "quick", **spec}
    return plan(spec_from_mapping(about), devices, (NET, *variants))


def chosen(made: Plan) -> list[tuple[str, str, str]]:
    return [(each.device, each.configuration.precision, each.variant) for each in made.configurations]


def test_a_missing_precision_is_made_and_said() -> None:
    made = planned()
    assert chosen(made) == [("box0", "fp32", "file"), ("box0", "int8", "int8-static")]
    view = PlanView.of(made)
    (sentence,) = view.unmade
    assert sentence.startswith(
        "net@int8-static will be made by static quantisation to int8 (QDQ), per channel"
    )
    assert sentence.endswith("calibrated by seeded: 32 items")
    assert [bool(each.configuration_id) for each in view.configurations] == [True, False]


def test_what_is_there_is_taken_the_static_one_of_several() -> None:
    for variants in ((STATIC,), (DYNAMIC, STATIC)):
        made = planned(*variants, PRUNED)
        assert made.unmade == ()
        assert chosen(made) == [("box0", "fp32", "file"), ("box0", "int8", "int8-static")]
    assert chosen(planned(DYNAMIC, precisions=["int8"])) == [("box0", "int8", "int8-dynamic")]


def test_a_processor_without_vnni_gets_weights_of_7_bits() -> None:
    made = planned(STATIC, inventories=(RECENT, OLD), precisions=["int8"])
    assert chosen(made) == [("box0", "int8", "int8-static"), ("box1", "int8", "int8-static-7bit")]
    (variant,) = made.unmade
    recipe = recipe_in(variant.record)
    assert recipe is not None
    assert recipe.parameters["reduce_range"] is True
    named = planned(STATIC, inventories=(OLD,), models=["net@int8-static"], precisions=["int8"])
    assert chosen(named) == [("box0", "int8", "int8-static")], "who names a variant gets it"


def test_what_is_made_for_another_processor_is_calibrated_by_the_samples_of_the_user() -> None:
    """Else a board without VNNI got ranges of drawn values, though the user gave samples."""
    calibration = {"items": 64, "sha256": "e" * 64, "name": "images.npz"}
    record = recorded(recipe_of({"kind": "static", "calibration": calibration}), {"onnx": "1"})
    (variant,) = planned(replace(STATIC, record=record), inventories=(OLD,), precisions=["int8"]).unmade
    recipe = recipe_in(variant.record)
    assert recipe is not None
    assert recipe.parameters == {"calibration": calibration, "per_channel": True, "reduce_range": True}


def test_only_x86_without_vnni_adds_two_products_in_16_bits() -> None:
    assert needs_seven_bits(OLD)
    assert not needs_seven_bits(RECENT)
    assert not needs_seven_bits(replace(OLD, isa=()))
    assert not needs_seven_bits(replace(OLD, architecture="aarch64", isa=("asimd",)))


def test_nothing_is_made_without_an_fp32_file_or_for_a_runtime_that_could_not_run_it() -> None:
    half = replace(NET, weights_precision="fp16")
    devices = [Device("id", "box", "cpu", "online", {}, RECENT)]
    spec = spec_from_mapping({"models": ["net"], "precisions": ["int8"], "protocol": "quick"})
    with pytest.raises(Refused, match="net has no int8 variant"):
        plan(spec, devices, (half,))
    with pytest.raises(Refused, match="torch on cpu takes fp32 files only"):
        planned(precisions=["int8"], runtimes=["torch"])
    with pytest.raises(Refused, match="net has no fp16 variant"):
        planned(precisions=["fp16"])


def small(file: InputFile) -> tuple[Variant, dict[str, InputFile]]:
    """A network of one image, and the files that are there."""
    graph = Description(
        "g",
        (Input("image", "tensor(float)", ("batch", 3, 8, 8), Law("normal")),),
        (Output("y", "tensor(float)", ("batch", 10)),),
        "batch", (), None, (), "fp32", (), (), {"Conv": 1},
    )  # fmt: skip
    return replace(NET, graph=as_json(graph)), {file.sha256: file}


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (InputArray("image", "float32", (7, 3, 8, 8)), "7 samples, too few to calibrate: give 8"),
        (InputArray("image", "float32", (12, 3, 7, 8)), "7 elements on axis"),
        (InputArray("image", "float32", (12, 3, 8)), "so a sample has 2 axes"),
        (InputArray("image", "float64", (12, 3, 8, 8)), "is float64 and input image takes float32"),
        (InputArray("image", "uint8", (12, 3, 8, 8)), "is uint8 and input image takes float32"),
        (InputArray("image", "float32", (12, 3, 8, 8), is_finite=False), "not finite"),
    ],
)
def test_samples_that_say_nothing_of_ranges_are_refused(array, why) -> None:
    net, files = small(InputFile("f" * 64, 1, "images.npz", (array,)))
    recipe = recipe_of({"kind": "static", "calibration": {"sha256": "f" * 64, "name": "images.npz"}})
    with pytest.raises(Refused, match=why):
        with_calibration(net, recipe, files)


def test_samples_calibrate_by_the_array_of_the_input_and_labels_stand_beside() -> None:
    arrays = (InputArray("image", "float32", (200, 3, 8, 8)), InputArray("labels", "int64", (200,)))
    net, files = small(InputFile("f" * 64, 1, "images.npz", arrays))
    recipe = recipe_of({"kind": "static", "calibration": {"sha256": "f" * 64, "name": "x"}})
    calibration = with_calibration(net, recipe, files).calibration
    assert calibration is not None
    assert (calibration.items, calibration.name) == (128, "images.npz"), "at most so many count"
    unlike = (replace(arrays[0], name="pictures"), arrays[1])
    net, files = small(InputFile("f" * 64, 1, "images.npz", unlike))
    with pytest.raises(Refused, match="has no array image for that input, it has pictures, labels: rename"):
        with_calibration(net, recipe, files)


def test_a_file_without_products_is_refused_before_it_is_read() -> None:
    net, _ = small(InputFile("f" * 64, 1, "x", ()))
    with pytest.raises(Refused, match="net@file has no MatMul, whose weights int4 would keep"):
        changeable(net, recipe_of({"kind": "int4"}))
