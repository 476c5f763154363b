"""The real collector in a process of its own, spoken to over gRPC, killed and started again."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import onnx
import pyarrow.parquet as pq
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from held_ports import hold_port, port_of
from onnx import TensorProto, helper
from paretofleet_collector.model.entities import AttemptKey, Chunk
from paretofleet_proto.v1 import control_pb2 as control
from paretofleet_proto.v1 import control_pb2_grpc, fleet_pb2_grpc
from paretofleet_proto.v1 import fleet_pb2 as fleet
from rig import end_of, samples_of

pytestmark = pytest.mark.system


@dataclass
class Server:
    """A collector that can be killed and started again on the same port."""

    home: Path
    port: int = 0
    held: socket.socket = field(init=False)
    process: subprocess.Popen[str] = field(init=False)
    channel: grpc.Channel = field(init=False)

    def start(self) -> None:
        if not self.port:
            self.held = hold_port()
            self.port = port_of(self.held)
        command = [sys.executable, "-m", "paretofleet_collector", "collector", "serve"]
        self.process = subprocess.Popen(
            [*command, "--home", str(self.home), "--listen", f"127.0.0.1:{self.port}"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PARETOFLEET_COLLECTOR_DISK_LOW_BYTES": "1000000"},
        )
        line = self.process.stderr.readline()
        assert line.startswith("listening on 127.0.0.1:"), line + self.process.stderr.read()
        self.port = int(line.rpartition(":")[2])
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        assert (self.home / "endpoint").read_text() == f"127.0.0.1:{self.port}\n"
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")

    def kill(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.channel.close()
        self.process.terminate()
        return self.process.wait(60)

    @property
    def fleet(self) -> Any:
        return fleet_pb2_grpc.FleetStub(self.channel)

    @property
    def control(self) -> Any:
        return control_pb2_grpc.ControlStub(self.channel)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("home"))
    made.start()
    yield made
    assert made.stop() == 0
    assert not (made.home / "endpoint").exists()


def tiny_onnx(size: int = 4) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", size])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", size])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    return onnx.helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString()


def add(server: Server, name: str, data: bytes, **header: Any) -> control.Variant:
    announced = {"model": name, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), **header}
    parts = [control.AddModelRequest(header=control.AddModelHeader(**announced))]
    parts += [control.AddModelRequest(data=data[at : at + 1000]) for at in range(0, len(data), 1000)]
    return server.control.AddModel(iter(parts), timeout=60)


def session_of(server: Server, name: str, instance: int = 1) -> fleet.Session:
    session = fleet.Session(device_id=f"id-{name}", instance=instance, session_id=f"session-{instance}")
    server.fleet.Join(fleet.JoinRequest(device_id=session.device_id, name=name, device_class="cpu"))
    hello(server, session)
    return session


def hello(server: Server, session: fleet.Session, *held: fleet.AttemptRef) -> fleet.HelloReply:
    inventory = fleet.Inventory(
        targets=[fleet.Target(target_id="cpu", alias="cpu")],
        runtimes=[fleet.Runtime(name="onnxruntime", version="1", target_ids=["cpu"])],
        cpus=[0, 1],
    )
    request = fleet.HelloRequest(
        session=session, wire_version=1, inventory=inventory, held=held, device_class="cpu"
    )
    return server.fleet.Hello(request, timeout=60)


def submit(server: Server, device: str, model: str, request_id: str) -> control.Sweep:
    spec = {"models": [model], "devices": [device], "protocol": "quick", "repeats": {"min": 1, "max": 1}}
    request = control.SubmitSweepRequest(request_id=request_id, spec_json=json.dumps(spec))
    return server.control.SubmitSweep(request, timeout=60).sweep


def message(chunk: Chunk) -> fleet.UploadRequest:
    ref = fleet.AttemptRef(run_id=chunk.key.run_id, attempt=chunk.key.attempt)
    return fleet.UploadRequest(
        chunk=fleet.Chunk(
            attempt=ref,
            stream=chunk.stream,
            seq=chunk.seq,
            schema=chunk.schema,
            n=chunk.n,
            columns=chunk.columns,
            crc32=chunk.crc32,
        )
    )


def end_message(key: AttemptKey, chunks: list[Chunk]) -> fleet.UploadRequest:
    end = end_of(key, chunks)
    ref = fleet.AttemptRef(run_id=key.run_id, attempt=key.attempt)
    return fleet.UploadRequest(
        end=fleet.AttemptEnd(attempt=ref, chunks=end.chunks, ok=end.ok, facts_json=end.facts_json)
    )


def status_of(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert "Traceback" not in caught.value.details()
    return caught.value.code(), caught.value.details()


def test_it_says_that_it_serves(server):
    stub = health_pb2_grpc.HealthStub(server.channel)
    deadline = time.monotonic() + 60
    while (reply := stub.Check(health_pb2.HealthCheckRequest(service="paretofleet.v1.Fleet"))).status != 1:
        assert time.monotonic() < deadline
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_what_cannot_start_says_why_in_one_sentence(server, tmp_path):
    def failing(home: Path, listen: str) -> str:
        command = [sys.executable, "-m", "paretofleet_collector", "collector", "serve"]
        done = subprocess.run(
            [*command, "--home", str(home), "--listen", listen],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        return done.stderr

    assert "SSH tunnel described in the README" in failing(tmp_path / "a", "0.0.0.0:7411")
    assert "A collector works in" in failing(server.home, "127.0.0.1:0")
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert f"Port {port}" in failing(tmp_path / "b", f"127.0.0.1:{port}")
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in failing(tmp_path / "file", "127.0.0.1:0")


def test_models_are_stored_whole_or_not_at_all(server):
    models = server.home / "lake" / "models"
    data = tiny_onnx()
    added = add(server, "relu", data)
    assert (added.model, added.stored, added.size_bytes) == ("relu", True, len(data))
    assert (models / f"{added.sha256}.onnx").read_bytes() == data
    assert add(server, "relu", data) == added
    before = sorted(models.iterdir())
    for header in ({"sha256": "0" * 64}, {"size_bytes": len(data) + 1}, {"model": "../x"}, {"top1": 50.0}):
        assert (
            status_of(lambda header=header: add(server, "other", tiny_onnx(5), **header))[0]
            is grpc.StatusCode.INVALID_ARGUMENT
        )
    assert status_of(lambda: add(server, "junk", b"\x80\x04junk" * 50))[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert status_of(lambda: add(server, "relu", tiny_onnx(6)))[0] is grpc.StatusCode.ALREADY_EXISTS
    assert status_of(lambda: add(server, "same", data))[0] is grpc.StatusCode.ALREADY_EXISTS
    assert (
        status_of(lambda: add(server, "x", tiny_onnx(7), variant_of="nope"))[0] is grpc.StatusCode.NOT_FOUND
    )
    assert sorted(models.iterdir()) == before
    assert list((server.home / "lake" / "tmp").iterdir()) == []


def test_errors_have_their_statuses(server):
    session = session_of(server, "status")
    copy = fleet.Session(device_id=session.device_id, instance=1, session_id="copy")
    assert status_of(lambda: hello(server, copy))[0] is grpc.StatusCode.PERMISSION_DENIED
    assert (
        status_of(lambda: server.fleet.Lease(fleet.LeaseRequest(session=copy)))[0] is grpc.StatusCode.ABORTED
    )
    request = fleet.JoinRequest(device_id="id-2", name="status", device_class="cpu")
    assert status_of(lambda: server.fleet.Join(request))[0] is grpc.StatusCode.ALREADY_EXISTS
    old = fleet.HelloRequest(session=session, wire_version=0, agent_version="0.0.1")
    code, text = status_of(lambda: server.fleet.Hello(old))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "pip install" in text
    assert (
        status_of(lambda: server.control.ShowSweep(control.SweepRequest(sweep="x")))[0]
        is grpc.StatusCode.NOT_FOUND
    )
    plan = control.PlanSweepRequest(spec_json="[")
    assert status_of(lambda: server.control.PlanSweep(plan))[0] is grpc.StatusCode.INVALID_ARGUMENT
    no_session = iter([fleet.UploadRequest()])
    assert status_of(lambda: list(server.fleet.Upload(no_session)))[0] is grpc.StatusCode.ABORTED


def test_a_message_that_is_too_large_is_refused_and_the_next_is_not(server):
    session = session_of(server, "large")
    big = fleet.UploadRequest(session=session, chunk=fleet.Chunk(columns=b"x" * (9 << 20)))
    code, _ = status_of(lambda: list(server.fleet.Upload(iter([big]))))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert server.fleet.Lease(fleet.LeaseRequest(session=session)).ask_again_s > 0


def test_a_model_is_fetched_from_an_offset(server):
    data = tiny_onnx(9)
    added = add(server, "fetched", data)
    session = session_of(server, "fetcher")
    for offset in (0, 10, len(data)):
        request = fleet.FetchModelRequest(session=session, sha256=added.sha256, offset=offset)
        assert b"".join(part.data for part in server.fleet.FetchModel(request)) == data[offset:]
    wrong = fleet.FetchModelRequest(session=session, sha256="0" * 64)
    assert status_of(lambda: list(server.fleet.FetchModel(wrong)))[0] is grpc.StatusCode.NOT_FOUND


def test_answers_come_in_order_and_an_upload_ends_with_a_sealed_run(server):
    add(server, "ordered", tiny_onnx(11))
    session = session_of(server, "orderly")
    sweep = submit(server, "orderly", "ordered", "request-ordered")
    watched = server.control.WatchSweep(control.SweepRequest(sweep=sweep.name), timeout=60)
    assert next(watched).sweep.state == "planned"
    grant = server.fleet.Lease(fleet.LeaseRequest(session=session)).grant
    key = AttemptKey(grant.attempt.run_id, grant.attempt.attempt)
    made = samples_of(key, chunks=50, each=100)
    requests = [message(one) for one in made] + [end_message(key, made)]
    requests[0].session.CopyFrom(session)
    replies = list(server.fleet.Upload(iter(requests), timeout=60))
    assert [(reply.stream, reply.seq) for reply in replies] == [
        *((one.stream, one.seq) for one in made),
        ("", 0),
    ]
    assert {reply.verdict for reply in replies} == {fleet.UploadReply.COMMITTED}
    events = [progress.event for progress in watched]
    assert any("sealed" in event for event in events)
    assert server.control.ShowSweep(control.SweepRequest(sweep=sweep.name)).sweep.state == "finished"


def pulled(server: Server, sweep: str) -> list[tuple[int, int]]:
    """Every iteration of a sweep, from the files that the command would get."""
    data, found = io.BytesIO(), []
    for part in server.control.PullSamples(control.SweepRequest(sweep=sweep), timeout=60):
        data.write(part.data)
        if part.is_last:
            assert part.sha256 == hashlib.sha256(data.getvalue()).hexdigest()
            table = pq.read_table(data)
            found += [
                (row["t_ns"], row["value"]) for row in table.to_pylist() if row["stream"] == "iterations"
            ]
            data = io.BytesIO()
    return found


def paused(
    requests: list[fleet.UploadRequest], count: int, gate: threading.Event
) -> Iterator[fleet.UploadRequest]:
    """The requests; after so many of them the rest waits for the gate."""
    yield from requests[:count]
    if count < len(requests):
        gate.wait()
        yield from requests[count:]


def test_killed_and_started_again_amid_uploads_every_sample_is_there_once(tmp_path):
    server = Server(tmp_path)
    server.start()
    add(server, "tiny", tiny_onnx())
    session = session_of(server, "box")
    sweep = submit(server, "box", "tiny", "request")
    grant = server.fleet.Lease(fleet.LeaseRequest(session=session)).grant
    key = AttemptKey(grant.attempt.run_id, grant.attempt.attempt)
    made = samples_of(key, chunks=1200, each=64)
    acknowledged: set[tuple[str, int]] = set()
    kills, is_killed = 0, True
    while is_killed:
        gate = threading.Event()
        try:
            is_killed = False
            held = hello(server, session, grant.attempt).held[0]
            marks = {mark.stream: mark.next_seq for mark in held.marks}
            for stream, seq in acknowledged:
                assert stream == "" or seq < marks[stream], "an acknowledged chunk is gone"
            # As after a restart that forgot every acknowledgement: some are sent again.
            rest = [one for one in made if one.seq >= max(0, marks.get(one.stream, 0) - 5)]
            requests = [message(one) for one in rest] + [end_message(key, made)]
            requests[0].session.CopyFrom(session)
            # What is killed has never got all of it, however slow this process is.
            sent = paused(requests, 300 if kills < 3 else len(requests), gate)
            for count, reply in enumerate(server.fleet.Upload(sent, timeout=60)):
                assert reply.verdict == fleet.UploadReply.COMMITTED, reply
                acknowledged.add((reply.stream, reply.seq))
                if kills < 3 and count == 50:
                    kills, is_killed = kills + 1, True
                    server.process.kill()
        except grpc.RpcError:
            is_killed = True
        finally:
            gate.set()
        if is_killed:  # also when every reply was under way already
            server.kill()
            server.start()
    assert kills == 3
    list(server.control.WatchSweep(control.SweepRequest(sweep=sweep.name), timeout=60))
    assert pulled(server, sweep.name) == [(number * 10_000_000, 10_000_000) for number in range(1200 * 64)]
    again = submit(server, "box", "tiny", "request")
    assert again.sweep_id == sweep.sweep_id
    assert server.stop() == 0


def test_killed_before_sealing_it_seals_after_the_start_and_its_workers_die_with_it(tmp_path):
    server = Server(tmp_path)
    server.start()
    add(server, "tiny", tiny_onnx())
    session = session_of(server, "box")
    sweep = submit(server, "box", "tiny", "request")
    grant = server.fleet.Lease(fleet.LeaseRequest(session=session)).grant
    key = AttemptKey(grant.attempt.run_id, grant.attempt.attempt)
    made = samples_of(key, chunks=3)
    requests = [message(one) for one in made] + [end_message(key, made)]
    requests[0].session.CopyFrom(session)
    list(server.fleet.Upload(iter(requests), timeout=60))
    children = _children(server.process.pid)
    os.kill(server.process.pid, signal.SIGKILL)
    server.kill()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in children):
        assert time.monotonic() < deadline, "a worker outlives its collector"
        time.sleep(0.05)
    (tmp_path / "lake" / "tmp" / "rest").write_bytes(b"half")
    (tmp_path / "lake" / "samples" / "unlisted.parquet").write_bytes(b"half")
    server.start()
    list(server.control.WatchSweep(control.SweepRequest(sweep=sweep.name), timeout=60))
    assert len(pulled(server, sweep.name)) == 30
    assert not (tmp_path / "lake" / "tmp" / "rest").exists()
    assert not (tmp_path / "lake" / "samples" / "unlisted.parquet").exists()
    assert server.stop() == 0


def _children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(path.parent.name))
    return found
