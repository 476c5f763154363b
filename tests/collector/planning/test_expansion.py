"""From a specification to configurations: what runs, what is refused and with which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.model.entities import Device, Inventory, RuntimeInfo, SensorInfo, Target, Variant
from paretofleet_collector.planning import protocols
from paretofleet_collector.planning.expansion import Plan, plan
from paretofleet_collector.planning.parsing import parse_json, spec_from_mapping
from paretofleet_collector.planning.specification import Spec

CPU = Target("cpu", "cpu")
CUDA = Target("GPU-7", "cuda:0")


def device(
    name: str, *, device_class: str = "cpu", targets=(CPU,), runtime: str = "onnxruntime", **more
) -> Device:
    return Device(
        device_id=f"id-{name}",
        name=name,
        device_class=device_class,
        state=more.pop("state", "online"),
        labels=more.pop("labels", {}),
        inventory=Inventory(
            targets=tuple(targets),
            runtimes=(RuntimeInfo(runtime, "1.19.2", tuple(target.target_id for target in targets)),),
            sensors=more.pop("sensors", ()),
            cpus=more.pop("cpus", (0, 1, 2, 3)),
        ),
    )


def variant(model: str, name: str = "fp32", **more) -> Variant:
    sha256 = more.pop("sha256", (model + name).encode().hex().ljust(64, "0")[:64])
    return Variant(model=model, variant=name, sha256=sha256, size_bytes=10, weights_precision=name, **more)


FLEET = (device("pc"), device("tx2", device_class="jetson-tx2", labels={"rack": "a"}))
MODELS = (variant("resnet50"), variant("mobilenet_v2"), variant("mobilenet_v2", "int8", parent="x"))


def planned(fleet=FLEET, variants=MODELS, **spec: object) -> Plan:
    return plan(spec_from_mapping(spec), fleet, variants)


def reasons(result: Plan) -> str:
    return "\n".join(refusal.why for refusal in result.refusals)


def test_a_sweep_is_the_product_of_its_lists():
    result = planned(models=["zoo:resnet50", "mobilenet_v2"], batch_sizes=[1, 2, 4], threads=[1, 2])
    assert len(result.configurations) == 2 * 3 * 2 * 2
    assert result.refusals == ()
    assert [one.device for one in result.devices] == ["pc", "tx2"]
    assert {one.configurations for one in result.devices} == {12}


def test_a_configuration_has_the_same_identity_in_every_sweep():
    one = planned(models=["resnet50"], name="first", seed=1, devices=["pc"])
    other = planned(models=["mobilenet_v2", "resnet50"], name="other", seed=7, batch_sizes=[2, 1])
    ids = {item.configuration_id for item in other.configurations}
    assert one.configurations[0].configuration_id in ids
    assert one.configurations[0].configuration.threads is None


def test_a_model_written_twice_is_run_once():
    assert len(planned(models=["resnet50", "zoo:resnet50"], devices=["pc"]).configurations) == 1


def test_devices_are_chosen_by_name_class_and_label():
    assert [one.device for one in planned(models=["resnet50"], devices=["tx2"]).devices] == ["tx2"]
    assert [one.device for one in planned(models=["resnet50"], devices={"class": "cpu"}).devices] == ["pc"]
    assert [one.device for one in planned(models=["resnet50"], devices={"rack": ["a", "b"]}).devices] == [
        "tx2"
    ]
    with pytest.raises(
        NotFound, match=r"No device matches class=cpu, rack=a; there are pc \(class cpu\), tx2"
    ):
        planned(models=["resnet50"], devices={"class": "cpu", "rack": "a"})


def test_a_label_that_no_device_has_is_named():
    with pytest.raises(NotFound, match="no device has a label 'clas', did you mean class"):
        planned(models=["resnet50"], devices={"clas": "cpu"})


def test_an_unknown_device_or_model_refuses_the_whole_sweep_and_names_the_nearest():
    with pytest.raises(NotFound, match="Unknown device 'tx3': did you mean tx2"):
        planned(models=["resnet50"], devices=["pc", "tx3"])
    with pytest.raises(NotFound, match="Unknown model 'resnet5': did you mean resnet50"):
        planned(models=["mobilenet_v2", "resnet5"])
    with pytest.raises(NotFound, match="Unknown device 'tx2': no device has joined"):
        planned((), models=["resnet50"], devices=["tx2"])
    with pytest.raises(NotFound, match="is a file, not a model"):
        planned(models=["./mine.onnx"])
    with pytest.raises(NotFound, match="No device has joined"):
        plan(Spec(models=("resnet50",)), (), MODELS)


def test_a_removed_device_is_no_device_and_a_paused_one_is():
    fleet = (device("gone", state="removed"), device("later", state="paused"))
    assert [one.device for one in planned(fleet, models=["resnet50"]).devices] == ["later"]


def test_a_missing_variant_is_refused_with_the_command_that_adds_it():
    models = (*MODELS, variant("mobilenet_v2", "fp16", parent="x"))
    about = {"models": ["resnet50", "mobilenet_v2"], "precisions": ["fp32", "fp16"], "devices": ["pc"]}
    result = planned(variants=models, **about)
    assert [(one.model, one.variant) for one in result.configurations] == [
        ("resnet50", "fp32"),
        ("mobilenet_v2", "fp32"),
        ("mobilenet_v2", "fp16"),
    ]
    assert "`paretofleet models add FILE --variant-of resnet50 --precision fp16`" in reasons(result)
    with pytest.raises(Refused, match="Nothing is left to run: resnet50 has no fp16 variant"):
        planned(models=["resnet50"], precisions=["fp16"])


def test_native_is_the_file_as_it_was_added_and_a_variant_can_be_named():
    assert planned(models=["mobilenet_v2"]).configurations[0].variant == "fp32"
    assert planned(models=["mobilenet_v2@int8"]).configurations[0].variant == "int8"
    with pytest.raises(NotFound, match="has no variant 'int4': did you mean int8"):
        planned(models=["mobilenet_v2@int4"])


def test_two_variants_of_one_precision_must_be_told_apart():
    two = (variant("net", "int8"), variant("net", "other", parent="x", sha256="b" * 64))
    two = (two[0], Variant(**{**two[1].__dict__, "weights_precision": "int8"}))
    with pytest.raises(Refused, match=r"net has 2 such variants \(int8, other\): name one, as in `net@int8`"):
        planned(variants=two, models=["net"], precisions=["int8"])


def test_a_fixed_batch_axis_refuses_the_other_sizes_only():
    fixed = (variant("tiny", fixed_batch_size=1),)
    result = planned(variants=fixed, models=["tiny"], batch_sizes=[1, 2, 4], devices=["pc"])
    assert [one.configuration.batch_size for one in result.configurations] == [1]
    assert [one.combination for one in result.refusals] == ["tiny at batch size 2, 4"]
    assert "has a batch axis fixed at 1" in reasons(result)


def test_a_device_without_the_target_or_the_runtime_is_refused_and_the_others_run():
    fleet = (*FLEET, device("torch-only", runtime="torch"), device("gpu", targets=(CPU, CUDA)))
    result = planned(fleet, models=["resnet50"], targets=["cpu", "cuda"])
    assert [(one.device, one.target) for one in result.configurations] == [
        ("pc", "cpu"),
        ("tx2", "cpu"),
        ("gpu", "cpu"),
        ("gpu", "cuda:0"),
    ]
    assert "torch-only has no runtime onnxruntime (it has torch)" in reasons(result)
    (missing,) = result.missing
    assert (missing.planned.device, missing.planned.configuration.runtime) == ("torch-only", "onnxruntime")
    assert missing.why in reasons(result)
    assert "torch-only" not in {one.device for one in result.devices}, "what is missing takes no time"
    assert "pc has no target cuda; it has cpu." in reasons(result)


def test_what_no_installation_could_run_is_left_out_and_not_missing():
    """A board with a GPU lacks both: OpenVINO never uses its GPU, trtexec never its CPU."""
    fleet = (device("board", targets=(CPU, CUDA)),)
    wanted = ["onnxruntime", "openvino", "trtexec"]
    result = planned(fleet, models=["resnet50"], targets=["cpu", "cuda"], runtimes=wanted)
    missing = {(one.planned.target, one.planned.configuration.runtime) for one in result.missing}
    assert missing == {("cpu", "openvino"), ("cuda:0", "trtexec")}
    assert "openvino cannot use cuda:0." in reasons(result)
    assert "trtexec cannot use cpu." in reasons(result)


def test_more_threads_than_cpus_and_tf32_off_cuda_are_refused():
    result = planned(models=["resnet50"], threads=[4, 5], precisions=["fp32", "tf32"], devices=["pc"])
    assert len(result.configurations) == 1
    assert "pc has 4 CPUs" in reasons(result)
    assert "tf32 is a mode of CUDA targets only." in reasons(result)


def metered(name: str, *kinds: str) -> Device:
    return device(name, sensors=tuple(SensorInfo("s", f"rail-{kind}", "package", kind) for kind in kinds))


def test_the_time_of_a_device_without_a_power_source_is_warm_up_and_window_alone():
    (bare,) = planned((FLEET[0],), models=["resnet50"], protocol="standard").devices
    assert (bare.runs_min, bare.runs_max) == (5, 20)
    assert bare.seconds_min == pytest.approx(5 * (1.2 + 2))
    assert bare.seconds_max == pytest.approx(20 * (60 + 900)), "cooling down and the time limit of a run"


def test_a_power_source_adds_guards_idle_and_the_window_that_its_energy_needs():
    kinds = {"counter": 2.0, "instant": 5.0, "filtered": 10.0}
    for kind, window_s in kinds.items():
        (one,) = planned((metered("metered", kind),), models=["resnet50"], protocol="standard").devices
        run_s = 1.2 + 0.5 + window_s + 0.5 + 2
        assert one.seconds_min == pytest.approx(5 * (run_s + 2)), "and idle once before each block"
        sizes = planned((metered("m", kind),), models=["resnet50"], protocol="standard", batch_sizes=[1, 2])
        assert sizes.devices[0].seconds_min == pytest.approx(5 * (2 * run_s + 2))
    both = planned((metered("both", *kinds),), models=["resnet50"], protocol="standard").devices[0]
    assert both.seconds_min == pytest.approx(5 * (1.2 + 1 + 2 + 2 + 2)), "at least: the quickest of them"


def test_a_short_protocol_measures_no_longer_for_energy():
    (one,) = planned((metered("metered", "filtered"),), models=["resnet50"], protocol="quick").devices
    assert one.seconds_min == pytest.approx(5 * (0.3 + 0.5 + 1.5 + 0.5))


def test_a_gpu_and_a_jetson_are_planned_with_their_longer_warm_up():
    board = replace(device("nano"), device_class="jetson-nano")
    monitored = device("tx2", sensors=(SensorInfo("ina3221", "VDD_IN", "module", "counter"),))
    for one, run_s in ((board, 2 + 2), (monitored, 2 + 0.5 + 2 + 0.5 + 2)):
        (plan,) = planned((one,), models=["resnet50"], protocol="standard").devices
        idle_s = 2 if one.inventory.sensors else 0
        assert plan.seconds_min == pytest.approx(5 * (run_s + idle_s))
    standard, quick = (protocols.PROTOCOLS[name] for name in ("standard", "quick"))
    assert standard.run_seconds(wakes_slowly=True) - standard.run_seconds() == pytest.approx(0.8)
    assert quick.run_seconds(wakes_slowly=True) == quick.run_seconds()


def test_the_plan_s_least_seconds_are_those_of_the_agent():
    from paretofleet_agent.measure import warm_up
    from paretofleet_agent.power import stopping as rule
    from paretofleet_agent.sensors.protocol import COUNTER, FILTERED

    assert protocols.SLOW_WARM_UP_S == warm_up.SLOW_WARM_UP_S
    assert protocols.GUARD_S == rule.GUARD_S_MIN
    assert protocols.ENERGY_WINDOW_S == {COUNTER: rule.FAST_COUNTER_S, FILTERED: rule.SLOW_S}
    assert protocols.OTHER_ENERGY_WINDOW_S == rule.STEADY_S


def test_a_sweep_that_explodes_is_refused():
    sizes = list(range(1, 1001))
    with pytest.raises(Refused, match="split it"):
        planned(models=["resnet50"], batch_sizes=sizes, threads=sizes)


@given(
    st.lists(st.integers(1, 64), min_size=1, max_size=5),
    st.lists(st.none() | st.integers(1, 8), min_size=1, max_size=3),
    st.lists(st.sampled_from(["native", "fp32", "int8"]), min_size=1, max_size=3),
)
def test_identities_are_unique_and_everything_asked_runs_or_is_refused(sizes, threads, precisions):
    spec = spec_from_mapping(
        {
            "models": ["resnet50", "mobilenet_v2"],
            "batch_sizes": sizes,
            "threads": threads,
            "precisions": precisions,
        }
    )
    try:
        result = plan(spec, FLEET, MODELS)
    except Refused:
        return
    ids = [one.configuration_id for one in result.configurations]
    assert len(ids) == len(set(ids))
    assert sum(one.configurations for one in result.devices) == len(ids)
    asked = len(FLEET) * 2 * len(spec.batch_sizes) * len(spec.threads) * len(spec.precisions)
    assert (len(ids) == asked) == (not result.refusals)


def on(runtime: str, target=CPU, **spec: object) -> Plan:
    return planned((device("pc", targets=(target,), runtime=runtime),), runtimes=[runtime], **spec)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_a_runtime_that_computes_fp32_weights_in_bf16_needs_no_other_file(runtime):
    (one,) = on(runtime, models=["mobilenet_v2"], precisions=["bf16"]).configurations
    assert (one.variant, one.configuration.precision) == ("fp32", "bf16")


def test_onnxruntime_on_the_cpu_needs_a_file_and_the_refusal_names_who_does_not():
    with pytest.raises(Refused, match=r"has no bf16 variant: add one with .*; torch, openvino can execute"):
        planned(models=["mobilenet_v2"], precisions=["bf16"])


def test_a_file_of_the_precision_comes_before_the_fp32_one_but_torch_takes_fp32_files_only():
    files = (*MODELS, variant("mobilenet_v2", "bf16", parent="x"))
    for runtime, expected in (("openvino", "bf16"), ("torch", "fp32")):
        (one,) = on(runtime, variants=files, models=["mobilenet_v2"], precisions=["bf16"]).configurations
        assert one.variant == expected
    with pytest.raises(
        Refused, match="torch on cpu takes fp32 files only and executes them in fp32, bf16, fp16"
    ):
        on("torch", models=["mobilenet_v2"], precisions=["int8"])


def test_a_runtime_of_other_files_is_refused_before_anything_fails():
    with pytest.raises(Refused, match="litert reads tflite files"):
        on("litert", models=["mobilenet_v2"])


def test_an_option_that_came_later_is_absent_at_its_default():
    plans = [
        on("trtexec", CUDA, targets=["cuda"], models=["resnet50"], options={"trtexec": options})
        for options in ({}, {"engine": "rebuilt"}, {"engine": "pinned"})
    ]
    ids = [each.configurations[0].configuration_id for each in plans]
    assert ids[0] == ids[1] != ids[2]


def test_tf32_is_the_fp32_file_on_a_gpu():
    (one,) = on("torch", CUDA, targets=["cuda"], models=["resnet50"], precisions=["tf32"]).configurations
    assert (one.variant, one.configuration.precision) == ("fp32", "tf32")


def test_throughput_mode_is_part_of_what_a_configuration_is():
    (one,) = planned(models=["resnet50"], devices=["pc"], mode="throughput").configurations
    (other,) = planned(models=["resnet50"], devices=["pc"]).configurations
    assert one.configuration.mode == "throughput"
    assert one.configuration_id != other.configuration_id


def test_every_configuration_runs_in_every_mode_and_a_rate_is_part_of_its_identity():
    modes = ["latency", {"paced": {"items_s": 5}}, {"paced": {"items_s": 30}}]
    result = planned(models=["resnet50"], devices=["pc"], mode=modes)
    configurations = [one.configuration for one in result.configurations]
    assert [(one.mode, one.items_s) for one in configurations] == [
        ("latency", None), ("paced", 5.0), ("paced", 30.0),
    ]  # fmt: skip
    assert len({one.configuration_id for one in configurations}) == 3
    assert "items_s" not in configurations[0].canonical_json, "an id of before the mode stays"
    assert '"items_s":5.0' in configurations[1].canonical_json


def test_trtexec_takes_no_item_by_the_clock_and_the_plan_says_so():
    fleet = (device("board", targets=(CUDA,), runtime="trtexec"),)
    with pytest.raises(Refused, match="trtexec runs by itself and takes no item by the clock"):
        planned(
            fleet, models=["resnet50"], targets=["cuda"], runtimes=["trtexec"], mode={"paced": {"items_s": 5}}
        )


def test_a_rate_too_low_for_the_protocol_is_refused_with_one_that_is_not():
    mode = {"paced": {"items_s": 0.04}}
    with pytest.raises(Refused, match=r"take longer than its 900 s; ask for 0\.056 items a second or more"):
        planned(models=["resnet50"], mode=mode)
    result = planned(models=["resnet50"], mode={"paced": {"items_s": 1}}, batch_sizes=[1, 64])
    assert {one.configuration.batch_size for one in result.configurations} == {1}


def test_the_hours_of_a_plan_hold_what_a_pace_takes():
    quick = {"models": ["resnet50"], "devices": ["pc"], "protocol": "quick"}
    (plain,), (slow,) = (
        planned(**quick, mode=mode).devices for mode in ("latency", {"paced": {"items_s": 1}})
    )
    assert plain.seconds_min == 5 * (0.3 + 1.5)
    assert slow.seconds_min == 5 * (5 + 10)


class Untouched(Sequence):
    """What must not be looked at."""

    def __len__(self) -> int:
        raise AssertionError

    def __getitem__(self, _):
        raise AssertionError


def test_a_sweep_of_too_many_runs_is_refused_before_anything_is_expanded():
    sizes = list(range(1, 1001))
    many = spec_from_mapping(
        {"models": ["tiny"], "batch_sizes": sizes, "threads": sizes, "repeats": {"min": 1, "max": 1000}}
    )
    with pytest.raises(Refused, match=r"may have 1,000,000,000 runs .* more than 100,000: split it"):
        plan(many, Untouched(), Untouched())


def test_only_the_configurations_that_are_named_are_planned():
    everything = planned(models=["resnet50"], batch_sizes=[1, 2, 4])
    chosen = [each.configuration_id for each in everything.configurations[:2]]
    result = planned(models=["resnet50"], batch_sizes=[1, 2, 4], only=chosen)
    assert [each.configuration_id for each in result.configurations] == chosen
    assert result.refusals == ()


def test_an_id_that_nothing_means_is_said_and_none_at_all_is_refused():
    first = planned(models=["resnet50"]).configurations[0].configuration_id
    result = planned(models=["resnet50"], only=[first, "0" * 16])
    assert [each.configuration_id for each in result.configurations] == [first]
    assert reasons(result).startswith(f"configuration {'0' * 16}: nothing that the other keys mean")
    with pytest.raises(Refused, match="has this id any more"):
        planned(models=["resnet50"], only=["0" * 16])
    with pytest.raises(Refused, match="16 hex digits"):
        planned(models=["resnet50"], only=["resnet50"])
    spec = spec_from_mapping({"models": ["resnet50"], "only": [first]})
    assert parse_json(spec.to_json()) == spec
