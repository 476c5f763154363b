"""The command's side of the control service: plain calls, plain errors.

Every method raises Unreachable when no collector answers, NotFound, Taken or Refused with the collector's
own sentence when it says no, and CollectorError for the rest.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from paretofleet_proto.v1 import control_pb2 as pb
from paretofleet_proto.v1 import control_pb2_grpc

from paretofleet_collector.config import UNIX
from paretofleet_collector.errors import CollectorError, Refused, Unreachable, misused
from paretofleet_collector.model import views
from paretofleet_collector.model.entities import Refusal, Variant
from paretofleet_collector.model.inputs import InputFile
from paretofleet_collector.model.messages import GivenFacts, NewModel
from paretofleet_collector.rpc import login, tls_probe
from paretofleet_collector.rpc.convert import control as convert
from paretofleet_collector.rpc.convert import models
from paretofleet_collector.rpc.downloads import place_below, receive_files
from paretofleet_collector.rpc.statuses import error_of

T = TypeVar("T")

#: Seconds until an ordinary call is given up, and a call that computes or builds on the collector.
CALL_S = 30.0
WORK_S = 3600.0
#: Seconds in which a watched sweep outlives the absence of its collector.
AWAY_S = 120.0
UPLOAD_BYTES = 1024 * 1024
NAME_LETTERS = 100


class Client:
    """A connection to the collector at `address` ("HOST:PORT" or "unix:/PATH"); a context manager."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        is_socket = address.startswith(f"{UNIX}/")
        if not is_socket and (not host or not port.isdigit() or not 0 < int(port) < 65536):
            raise misused(
                f"'{address}' is not an address of a collector; write HOST:PORT, as in 127.0.0.1:7411, or "
                f"{UNIX}/PATH for the local socket."
            )
        self.address = address
        self._channel = login.connect(address)
        self._stub: Any = control_pb2_grpc.ControlStub(self._channel)  # type: ignore[no-untyped-call]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def list_devices(self) -> tuple[views.DeviceView, ...]:
        """Every device that joined, removed ones too."""
        reply = self._call(lambda: self._stub.ListDevices(pb.ListDevicesRequest(), timeout=CALL_S))
        return tuple(convert.device_from_proto(device) for device in reply.devices)

    def change_device(
        self, device: str, action: str, labels: Mapping[str, str] | None = None
    ) -> views.DeviceView:
        """Pauses, resumes or labels a device, named by its name or id."""
        request = pb.ChangeDeviceRequest(device=device, action=action, labels=dict(labels or {}))
        return convert.device_from_proto(self._call(lambda: self._stub.ChangeDevice(request, timeout=CALL_S)))

    def approve_device(self, device: str, name: str) -> views.DeviceView:
        """Lets a device in that waits, named by what it asked for or its fingerprint; `name` may be empty."""
        request = pb.ChangeDeviceRequest(device=device, action="approve", name=name)
        return convert.device_from_proto(self._call(lambda: self._stub.ChangeDevice(request, timeout=CALL_S)))

    def remove_device(self, device: str, *, force: bool) -> views.DeviceView:
        """Removes a device, named by its name or id; one that is online only by `force`."""
        request = pb.ChangeDeviceRequest(device=device, action="remove", force=force)
        return convert.device_from_proto(self._call(lambda: self._stub.ChangeDevice(request, timeout=CALL_S)))

    def rename_device(self, device: str, name: str) -> views.DeviceView:
        """Calls a device, named by its name or id, by another `name`."""
        request = pb.ChangeDeviceRequest(device=device, action="rename", name=name)
        return convert.device_from_proto(self._call(lambda: self._stub.ChangeDevice(request, timeout=CALL_S)))

    def open_page(self) -> tuple[str, str]:
        """HOST:PORT of the live page, and a token that opens it once."""
        reply = self._call(lambda: self._stub.OpenPage(pb.OpenPageRequest(), timeout=CALL_S))
        return reply.address, reply.token

    def list_models(self) -> tuple[Variant, ...]:
        """Every variant, with the networks of the zoo that are not built yet."""
        reply = self._call(lambda: self._stub.ListModels(pb.ListModelsRequest(), timeout=CALL_S))
        return tuple(models.variant_from_proto(variant) for variant in reply.variants)

    def list_evaluations(self, variants: Iterable[str]) -> tuple[views.Evaluation, ...]:
        """The accuracies that devices measured of `variants`, by SHA-256, the newest first."""
        request = pb.ListEvaluationsRequest(sha256=variants)
        reply = self._call(lambda: self._stub.ListEvaluations(request, timeout=CALL_S))
        return tuple(models.evaluation_from_proto(each) for each in reply.evaluations)

    def add_model(self, path: Path, new: NewModel, sent: Callable[[int, int], None] | None = None) -> Variant:
        """Uploads the ONNX file at `path` as the model `new`; `sent(bytes, all bytes)` hears of the progress.

        The size and the SHA-256 of `new` are those of the file, whatever stands there.
        """
        size, sha256 = path.stat().st_size, sha256_of(path)
        header = models.new_model_to_proto(replace(new, size_bytes=size, sha256=sha256))

        def requests() -> Iterator[pb.AddModelRequest]:
            yield pb.AddModelRequest(header=header)
            done = 0
            for block in _blocks(path):
                yield pb.AddModelRequest(data=block)
                done += len(block)
                if sent:
                    sent(done, size)

        return models.variant_from_proto(self._call(lambda: self._stub.AddModel(requests(), timeout=WORK_S)))

    def add_inputs(self, path: Path, name: str, sent: Callable[[int, int], None] | None = None) -> InputFile:
        """Uploads an .npz of samples, called `name`, unless it is there; `sent` as in `add_model`."""
        size, sha256 = path.stat().st_size, sha256_of(path)

        def requests() -> Iterator[pb.AddInputsRequest]:
            header = pb.AddInputsHeader(name=name[-NAME_LETTERS:], size_bytes=size, sha256=sha256)
            yield pb.AddInputsRequest(header=header)
            done = 0
            for block in _blocks(path):
                yield pb.AddInputsRequest(data=block)
                done += len(block)
                if sent:
                    sent(done, size)

        reply = self._call(lambda: self._stub.AddInputs(requests(), timeout=WORK_S))
        return models.input_file_from_proto(reply)

    def add_zoo_model(self, name: str) -> Variant:
        """Has the collector build a network of the zoo, or returns the one that is there."""
        request = pb.AddZooModelRequest(name=name)
        return models.variant_from_proto(self._call(lambda: self._stub.AddZooModel(request, timeout=WORK_S)))

    def change_model(self, model: str, action: str, given: GivenFacts | None = None) -> Variant:
        """Does an `action`, set or remove, to a stored model; `given`: what `set` says of it."""
        request = models.given_facts_to_proto(model, action, given or GivenFacts())
        return models.variant_from_proto(self._call(lambda: self._stub.ChangeModel(request, timeout=CALL_S)))

    def make_variant(self, model: str, recipe_json: str, name: str = "") -> Variant:
        """Has the collector make a variant of a stored model, or returns the one that was made so before."""
        request = pb.MakeVariantRequest(model=model, recipe_json=recipe_json, name=name)
        return models.variant_from_proto(self._call(lambda: self._stub.MakeVariant(request, timeout=WORK_S)))

    def plan_sweep(self, spec_json: str) -> views.PlanView:
        """What the specification would run; nothing is stored."""
        request = pb.PlanSweepRequest(spec_json=spec_json)
        reply = self._call(lambda: self._stub.PlanSweep(request, timeout=WORK_S))
        return convert.plan_from_proto(reply)

    def submit_sweep(
        self, spec_json: str, request_id: str | None = None, *, keep_name: bool = False
    ) -> tuple[views.SweepView, tuple[Refusal, ...]]:
        """Submits the specification; a broken connection is tried again under the same request id.

        Raises Taken where its name is, if a user chose it: `keep_name`; else it gets a number.
        """
        request = pb.SubmitSweepRequest(
            request_id=request_id or uuid.uuid4().hex, spec_json=spec_json, keep_name=keep_name
        )
        for wait_s in (0.5, 2.0, None):
            try:
                reply = self._call(lambda: self._stub.SubmitSweep(request, timeout=WORK_S))
                break
            except Unreachable:
                if wait_s is None:
                    raise
                time.sleep(wait_s)
        return convert.sweep_from_proto(reply.sweep), convert.refusals_from_proto(reply.refusals)

    def list_sweeps(
        self, states: Sequence[str] = (), labels: Sequence[str] = (), last: int = 0
    ) -> tuple[views.SweepView, ...]:
        """Every sweep; only those in one of `states`, with all of `labels`, of these the `last` so many."""
        request = pb.ListSweepsRequest(states=states, labels=labels, last=last)
        reply = self._call(lambda: self._stub.ListSweeps(request, timeout=CALL_S))
        return tuple(convert.sweep_from_proto(sweep) for sweep in reply.sweeps)

    def show_sweep(self, sweep: str) -> views.SweepDetail:
        """A sweep with the state of its configurations."""
        request = pb.SweepRequest(sweep=sweep)
        return convert.sweep_detail_from_proto(
            self._call(lambda: self._stub.ShowSweep(request, timeout=CALL_S))
        )

    def watch_sweep(
        self, sweep: str, *, away: Callable[[str], None] | None = None
    ) -> Iterator[views.SweepProgress]:
        """Yields the state now and after every change, until the sweep has ended.

        When the collector goes away in the middle, `away(address)` is told once and the watch goes on when
        it is back; after AWAY_S seconds without it Unreachable is raised.
        """
        seen = False
        gone_since: float | None = None
        while True:
            try:
                for message in self._stream(lambda: self._stub.WatchSweep(pb.SweepRequest(sweep=sweep))):
                    seen, gone_since = True, None
                    yield convert.sweep_progress_from_proto(message)
            except Unreachable:
                now = time.monotonic()
                if not seen or (gone_since is not None and now - gone_since > AWAY_S):
                    raise
                if gone_since is None:
                    gone_since = now
                    if away:
                        away(self.address)
                time.sleep(1.0)
            else:
                return

    def cancel_sweep(self, sweep: str) -> views.SweepView:
        """Cancels what has not ended."""
        request = pb.SweepRequest(sweep=sweep)
        return convert.sweep_from_proto(self._call(lambda: self._stub.CancelSweep(request, timeout=CALL_S)))

    def pause_sweep(self, sweep: str) -> views.SweepView:
        """Has nothing further of a sweep begun; what runs is finished."""
        request = pb.SweepRequest(sweep=sweep)
        return convert.sweep_from_proto(self._call(lambda: self._stub.PauseSweep(request, timeout=CALL_S)))

    def resume_sweep(self, sweep: str) -> views.SweepView:
        """Lets a paused sweep go on."""
        request = pb.SweepRequest(sweep=sweep)
        return convert.sweep_from_proto(self._call(lambda: self._stub.ResumeSweep(request, timeout=CALL_S)))

    def skip_sweep(self, sweep: str, device: str) -> views.SweepView:
        """Skips what a `device` has left of a sweep; `retry_sweep` takes it up again."""
        request = pb.SkipSweepRequest(sweep=sweep, device=device)
        return convert.sweep_from_proto(self._call(lambda: self._stub.SkipSweep(request, timeout=CALL_S)))

    def prioritise_sweeps(
        self, sweeps: Sequence[str], device: str = "", *, last: bool = False
    ) -> tuple[views.DeviceQueue, ...]:
        """Puts `sweeps`, in this order, first or `last` in the queue of a `device`, or of all of theirs."""
        request = pb.PrioritiseSweepsRequest(sweeps=sweeps, device=device, last=last)
        reply = self._call(lambda: self._stub.PrioritiseSweeps(request, timeout=CALL_S))
        return tuple(views.DeviceQueue(each.device, tuple(each.sweeps)) for each in reply.queues)

    def retry_sweep(self, sweep: str) -> views.SweepView:
        """Makes the failed and cancelled runs pending again."""
        request = pb.SweepRequest(sweep=sweep)
        return convert.sweep_from_proto(self._call(lambda: self._stub.RetrySweep(request, timeout=CALL_S)))

    def delete_sweep(self, sweep: str) -> views.Deleted:
        """Deletes a sweep with its runs and samples."""
        reply = self._call(lambda: self._stub.DeleteSweep(pb.SweepRequest(sweep=sweep), timeout=WORK_S))
        return views.Deleted(reply.runs, reply.files)

    def pull_report(self, sweep: str, target: Path) -> Path:
        """Writes the aggregated report to `target`, whole or not at all."""
        parts = self._stream(lambda: self._stub.PullReport(pb.SweepRequest(sweep=sweep), timeout=WORK_S))
        written = receive_files(map(convert.file_part_from_proto, parts), lambda _: target)
        if not written:
            raise CollectorError(f"The collector sent no report of {sweep}; nothing was written.")
        return written[0]

    def pull_samples(self, sweep: str, folder: Path) -> list[Path]:
        """Writes the sealed samples below `folder`; returns the files written."""
        parts = self._stream(lambda: self._stub.PullSamples(pb.SweepRequest(sweep=sweep), timeout=WORK_S))
        return receive_files(map(convert.file_part_from_proto, parts), place_below(folder))

    def rebuild_report(self, sweep: str, engine: str) -> views.Rebuilt:
        """Has every summary computed again from the stored samples, by the `engine` of that name."""
        request = pb.RebuildReportRequest(sweep=sweep, engine=engine)
        reply = self._call(lambda: self._stub.RebuildReport(request, timeout=WORK_S))
        return views.Rebuilt(reply.runs, reply.changed, reply.rule_version, tuple(reply.faults), reply.kept)

    def _call(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except grpc.RpcError as error:
            raise self._error_of(error) from None

    def _stream(self, call: Callable[[], Iterable[T]]) -> Iterator[T]:
        try:
            yield from call()
        except grpc.RpcError as error:
            raise self._error_of(error) from None

    def _error_of(self, failure: Any) -> CollectorError:
        """What a failed call means; where TLS may have refused without a word, why."""
        error = error_of(failure, self.address)
        if not isinstance(error, Unreachable) or self.address.startswith(UNIX):
            return error
        joined = login.stored(self.address)
        why = (
            tls_probe.diagnosis(self.address)
            if joined is None
            else tls_probe.diagnosis(
                self.address, joined.authorities_pem, joined.key_pem + joined.certificate_pem
            )
        )
        return Refused(why) if why else error


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file `path` in hex; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(UPLOAD_BYTES):
            yield block
