"""A real collector process with one agent's calls, for tests that are rude to it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import onnx
import pyarrow.parquet as pq
from onnx import TensorProto, helper
from paretofleet_collector.config import socket_path
from paretofleet_collector.identity import authority
from paretofleet_collector.model.entities import AttemptKey
from paretofleet_proto.v1 import control_pb2 as control
from paretofleet_proto.v1 import control_pb2_grpc, fleet_pb2_grpc, join_pb2, join_pb2_grpc
from paretofleet_proto.v1 import fleet_pb2 as fleet
from rig import end_of, samples_of


@dataclass
class LiveCollector:
    """`paretofleet collector serve` on a free port of loopback; its log goes to a file of its home."""

    home: Path
    address: str = ""
    #: Where devices and people join; empty without an identity.
    join_address: str = ""
    process: subprocess.Popen[str] = field(init=False)
    channel: grpc.Channel = field(init=False)

    def start(self, *, with_identity: bool = False) -> None:
        """Starts it; `with_identity` it is spoken to by its local socket, and has a join server."""
        command = [sys.executable, "-m", "paretofleet_collector", "collector", "serve"]
        if with_identity:
            authority.add(self.home, authority.make_authority("c"))
        with (self.home / "log").open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--home", str(self.home), "--listen", "127.0.0.1:0"],
                stdout=log,
                stderr=log,
                text=True,
                env={
                    **os.environ,
                    "PARETOFLEET_COLLECTOR_DISK_LOW_BYTES": "1000000",
                    "PARETOFLEET_COLLECTOR_JOIN_LISTEN": "127.0.0.1:0",
                },
            )
        endpoint = self.home / "endpoint"
        for _ in range(1200):
            if self.process.poll() is not None or endpoint.exists():
                break
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        assert endpoint.exists(), self.log()
        self.address = endpoint.read_text().strip()
        if with_identity:
            self.address = f"unix:{socket_path(self.home)}"
            self.join_address = (self.home / "join-endpoint").read_text().strip()
        self.channel = grpc.insecure_channel(self.address)

    def join_channel(self) -> grpc.Channel:
        """A new connection to the join server, whichever authority it has by now."""
        roots = b"".join(path.read_bytes() for path in self.home.glob("identity/**/*.pem"))
        options = [("grpc.ssl_target_name_override", authority.SERVER_NAME)]
        return grpc.secure_channel(self.join_address, grpc.ssl_channel_credentials(roots), options=options)

    @contextmanager
    def channel_to(self, method: str, channel: grpc.Channel) -> Iterator[grpc.Channel]:
        """Where a method, by its full name, is served: `channel`, or the join server."""
        if "Join/" not in method or not self.join_address:
            yield channel
            return
        with self.join_channel() as joining:
            yield joining

    def stop(self) -> int:
        self.channel.close()
        self.process.terminate()
        return self.process.wait(60)

    def log(self) -> str:
        return (self.home / "log").read_text()

    def fleet(self, channel: grpc.Channel | None = None) -> Any:
        return fleet_pb2_grpc.FleetStub(channel or self.channel)

    def control(self, channel: grpc.Channel | None = None) -> Any:
        return control_pb2_grpc.ControlStub(channel or self.channel)

    def joined(self, name: str, channel: grpc.Channel | None = None, instance: int = 1) -> fleet.Session:
        """The session of a device that has joined and said hello."""
        session = fleet.Session(
            device_id=f"id-{name}", instance=instance, session_id=f"session-{name}-{instance}"
        )
        stub = self.fleet(channel)
        stub.Join(fleet.JoinRequest(device_id=session.device_id, name=name, device_class="cpu"), timeout=60)
        inventory = fleet.Inventory(
            targets=[fleet.Target(target_id="cpu", alias="cpu")],
            runtimes=[fleet.Runtime(name="onnxruntime", version="1", target_ids=["cpu"])],
            cpus=[0, 1],
        )
        stub.Hello(
            fleet.HelloRequest(session=session, wire_version=1, inventory=inventory, device_class="cpu"),
            timeout=60,
        )
        return session

    def granted(self, session: fleet.Session, device: str) -> fleet.Grant:
        """A run of a new sweep, leased to the device."""
        x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in "xy")
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], device, [x], [y])
        data = helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)]).SerializeToString()
        header = control.AddModelHeader(
            model=device, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
        )
        parts = [control.AddModelRequest(header=header), control.AddModelRequest(data=data)]
        self.control().AddModel(iter(parts), timeout=60)
        spec = {"models": [device], "devices": [device], "protocol": "quick", "repeats": 1}
        self.control().SubmitSweep(
            control.SubmitSweepRequest(
                request_id=device, spec_json=json.dumps({**spec, "name": f"of-{device}"})
            ),
            timeout=60,
        )
        for _ in range(100):
            reply = self.fleet().Lease(fleet.LeaseRequest(session=session), timeout=60)
            if reply.HasField("grant"):
                return reply.grant
        raise AssertionError("no run was granted")

    def upload(self, session: fleet.Session, grant: fleet.Grant) -> set[int]:
        """Uploads the attempt as it should be; the verdicts."""
        key = AttemptKey(grant.attempt.run_id, grant.attempt.attempt)
        made = samples_of(key, chunks=4, each=10)
        requests = [fleet.UploadRequest(session=session)]
        names = ("stream", "seq", "schema", "n", "columns", "crc32")
        for chunk in made:
            fields = {name: getattr(chunk, name) for name in names}
            requests.append(fleet.UploadRequest(chunk=fleet.Chunk(attempt=grant.attempt, **fields)))
        end = end_of(key, made)
        requests.append(
            fleet.UploadRequest(
                end=fleet.AttemptEnd(
                    attempt=grant.attempt, chunks=end.chunks, ok=True, facts_json=end.facts_json
                )
            )
        )
        return {reply.verdict for reply in self.fleet().Upload(iter(requests), timeout=60)}

    def sealed(self, sweep: str) -> list[str]:
        """Waits until a run of a sweep is sealed; the streams of its samples, one for each sample."""
        request = control.SweepRequest(sweep=sweep)
        for _ in range(600):
            shown = self.control().ShowSweep(request, timeout=60).sweep
            if shown.runs_by_state.get("sealed"):
                break
            time.sleep(0.1)
        assert shown.runs_by_state.get("sealed") == 1, f"{shown}\n{self.log()[-3000:]}"
        report = b"".join(part.data for part in self.control().PullReport(request, timeout=60))
        assert pq.read_table(io.BytesIO(report)).num_rows == 1
        data = b"".join(part.data for part in self.control().PullSamples(request, timeout=60))
        return [str(row["stream"]) for row in pq.read_table(io.BytesIO(data)).to_pylist()]

    def state(self) -> tuple[Any, ...]:
        """What no refused request may change: who is there, models, sweeps."""
        devices = [
            (device.name, device.device_class, dict(device.labels))
            for device in self.control().ListDevices(control.ListDevicesRequest(), timeout=60).devices
            if device.name != "bystander"
        ]
        models = self.control().ListModels(control.ListModelsRequest(), timeout=60).variants
        sweeps = self.control().ListSweeps(control.ListSweepsRequest(), timeout=60).sweeps
        access = join_pb2_grpc.AccessStub(self.channel)
        tokens = access.ListTokens(join_pb2.ListTokensRequest(), timeout=60).tokens
        users = access.ListUsers(join_pb2.ListUsersRequest(), timeout=60).users
        known = [token.token_id for token in tokens], [user.name for user in users]
        authorities = sorted(path.name for path in self.home.glob("identity/**/*.pem"))
        return (
            devices,
            [model.sha256 for model in models],
            [(each.name, each.state) for each in sweeps],
            known,
            authorities,
        )
