"""Mode training at the plan: which configurations have steps of an optimiser, and why the others have not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import Device, Inventory, RuntimeInfo, Target, Variant
from paretofleet_collector.planning.expansion import Plan, plan
from paretofleet_collector.planning.parsing import spec_from_mapping
from paretofleet_collector.planning.placements import Placement
from paretofleet_collector.planning.precisions import ExecutedVariant
from paretofleet_collector.planning.specification import Mode
from paretofleet_collector.planning.training import training_refusal

RUNTIMES = ("onnxruntime", "openvino", "litert", "torch")
INVENTORY = Inventory(
    targets=(Target("cpu", "cpu"),),
    runtimes=tuple(RuntimeInfo(name, "1", ("cpu",)) for name in RUNTIMES),
    cpus=(0, 1),
    wire_version=4,
)
BOARD = Device("id-board", "board", "cpu", state="online", inventory=INVENTORY)
FP32 = Variant(model="net", variant="fp32", sha256="a" * 64, size_bytes=10)
INT8 = Variant(model="small", variant="int8", sha256="b" * 64, size_bytes=10, weights_precision="int8")


def planned(device: Device = BOARD, **spec: object) -> Plan:
    wanted = {"models": ["net"], "mode": "training", "runtimes": ["torch"], **spec}
    return plan(spec_from_mapping(wanted), [device], [FP32, INT8])


def why(device: Device = BOARD, **spec: object) -> str:
    with pytest.raises(Refused) as caught:
        planned(device, **spec)
    return str(caught.value)


def test_torch_trains_and_the_mode_is_part_of_what_a_configuration_is():
    trained = planned(batch_sizes=[16]).configurations[0]
    inferred = planned(batch_sizes=[16], mode="latency").configurations[0]
    assert (trained.configuration.mode, trained.configuration.batch_size) == ("training", 16)
    assert trained.configuration_id != inferred.configuration_id


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_runtime_that_cannot_train_is_refused_with_one_that_can(runtime):
    assert f"{runtime} runs networks and trains none: use `--runtime torch`" in why(runtimes=[runtime])


def test_litert_is_refused_too():
    litert = Placement(BOARD, BOARD.inventory.targets[0], RuntimeInfo("litert", "1", ("cpu",)))
    refusal = training_refusal(Mode("training"), litert, ExecutedVariant(FP32, "native"))
    assert refusal is not None
    assert "litert runs networks and trains none" in refusal.why


def test_one_sweep_infers_with_one_runtime_and_trains_with_another():
    result = planned(runtimes=["onnxruntime", "torch"], mode=["latency", "training"])
    done = {(each.configuration.runtime, each.configuration.mode) for each in result.configurations}
    assert done == {("onnxruntime", "latency"), ("torch", "latency"), ("torch", "training")}
    assert len(result.refusals) == 1


@pytest.mark.parametrize(("model", "precision"), [("net", "bf16"), ("small", "native")])
def test_only_fp32_is_trained_and_the_refusal_says_what_to_do(model, precision):
    assert "mode training knows fp32 and tf32: add its fp32 file" in why(
        models=[model], precisions=[precision]
    )


def test_an_agent_too_old_for_the_mode_is_told_to_be_upgraded():
    old = replace(BOARD, inventory=replace(INVENTORY, wire_version=3))
    assert "the agent of board is too old for mode training; upgrade it" in why(old)


def test_a_simulated_device_draws_steps_whatever_its_runtime_is_called():
    simulated = replace(BOARD, inventory=replace(INVENTORY, simulated=True))
    assert planned(simulated, runtimes=["onnxruntime"]).configurations[0].configuration.mode == "training"
