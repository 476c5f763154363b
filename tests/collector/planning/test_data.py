"""What a specification may say of a labelled set, and which configurations come of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paretofleet_collector.errors import NotFound, Refused
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
from paretofleet_collector.planning.data import check_data_sent, sent_files, wanted_of
from paretofleet_collector.planning.expansion import plan
from paretofleet_collector.planning.guess import MACS_PER_S, START_S
from paretofleet_collector.planning.parsing import parse_json, parse_yaml, spec_from_mapping
from paretofleet_graph import Description, Input, Law, as_json
from paretofleet_graph.model import Output

INVENTORY = Inventory(
    targets=(Target("cpu", "cpu"),),
    runtimes=(RuntimeInfo("onnxruntime", "1.19.2", ("cpu",)),),
    cpus=(0, 1),
    wire_version=3,
)
BOARD = Device("id-board", "board", "cpu", "online", {}, INVENTORY)
SET, LABELS, TENSORS, FLAT = "5" * 64, "6" * 64, "7" * 64, "8" * 64
SENT: dict[str, Any] = {
    "name": "digits",
    "sha256": SET,
    "labels": LABELS,
    "n": 360,
    "classes": 10,
    "tensors": [
        {"sha256": FLAT, "preprocessing": {"to": [64]}},
        {"sha256": TENSORS, "preprocessing": {"to": [1, 8, 8]}},
    ],
}
FILES = {
    LABELS: InputFile(LABELS, 10, "digits", (InputArray("y", "int64", (360,), 0, 9),)),
    FLAT: InputFile(FLAT, 10, "digits", (InputArray("x", "float32", (360, 64), 0, 1),)),
    TENSORS: InputFile(TENSORS, 10, "digits", (InputArray("x", "float32", (360, 1, 8, 8), 0, 1),)),
}


def network(*inputs: Input, fixed: int | None = None, outputs: tuple[Output, ...] = ()) -> Variant:
    described = Description(
        name="g", inputs=inputs, outputs=outputs, batch=None if fixed else "batch", free=(), precision="fp32",
        random=(), mixes=(), operators={}, candidates=(), fixed_batch_size=fixed,
    )  # fmt: skip
    return Variant("net", "file", "a" * 64, 10, graph=as_json(described), fixed_batch_size=fixed)


IMAGE = Input("image", "tensor(float)", ("batch", 1, 8, 8), Law("normal"))
NET = network(IMAGE)


def planned(variant: Variant = NET, device: Device = BOARD, **more: Any) -> Plan:
    spec = spec_from_mapping({"models": ["net"], "mode": "accuracy", "data": SENT, **more})
    return plan(spec, [device], [variant], FILES)


def test_the_tensors_that_a_model_takes_are_chosen_and_are_part_of_its_identity() -> None:
    (each,) = planned(batch_sizes=[4]).configurations
    configuration = each.configuration
    assert (configuration.mode, configuration.batch_size) == ("accuracy", 4)
    assert configuration.inputs == {"image": {"sha256": TENSORS}}
    assert configuration.data == {
        "sha256": SET, "labels": LABELS, "n": 360, "classes": 10, "preprocessing": {"to": [1, 8, 8]},
    }  # fmt: skip
    assert configuration.input_files == (TENSORS,), "the labels stay at the collector"
    assert Configuration.from_json(configuration.canonical_json) == configuration
    other = {**SENT, "tensors": [{"sha256": TENSORS, "preprocessing": {"to": [1, 8, 8], "mean": [0.5]}}]}
    assert planned(data=other).configurations[0].configuration_id != each.configuration_id


def test_one_run_is_planned_and_timed_configurations_keep_their_ids() -> None:
    assert spec_from_mapping({"models": ["net"], "mode": "accuracy", "data": SENT}).repeats.runs_max == 1
    timed = plan(spec_from_mapping({"models": ["net"]}), [BOARD], [NET], FILES)
    assert "data" not in timed.configurations[0].configuration.as_json()


def test_the_hours_of_an_evaluation_are_those_of_the_items_of_its_set() -> None:
    heavy = replace(NET, macs=10**9)
    few, many = (planned(heavy, data={**SENT, "n": n}).devices[0].likely for n in (360, 36_000))
    assert many.seconds - START_S == pytest.approx(100 * (few.seconds - START_S))
    assert many.seconds == pytest.approx(START_S + 36_000 * 1e9 / MACS_PER_S)


def test_a_file_of_a_fixed_batch_is_evaluated_at_it() -> None:
    fixed = network(Input("image", "tensor(float)", (2, 1, 8, 8), Law("normal")), fixed=2)
    (each,) = planned(fixed, batch_sizes=[16]).configurations
    assert each.configuration.batch_size == 2


LEFT_OUT = {
    "simulated": (NET, replace(BOARD, inventory=replace(INVENTORY, simulated=True)), "predicts nothing"),
    "an old agent": (NET, replace(BOARD, inventory=replace(INVENTORY, wire_version=2)), "too old"),
    "two inputs": (network(IMAGE, IMAGE._replace(name="more")), BOARD, "an evaluation feeds one"),
    "labels of another task": (
        network(IMAGE, outputs=(Output("scores", "tensor(float)", ("batch", 4)),)),
        BOARD,
        "the labels go up to 9, and net has 4 classes",
    ),
    "another size": (
        network(Input("image", "tensor(float)", ("batch", 3, 32, 32), Law("normal"))),
        BOARD,
        "where 3 are due",
    ),
}


@pytest.mark.parametrize("case", list(LEFT_OUT))
def test_what_cannot_be_evaluated_is_refused_with_a_sentence(case: str) -> None:
    variant, device, says = LEFT_OUT[case]
    with pytest.raises(Refused, match=says):
        planned(variant, device)


SPECS = {
    "no set": ({"data": None}, "needs a labelled set"),
    "a set that is not fed": ({"mode": "latency"}, "`data` is for `mode: accuracy`"),
    "another mode": ({"mode": ["latency", "accuracy"]}, "stands alone"),
    "fed otherwise": ({"inputs": {"image": "zeros"}}, "leave `inputs` out"),
    "several batch sizes": ({"batch_sizes": [1, 4]}, "give one for mode accuracy"),
    "repeats": ({"repeats": 5}, "an evaluation is run once"),
    "an unknown key": ({"data": {"path": "x", "cropp": 3}}, "did you mean crop"),
    "no path": ({"data": {"crop": 3}}, "`data` has no path"),
    "a std of zero": ({"data": {"path": "x", "std": 0}}, "leaves nothing"),
    "two colours": ({"data": {"path": "x", "mean": [1, 2]}}, "nor three"),
    "another layout": ({"data": {"path": "x", "layout": "nhcw"}}, "`data.layout`"),
    "half of what is sent": ({"data": {"sha256": SET}}, "not all that was sent"),
    "no hash": ({"data": {**SENT, "labels": "x"}}, "not all that was sent"),
    "a number": ({"data": 5}, "is no labelled set"),
}


@pytest.mark.parametrize("case", list(SPECS))
def test_a_specification_that_means_no_evaluation_is_refused(case: str) -> None:
    changed, says = SPECS[case]
    value = {"models": ["net"], "mode": "accuracy", "data": SENT, **changed}
    with pytest.raises(Refused, match=says):
        spec_from_mapping(value)


def test_a_path_is_of_the_users_machine_and_relative_to_the_file() -> None:
    spec = parse_yaml("models: [net]\nmode: accuracy\ndata: {path: set.npz, mean: 0.5}", Path("/specs"))
    assert spec.data == {"path": "/specs/set.npz", "mean": [0.5]}
    with pytest.raises(Refused, match="is of your machine"):
        check_data_sent(spec.data, FILES)
    assert parse_yaml("models: [net]\nmode: accuracy\ndata: digits", Path("/specs")).data == {
        "path": "digits"
    }


def test_what_was_sent_comes_back_from_the_text_of_a_specification() -> None:
    spec = spec_from_mapping({"models": ["net"], "mode": "accuracy", "data": SENT})
    assert parse_json(spec.to_json()) == spec
    assert sent_files(spec.data) == (LABELS, FLAT, TENSORS)
    with pytest.raises(NotFound, match="name the set itself again"):
        check_data_sent(spec.data, {LABELS: None, FLAT: None})


def test_what_one_item_has_to_be_is_read_of_the_graph() -> None:
    assert wanted_of(NET, {}) == ((1, 8, 8), "float32")
    free = network(Input("image", "tensor(uint8)", ("batch", 3, "height", "width"), Law("bytes")))
    assert wanted_of(free, {"height": 32}) == ((3, 32, "width"), "uint8")
    with pytest.raises(Refused, match="never read"):
        wanted_of(replace(NET, graph={}), {})
