"""What one side of the wire says is what the other side gets."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_collector.model.entities import DevicePlan, Refusal, SensorInfo, Variant
from paretofleet_collector.model.inputs import InputArray, InputFile
from paretofleet_collector.model.messages import NewModel
from paretofleet_collector.model.run_time import Span
from paretofleet_collector.model.searches import (
    NewSearch,
    SearchBatch,
    SearchDetail,
    SearchRecord,
    SearchTraining,
    SearchTrial,
    SearchView,
)
from paretofleet_collector.model.views import (
    ConfigurationState,
    DeviceView,
    FilePart,
    PlannedView,
    PlanView,
    RunningNow,
    SweepDetail,
    SweepProgress,
    SweepView,
)
from paretofleet_collector.rpc.convert import control as convert
from paretofleet_collector.rpc.convert import fleet, models, searches
from paretofleet_proto.v1 import fleet_pb2

DEVICE = DeviceView(
    device_id="id-box",
    name="box",
    device_class="cpu",
    state="online",
    labels={"room": "lab"},
    targets=("cpu", "cuda:0"),
    runtimes=("onnxruntime 1.19.2",),
    sensors=(SensorInfo("ina", "vdd", "module", "power"),),
    simulated=True,
    agent_version="0.1.0",
    last_seen_unix_s=5.0,
    running="tiny",
)
VARIANT = Variant(model="tiny", variant="file", sha256="ab" * 32, size_bytes=4)
FULL = replace(
    VARIANT,
    parameters=0,
    macs=7,
    top1=0.0,
    top1_n=10,
    top1_source="user",
    accuracy_group="user ab",
    top5=1.5,
    licence="MIT",
    weights_source="a paper",
    fixed_batch_size=1,
    stored=False,
)
NEW = NewModel("tiny", "", "fp32", 4, "ab" * 32, top1=None, top1_n=None)
PLANNED = PlannedView("c" * 16, "box", "tiny", "file", "cpu", "onnxruntime", "fp32", 2, None, fed="h=3")
REFUSAL = Refusal("box cpu torch", "box has no runtime torch")
PLAN = PlanView(
    (PLANNED, replace(PLANNED, threads=3)),
    (DevicePlan("box", 2, 5, 9, 60.0, 120.0, Span(80.0, 70.0, 90.0)),),
    (REFUSAL,),
    missing=4,
)
SWEEP = SweepView(
    "s" * 16, "edge", "running", 1, 2, {"sealed": 1, "pending": 1}, 1.0, None, ("box",), ("waits",)
)
DETAIL = SweepDetail(SWEEP, (ConfigurationState(PLANNED, {"failed": 1}, "oom", "too large"),), "{}")
PROGRESS = SweepProgress(SWEEP, (RunningNow("box", "tiny fp32", "measure", 7),), None, "box: tiny sealed")

SEARCH = SearchDetail(
    SearchView("id", "s", "failed", "why", "{}", "ab", 1, 2.0, 3, 4.0, 5.0, 6.0, 7.0, 2, 1),
    (SearchTrial(0, (1, -1), "g", "m", "box", "seed"), SearchTrial(1, (0, 2), "h", "n", "box", "best")),
    (SearchBatch(0, (0, 1), ("box",), "s-0"),),
    (SearchTraining(0, 1, "validation", "it hangs"), SearchTraining(1, 1, "test", "", 0.0, 9, 1.0, 2.0, 3)),
)


@pytest.mark.parametrize(
    ("value", "to_proto", "from_proto"),
    [
        (DEVICE, convert.device_to_proto, convert.device_from_proto),
        (replace(DEVICE, last_seen_unix_s=None), convert.device_to_proto, convert.device_from_proto),
        (VARIANT, models.variant_to_proto, models.variant_from_proto),
        (FULL, models.variant_to_proto, models.variant_from_proto),
        (NEW, models.new_model_to_proto, models.new_model_from_proto),
        (
            replace(VARIANT, sizes={"h": 3}, inputs={"x": {"values": 1}}, graph={"free": ["h"]}),
            models.variant_to_proto,
            models.variant_from_proto,
        ),
        (
            replace(NEW, sizes={"h": 3}, inputs_json='{"x":1}'),
            models.new_model_to_proto,
            models.new_model_from_proto,
        ),
        (
            InputFile("ab" * 32, 4, "s.npz", (InputArray("x", "int64", (3, 2)),)),
            models.input_file_to_proto,
            models.input_file_from_proto,
        ),
        (
            replace(NEW, licence="MIT", weights_source="us"),
            models.new_model_to_proto,
            models.new_model_from_proto,
        ),
        (replace(NEW, training_json='{"s":[1.5]}'), models.new_model_to_proto, models.new_model_from_proto),
        (replace(VARIANT, training={"s": [1.5]}), models.variant_to_proto, models.variant_from_proto),
        (replace(NEW, top1=0.0, top1_n=1), models.new_model_to_proto, models.new_model_from_proto),
        ((REFUSAL,), convert.refusals_to_proto, convert.refusals_from_proto),
        (PLAN, convert.plan_to_proto, convert.plan_from_proto),
        (SWEEP, convert.sweep_to_proto, convert.sweep_from_proto),
        (replace(SWEEP, ended_unix_s=9.0), convert.sweep_to_proto, convert.sweep_from_proto),
        (DETAIL, convert.sweep_detail_to_proto, convert.sweep_detail_from_proto),
        (PROGRESS, convert.sweep_progress_to_proto, convert.sweep_progress_from_proto),
        (
            replace(PROGRESS, left=Span(0.0, 0.0, 1.0)),
            convert.sweep_progress_to_proto,
            convert.sweep_progress_from_proto,
        ),
        (SEARCH, searches.search_detail_to_proto, searches.search_detail_from_proto),
        (
            SearchRecord(SEARCH.trials, SEARCH.batches, SEARCH.trainings, 2.5),
            partial(searches.record_to_proto, "s"),
            searches.record_from_proto,
        ),
        (
            NewSearch("s", "{}", "ab", 1, 2.0, 3),
            partial(searches.new_search_to_proto, request_id="r"),
            searches.new_search_from_proto,
        ),
        (
            FilePart("r.parquet", b"x", True, "cd" * 32),
            convert.file_part_to_proto,
            convert.file_part_from_proto,
        ),
    ],
)
def test_what_goes_over_the_wire_comes_out_as_it_was(value, to_proto, from_proto):
    assert from_proto(to_proto(value)) == value


@settings(max_examples=30, deadline=None)
@given(st.one_of(st.binary(min_size=1, max_size=300), st.sampled_from((b"x" * 16_384, b"\n" * (1 << 20)))))
def test_a_part_of_a_model_is_encoded_as_protobuf_encodes_it(data):
    assert fleet.model_part_to_wire(data) == fleet_pb2.ModelPart(data=data).SerializeToString()
