# ruff: noqa: N802 - the names are the service's
"""A control service in memory, spoken to over a real connection; the plan is the real one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.model.entities import (
    Device,
    DevicePlan,
    Inventory,
    RuntimeInfo,
    SensorInfo,
    Target,
    Variant,
)
from paretofleet_collector.model.recipes import recipe_of
from paretofleet_collector.planning.expansion import Plan, plan
from paretofleet_collector.planning.parsing import parse_json
from paretofleet_proto.v1 import control_pb2 as pb
from paretofleet_proto.v1 import control_pb2_grpc

REPORT = b"PAR1 not really PAR1" * 1000


def device(name: str, *, sensors: tuple[SensorInfo, ...] = ()) -> Device:
    runtime = RuntimeInfo("onnxruntime", "1.19.2", ("cpu",))
    inventory = Inventory((Target("cpu", "cpu"),), (runtime,), sensors, 2**30, (0, 1), "x86_64")
    return Device(f"id-{name}", name, "cpu", "online", {}, inventory, "0.1.0", 1.0)


def zoo(name: str) -> Variant:
    return Variant(
        name, "fp32", hashlib.sha256(name.encode()).hexdigest(), 0, parameters=25_557_032, stored=False
    )


@dataclass
class FakeControl(control_pb2_grpc.ControlServicer):
    """Keeps what it was told; `ends_as` is the state in which a watched sweep ends, `why` of its failures."""

    devices: list[Device] = field(default_factory=lambda: [device("pc"), device("tx2")])
    variants: list[Variant] = field(default_factory=lambda: [zoo("resnet50"), zoo("alexnet")])
    evaluations: list[pb.Evaluation] = field(default_factory=list)
    sweeps: dict[str, pb.Sweep] = field(default_factory=dict)
    by_request: dict[str, str] = field(default_factory=dict)
    specifications: dict[str, str] = field(default_factory=dict)
    searches: dict[str, pb.ShowSearchReply] = field(default_factory=dict)
    ends_as: str = "finished"
    why: str = "no \x1b[31mroom"
    sample_paths: tuple[str, ...] = ("date=1/run-a.parquet", "run-b.parquet")
    damaged: bool = False
    goes_away: int = 0

    def ListDevices(self, _: Any, __: grpc.ServicerContext) -> pb.ListDevicesReply:
        return pb.ListDevicesReply(devices=[_device(one) for one in self.devices])

    def ChangeDevice(self, request: Any, context: grpc.ServicerContext) -> pb.Device:
        found = next((one for one in self.devices if request.device in (one.name, one.device_id)), None)
        if found is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Unknown device '{request.device}'.")
        if request.action == "remove" and found.state == "online" and not request.force:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, f"Device '{found.name}' is online: stop it first."
            )
        said = _device(found)
        said.name = request.name or found.name
        said.state = {"pause": "paused", "remove": "removed"}.get(request.action, "online")
        said.labels.update({key: value for key, value in request.labels.items() if value})
        return said

    def ListModels(self, _: Any, __: grpc.ServicerContext) -> pb.ListModelsReply:
        return pb.ListModelsReply(variants=[_variant(one) for one in self.variants])

    def ListEvaluations(self, _: Any, __: grpc.ServicerContext) -> pb.ListEvaluationsReply:
        return pb.ListEvaluationsReply(evaluations=self.evaluations)

    def AddModel(self, requests: Iterator[Any], context: grpc.ServicerContext) -> pb.Variant:
        header = next(requests).header
        data = b"".join(request.data for request in requests)
        if hashlib.sha256(data).hexdigest() != header.sha256 or len(data) != header.size_bytes:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The file arrived damaged.")
        if b"ONNX" not in data:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{header.model} is not an ONNX file.")
        model = header.variant_of or header.model
        added = Variant(model, header.precision or "fp32", header.sha256, len(data), top1=None)
        self.variants.append(added)
        return _variant(added)

    def AddZooModel(self, request: Any, context: grpc.ServicerContext) -> pb.Variant:
        for at, one in enumerate(self.variants):
            if one.model == request.name:
                self.variants[at] = Variant(**{**one.__dict__, "stored": True, "size_bytes": 1000})
                return _variant(self.variants[at])
        return context.abort(grpc.StatusCode.NOT_FOUND, f"The zoo has no {request.name}; known: resnet50.")

    def ChangeModel(self, request: Any, context: grpc.ServicerContext) -> pb.Variant:
        name = request.model.partition("@")[0]
        found = next((one for one in self.variants if one.model == name), None)
        if found is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Unknown model '{name}'.")
        if request.action == "remove":
            self.variants.remove(found)
        said = _variant(found)
        said.top1, said.top1_n = request.top1, request.top1_n
        said.licence, said.weights_source = request.licence, request.weights_source
        return said

    def MakeVariant(self, request: Any, context: grpc.ServicerContext) -> pb.Variant:
        name = request.model.partition("@")[0]
        parent = next((one for one in self.variants if one.model == name), None)
        if parent is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Unknown model '{name}'.")
        recipe = recipe_of(json.loads(request.recipe_json))
        called = request.name or recipe.variant
        made = {"variant": called, "recipe": recipe.text, "sha256": "9" * 64, "top1": None, "stored": True}
        self.variants.append(Variant(**{**parent.__dict__, **made, "parent": parent.sha256}))
        return _variant(self.variants[-1])

    def PlanSweep(self, request: Any, context: grpc.ServicerContext) -> pb.PlanSweepReply:
        planned = self._plan(request.spec_json, context)
        return pb.PlanSweepReply(
            configurations=[_planned(one) for one in planned.configurations],
            devices=[_device_plan(one) for one in planned.devices],
            refusals=[pb.Refusal(what=one.combination, why=one.why) for one in planned.refusals],
        )

    def SubmitSweep(self, request: Any, context: grpc.ServicerContext) -> pb.SubmitSweepReply:
        if request.request_id in self.by_request:
            return pb.SubmitSweepReply(sweep=self.sweeps[self.by_request[request.request_id]])
        planned = self._plan(request.spec_json, context)
        spec = parse_json(request.spec_json)
        name = spec.name
        if name in self.sweeps and request.keep_name:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"There is a sweep '{name}' already.")
        while name in self.sweeps:
            name += "-2"
        count = len(planned.configurations)
        runs = count * spec.repeats.runs_min
        sweep = pb.Sweep(
            sweep_id=f"s{len(self.sweeps)}",
            name=name,
            state="planned",
            configurations=count,
            runs=runs,
            runs_by_state={"pending": runs},
            created_unix_s=1.0,
            devices=[one.device for one in planned.devices],
            note=spec.remarks.note,
            labels=spec.remarks.labels,
        )
        self.sweeps[name] = sweep
        self.specifications[name] = request.spec_json
        self.by_request[request.request_id] = name
        refusals = [pb.Refusal(what=one.combination, why=one.why) for one in planned.refusals]
        return pb.SubmitSweepReply(sweep=sweep, refusals=refusals)

    def ListSweeps(self, request: Any, __: grpc.ServicerContext) -> pb.ListSweepsReply:
        found = [
            each
            for each in self.sweeps.values()
            if (not request.states or each.state in request.states)
            and set(request.labels) <= set(each.labels)
        ]
        return pb.ListSweepsReply(sweeps=found[-request.last :])

    def ShowSweep(self, request: Any, context: grpc.ServicerContext) -> pb.ShowSweepReply:
        one = pb.PlannedConfiguration(
            configuration_id="c0",
            device="pc",
            model="resnet50",
            variant="fp32",
            target="cpu",
            runtime="onnxruntime",
            precision="native",
            mode="latency",
            batch_size=64,
        )
        state = pb.ConfigurationState(
            configuration=one, runs_by_state={"failed": 5}, reason="oom", message=self.why
        )
        sweep = self._find(request.sweep, context)
        spec_json = self.specifications.get(sweep.name, "{}")
        return pb.ShowSweepReply(sweep=sweep, configurations=[state], spec_json=spec_json)

    def WatchSweep(self, request: Any, context: grpc.ServicerContext) -> Iterator[pb.SweepProgress]:
        sweep = self._find(request.sweep, context)
        running = pb.RunningNow(device="pc", what="resnet50 batch 1", phase="measure", iterations=12)
        yield pb.SweepProgress(sweep=sweep, running=[running])
        if self.goes_away:
            self.goes_away -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        half = pb.Sweep()
        half.CopyFrom(sweep)
        half.state = "running"
        half.runs_by_state.clear()
        half.runs_by_state.update({"sealed": 3, "pending": sweep.runs - 3})
        yield pb.SweepProgress(
            sweep=half,
            left=pb.Span(seconds=200, least_s=130, most_s=310),
            event="resnet50 batch 1 on pc sealed",
        )
        half.state, half.ended_unix_s = self.ends_as, 61.0
        bad = 2 if self.ends_as == "finished_with_failures" else 0
        half.runs_by_state.clear()
        half.runs_by_state.update({"sealed": sweep.runs - bad, "failed": bad})
        yield pb.SweepProgress(sweep=half, event="resnet50 batch 2 on pc sealed")

    def CancelSweep(self, request: Any, context: grpc.ServicerContext) -> pb.Sweep:
        return self._find(request.sweep, context)

    RetrySweep = CancelSweep

    def PauseSweep(self, request: Any, context: grpc.ServicerContext) -> pb.Sweep:
        sweep = self._find(request.sweep, context)
        sweep.state, sweep.paused_unix_s, sweep.paused_by = "paused", 60.0, "ana"
        return sweep

    def ResumeSweep(self, request: Any, context: grpc.ServicerContext) -> pb.Sweep:
        sweep = self._find(request.sweep, context)
        sweep.state, sweep.paused_unix_s, sweep.paused_by = "running", 0.0, ""
        return sweep

    def SkipSweep(self, request: Any, context: grpc.ServicerContext) -> pb.Sweep:
        said = pb.Sweep()
        said.CopyFrom(self._find(request.sweep, context))
        part = said.runs // len(said.devices)
        said.runs_by_state.update({"skipped": part, "pending": said.runs - part})
        return said

    def PrioritiseSweeps(self, request: Any, context: grpc.ServicerContext) -> pb.PrioritiseSweepsReply:
        moved = [self._find(name, context).name for name in request.sweeps]
        others = [name for name in self.sweeps if name not in moved]
        order = [*others, *moved] if request.last else [*moved, *others]
        devices = [request.device] if request.device else [one.name for one in self.devices]
        return pb.PrioritiseSweepsReply(
            queues=[pb.DeviceQueue(device=name, sweeps=order) for name in devices]
        )

    def DeleteSweep(self, request: Any, context: grpc.ServicerContext) -> pb.DeleteSweepReply:
        del self.sweeps[self._find(request.sweep, context).name]
        return pb.DeleteSweepReply(runs=10, files=2)

    def PullReport(self, request: Any, context: grpc.ServicerContext) -> Iterator[pb.FilePart]:
        self._find(request.sweep, context)
        yield pb.FilePart(path="report.parquet", data=REPORT[:1000])
        data = b"wrong" if self.damaged else REPORT[1000:]
        yield pb.FilePart(data=data, is_last=True, sha256=hashlib.sha256(REPORT).hexdigest())

    def PullSamples(self, request: Any, context: grpc.ServicerContext) -> Iterator[pb.FilePart]:
        self._find(request.sweep, context)
        for path in self.sample_paths:
            yield pb.FilePart(path=path, data=b"x", is_last=True, sha256=hashlib.sha256(b"x").hexdigest())

    def RebuildReport(self, request: Any, context: grpc.ServicerContext) -> pb.RebuildReportReply:
        self._find(request.sweep, context)
        self.engine = request.engine
        return pb.RebuildReportReply(runs=10, changed=0, rule_version="1")

    def ListSearches(self, _: Any, __: grpc.ServicerContext) -> pb.ListSearchesReply:
        return pb.ListSearchesReply(searches=[each.search for each in self.searches.values()])

    def ShowSearch(self, request: Any, context: grpc.ServicerContext) -> pb.ShowSearchReply:
        if request.search not in self.searches:
            context.abort(grpc.StatusCode.NOT_FOUND, f"There is no search '{request.search}'.")
        return self.searches[request.search]

    def DeleteSearch(self, request: Any, __: grpc.ServicerContext) -> pb.Search:
        (name,) = [key for key, each in self.searches.items() if each.search.search_id == request.search]
        return self.searches.pop(name).search

    def _find(self, name: str, context: grpc.ServicerContext) -> pb.Sweep:
        for sweep in self.sweeps.values():
            if name in (sweep.name, sweep.sweep_id):
                return sweep
        return context.abort(grpc.StatusCode.NOT_FOUND, f"Unknown sweep '{name}'.")

    def _plan(self, spec_json: str, context: grpc.ServicerContext) -> Plan:
        try:
            return plan(parse_json(spec_json), self.devices, self.variants)
        except NotFound as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except Refused as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        raise AssertionError


def serve(control: FakeControl) -> tuple[grpc.Server, str]:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    control_pb2_grpc.add_ControlServicer_to_server(control, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


def _device_plan(one: DevicePlan) -> pb.DevicePlan:
    likely = one.likely and pb.Span(**one.likely.__dict__)
    return pb.DevicePlan(**{**one.__dict__, "likely": likely})


def _device(one: Device) -> pb.Device:
    return pb.Device(
        device_id=one.device_id,
        name=one.name,
        device_class=one.device_class,
        state=one.state,
        labels=one.labels,
        targets=[target.alias for target in one.inventory.targets],
        runtimes=[f"{runtime.name} {runtime.version}" for runtime in one.inventory.runtimes],
        sensors=[pb.DeviceSensor(**sensor.__dict__) for sensor in one.inventory.sensors],
        last_seen_unix_s=one.last_seen_unix_s or 0.0,
        environment_json=one.inventory.environment_json,
    )


def _variant(one: Variant) -> pb.Variant:
    return pb.Variant(
        model=one.model,
        variant=one.variant,
        sha256=one.sha256,
        recipe=one.recipe,
        weights_precision=one.weights_precision,
        size_bytes=one.size_bytes,
        parameters=one.parameters,
        stored=one.stored,
        sizes=dict(one.sizes),
        inputs_json=json.dumps(one.inputs) if one.inputs else "",
        graph_json=json.dumps(one.graph) if one.graph else "",
    )


def _planned(one: Any) -> pb.PlannedConfiguration:
    asked = one.configuration
    return pb.PlannedConfiguration(
        configuration_id=one.configuration_id,
        device=one.device,
        model=one.model,
        variant=one.variant,
        target=one.target,
        runtime=asked.runtime,
        precision=asked.precision,
        batch_size=asked.batch_size,
        threads=asked.threads,
    )
