"""What the command calls: each call is converted, handed to the service, and its answer converted back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from paretofleet_proto.v1 import control_pb2 as pb

from paretofleet_collector.errors import Refused
from paretofleet_collector.rpc.convert import control as convert
from paretofleet_collector.rpc.convert import models
from paretofleet_collector.rpc.convert import searches as convert_searches
from paretofleet_collector.rpc.file_parts import file_parts
from paretofleet_collector.rpc.gate import peer_now
from paretofleet_collector.rpc.statuses import single_reply, stream_of_replies
from paretofleet_collector.service import (
    catalogue,
    devices,
    evaluations,
    inputs,
    model_changes,
    page_access,
    queues,
    recipes,
    reports,
    searches,
    submission,
    sweeps,
    watching,
)
from paretofleet_collector.service.context import Context


class ControlServicer:
    """The control service; without logic."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @single_reply
    async def ListDevices(self, _: Any) -> pb.ListDevicesReply:  # noqa: N802
        listed = await devices.list_devices(self._context)
        return pb.ListDevicesReply(devices=[convert.device_to_proto(device) for device in listed])

    @single_reply
    async def ChangeDevice(self, request: pb.ChangeDeviceRequest) -> pb.Device:  # noqa: N802
        labels = dict(request.labels)
        changed = await devices.change_device(
            self._context,
            request.device,
            request.action,
            labels,
            request.name,
            is_forced=request.force,
        )
        return convert.device_to_proto(changed)

    @single_reply
    async def ListModels(self, _: Any) -> pb.ListModelsReply:  # noqa: N802
        variants = await catalogue.list_models(self._context)
        return pb.ListModelsReply(variants=[models.variant_to_proto(variant) for variant in variants])

    @single_reply
    async def ListEvaluations(self, request: pb.ListEvaluationsRequest) -> pb.ListEvaluationsReply:  # noqa: N802
        listed = await evaluations.list_evaluations(self._context, request.sha256)
        return pb.ListEvaluationsReply(evaluations=[models.evaluation_to_proto(each) for each in listed])

    @single_reply
    async def AddModel(self, requests: AsyncIterator[Any]) -> pb.Variant:  # noqa: N802
        first = await anext(requests, None)
        if first is None or first.WhichOneof("item") != "header":
            raise Refused("A model file is announced by a header; upgrade the command.")
        data = (request.data async for request in requests)
        new = models.new_model_from_proto(first.header)
        return models.variant_to_proto(await catalogue.add_model(self._context, new, data))

    @single_reply
    async def AddInputs(self, requests: AsyncIterator[Any]) -> pb.InputFile:  # noqa: N802
        first = await anext(requests, None)
        if first is None or first.WhichOneof("item") != "header":
            raise Refused("A file of samples is announced by a header; upgrade the command.")
        data = (request.data async for request in requests)
        new = models.new_inputs_from_proto(first.header)
        return models.input_file_to_proto(await inputs.add_inputs(self._context, new, data))

    @single_reply
    async def AddZooModel(self, request: pb.AddZooModelRequest) -> pb.Variant:  # noqa: N802
        return models.variant_to_proto(await catalogue.add_zoo_model(self._context, request.name))

    @single_reply
    async def ChangeModel(self, request: pb.ChangeModelRequest) -> pb.Variant:  # noqa: N802
        given = models.given_facts_from_proto(request)
        changed = await model_changes.change_model(self._context, request.model, request.action, given)
        return models.variant_to_proto(changed)

    @single_reply
    async def MakeVariant(self, request: pb.MakeVariantRequest) -> pb.Variant:  # noqa: N802
        made = await recipes.make_variant(self._context, request.model, request.recipe_json, request.name)
        return models.variant_to_proto(made)

    @single_reply
    async def PlanSweep(self, request: pb.PlanSweepRequest) -> pb.PlanSweepReply:  # noqa: N802
        return convert.plan_to_proto(await submission.plan_sweep(self._context, request.spec_json))

    @single_reply
    async def SubmitSweep(self, request: pb.SubmitSweepRequest) -> pb.SubmitSweepReply:  # noqa: N802
        person = peer_now().subject
        sweep, refusals = await submission.submit(
            self._context, request.request_id, request.spec_json, person, keep_name=request.keep_name
        )
        return pb.SubmitSweepReply(
            sweep=convert.sweep_to_proto(sweep), refusals=convert.refusals_to_proto(refusals)
        )

    @single_reply
    async def ListSweeps(self, request: pb.ListSweepsRequest) -> pb.ListSweepsReply:  # noqa: N802
        chosen = (tuple(request.states), tuple(request.labels), request.last or None)
        listed = await sweeps.list_sweeps(self._context, *chosen)
        return pb.ListSweepsReply(sweeps=[convert.sweep_to_proto(sweep) for sweep in listed])

    @single_reply
    async def ShowSweep(self, request: pb.SweepRequest) -> pb.ShowSweepReply:  # noqa: N802
        return convert.sweep_detail_to_proto(await sweeps.show(self._context, request.sweep))

    @stream_of_replies
    async def WatchSweep(self, request: pb.SweepRequest) -> AsyncIterator[pb.SweepProgress]:  # noqa: N802
        async for progress in watching.watch(self._context, request.sweep):
            yield convert.sweep_progress_to_proto(progress)

    @single_reply
    async def CancelSweep(self, request: pb.SweepRequest) -> pb.Sweep:  # noqa: N802
        sweep = await submission.check_submitter(self._context, peer_now(), request.sweep)
        return convert.sweep_to_proto(await sweeps.cancel(self._context, sweep))

    @single_reply
    async def PauseSweep(self, request: pb.SweepRequest) -> pb.Sweep:  # noqa: N802
        peer = peer_now()
        sweep = await submission.check_submitter(self._context, peer, request.sweep)
        return convert.sweep_to_proto(await sweeps.pause(self._context, sweep, peer.subject))

    @single_reply
    async def ResumeSweep(self, request: pb.SweepRequest) -> pb.Sweep:  # noqa: N802
        sweep = await submission.check_submitter(self._context, peer_now(), request.sweep)
        return convert.sweep_to_proto(await sweeps.resume(self._context, sweep))

    @single_reply
    async def SkipSweep(self, request: pb.SkipSweepRequest) -> pb.Sweep:  # noqa: N802
        sweep = await submission.check_submitter(self._context, peer_now(), request.sweep)
        return convert.sweep_to_proto(await sweeps.skip(self._context, sweep, request.device))

    @single_reply
    async def PrioritiseSweeps(  # noqa: N802
        self, request: pb.PrioritiseSweepsRequest
    ) -> pb.PrioritiseSweepsReply:
        names = tuple(request.sweeps)
        changed = await queues.prioritise(self._context, names, request.device, last=request.last)
        return pb.PrioritiseSweepsReply(
            queues=[pb.DeviceQueue(device=each.device, sweeps=each.sweeps) for each in changed]
        )

    @single_reply
    async def RetrySweep(self, request: pb.SweepRequest) -> pb.Sweep:  # noqa: N802
        sweep = await submission.check_submitter(self._context, peer_now(), request.sweep)
        return convert.sweep_to_proto(await sweeps.retry(self._context, sweep))

    @single_reply
    async def DeleteSweep(self, request: pb.SweepRequest) -> pb.DeleteSweepReply:  # noqa: N802
        sweep = await submission.check_submitter(self._context, peer_now(), request.sweep)
        deleted = await sweeps.delete(self._context, sweep)
        return pb.DeleteSweepReply(runs=deleted.runs, files=deleted.files)

    @stream_of_replies
    async def PullReport(self, request: pb.SweepRequest) -> AsyncIterator[pb.FilePart]:  # noqa: N802
        name, path = await reports.report_file(self._context, request.sweep)
        try:
            async for part in file_parts(name, path):
                yield convert.file_part_to_proto(part)
        finally:
            path.unlink(missing_ok=True)

    @stream_of_replies
    async def PullSamples(self, request: pb.SweepRequest) -> AsyncIterator[pb.FilePart]:  # noqa: N802
        async for name, path in reports.sample_files(self._context, request.sweep):
            async for part in file_parts(name, path):
                yield convert.file_part_to_proto(part)

    @single_reply
    async def RebuildReport(self, request: pb.RebuildReportRequest) -> pb.RebuildReportReply:  # noqa: N802
        sweep = await submission.check_submitter(self._context, peer_now(), request.sweep)
        rebuilt = await reports.rebuild(self._context, sweep, request.engine)
        return pb.RebuildReportReply(
            runs=rebuilt.runs,
            changed=rebuilt.changed,
            rule_version=rebuilt.rule_version,
            faults=rebuilt.faults,
            kept=rebuilt.kept,
        )

    @single_reply
    async def CreateSearch(self, request: pb.CreateSearchRequest) -> pb.Search:  # noqa: N802
        new = convert_searches.new_search_from_proto(request)
        made = await searches.create(self._context, request.request_id, new, peer_now().subject)
        return convert_searches.search_to_proto(made)

    @single_reply
    async def ListSearches(self, _: Any) -> pb.ListSearchesReply:  # noqa: N802
        listed = await searches.list_searches(self._context)
        return pb.ListSearchesReply(searches=[convert_searches.search_to_proto(each) for each in listed])

    @single_reply
    async def ShowSearch(self, request: pb.SearchRequest) -> pb.ShowSearchReply:  # noqa: N802
        return convert_searches.search_detail_to_proto(await searches.show(self._context, request.search))

    @single_reply
    async def ChangeSearch(self, request: pb.ChangeSearchRequest) -> pb.Search:  # noqa: N802
        asked = (peer_now(), request.search, request.state, request.reason)
        return convert_searches.search_to_proto(await searches.change(self._context, *asked))

    @single_reply
    async def RecordTrials(self, request: pb.RecordTrialsRequest) -> pb.Search:  # noqa: N802
        record = convert_searches.record_from_proto(request)
        changed = await searches.record(self._context, peer_now(), request.search, record)
        return convert_searches.search_to_proto(changed)

    @single_reply
    async def DeleteSearch(self, request: pb.SearchRequest) -> pb.Search:  # noqa: N802
        deleted = await searches.delete(self._context, peer_now(), request.search)
        return convert_searches.search_to_proto(deleted)

    @single_reply
    async def OpenPage(self, _: Any) -> pb.OpenPageReply:  # noqa: N802
        address, token = page_access.make_link(self._context, peer_now())
        return pb.OpenPageReply(address=address, token=token)
