"""What a sweep has simulated devices show: by model and device, and of nobody else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import Device, Inventory, RuntimeInfo, Target, Variant
from paretofleet_collector.planning.expansion import Plan, plan
from paretofleet_collector.planning.parsing import parse_json, spec_from_mapping

MODELS = tuple(
    Variant(
        model, "fp32", sha256=model.encode().hex().ljust(64, "0"), size_bytes=10, weights_precision="fp32"
    )
    for model in ("resnet50", "mobilenet")
)
TRUTH = {"resnet50@fp32": {"tx2": {"item_s": 0.012, "item_j": 0.05}}}


def device(name: str, wire_version: int = 5, *, is_simulated: bool = True) -> Device:
    inventory = Inventory(
        targets=(Target("cpu", "cpu"),),
        runtimes=(RuntimeInfo("onnxruntime", "1", ("cpu",)),),
        cpus=(0, 1),
        simulated=is_simulated,
        wire_version=wire_version,
    )
    return Device(f"id-{name}", name, "cpu", "online", {}, inventory)


def planned(fleet: Sequence[Device], **spec: object) -> Plan:
    return plan(spec_from_mapping(spec), fleet, MODELS)


def test_it_is_part_of_the_configuration_of_that_model_on_that_device_alone() -> None:
    fleet = (device("tx2"), device("tx1"))
    spec = {"models": ["resnet50", "mobilenet"]}
    without = {each.configuration.configuration_id for each in planned(fleet, **spec).configurations}
    result = planned(fleet, **spec, simulated=TRUTH)
    given = [each for each in result.configurations if each.configuration.simulated]
    assert [(each.model, each.device) for each in given] == [("resnet50", "tx2")]
    assert given[0].configuration.as_json()["simulated"] == {"item_s": 0.012, "item_j": 0.05}
    others = {each.configuration.configuration_id for each in result.configurations if each not in given}
    assert others < without
    assert len(without) - len(others) == 1, "with a truth it is another configuration"


def test_it_comes_back_from_json() -> None:
    spec = spec_from_mapping({"models": ["resnet50"], "simulated": TRUTH})
    assert parse_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("fleet", "why"),
    [
        ((device("tx2", is_simulated=False),), "tx2 is no simulated device"),
        ((device("tx2", wire_version=4),), "the agent of tx2 is too old for `simulated`"),
    ],
)
def test_a_real_device_and_an_old_agent_are_refused(fleet: tuple[Device, ...], why: str) -> None:
    with pytest.raises(Refused, match=why):
        planned(fleet, models=["resnet50"], simulated=TRUTH)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"simulated": ["tx2"]}, "write a mapping of names"),
        ({"simulated": {"net": {"tx2": 0.012}}}, "`simulated.net.tx2` is 0.012: write a mapping"),
        ({"simulated": {"net": {"tx2": {"item_j": 1.0}}}}, "it has item_s and perhaps item_j"),
        ({"simulated": {"net": {"tx2": {"item_s": 1.0, "item_w": 1.0}}}}, "it has item_s and perhaps item_j"),
        ({"simulated": {"net": {"tx2": {"item_s": 0}}}}, "is no number from 1e-06 to 100"),
        ({"simulated": {"net": {"tx2": {"item_s": "1"}}}}, "is no number from"),
        ({"simulated": TRUTH, "batch_sizes": [1, 8]}, "leave `batch_sizes` at [1]"),
        ({"simulated": TRUTH, "mode": "throughput"}, "`mode` at latency"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_one_sentence(more: dict[str, object], why: str) -> None:
    with pytest.raises(Refused) as refused:
        spec_from_mapping({"models": ["resnet50"], **more})
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)
