"""The agent's calls to the collector over one channel, which is renewed when the connection was lost."""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import Callable, Iterable, Iterator

import grpc
from paretofleet_proto.v1 import fleet_pb2 as pb
from paretofleet_proto.v1 import fleet_pb2_grpc

from paretofleet_agent.config import Config
from paretofleet_agent.errors import PfError, Unreachable
from paretofleet_agent.model import AttemptKey, Inventory
from paretofleet_agent.uplink import identity, wire
from paretofleet_agent.uplink.call_errors import as_missing, as_refusal, as_unreachable
from paretofleet_agent.uplink.identity import Identity
from paretofleet_agent.uplink.replies import AttemptStatus, LeaseReply, Welcome
from paretofleet_agent.uplink.upload_stream import UploadStream

CALL_S = 10.0
FETCH_S = 120.0
#: Without an acknowledgement for so long, with something sent, the stream is given up.
ACK_S = 15.0
OPTIONS = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # The answer to a keepalive ping is awaited for this long, 60 s if unset, whatever keepalive_timeout says.
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Between tries to connect; the daemon waits with jitter of its own.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Two agents of one process, or a channel and the one after it, share no connection.
    ("grpc.use_local_subchannel_pool", 1),
    # A proxy named in the environment is never meant for the collector of this network.
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_send_message_length", 8 << 20),
    ("grpc.max_receive_message_length", 8 << 20),
)


class CollectorClient:
    """A channel to one collector, for several threads. Calls raise Unreachable, `hello` also Refused."""

    def __init__(self, config: Config, agent: Identity, inventory: Inventory) -> None:
        self._config = config
        self._identity = agent
        self._inventory = inventory
        self._lock = threading.Lock()
        self._lost = False
        self._channel, self._stub = self._open()

    def close(self) -> None:
        """Ends every call and the connection."""
        self._channel.close()

    def hello(self, attempts: Iterable[AttemptKey], collector_id: str = "") -> Welcome:
        """Joins (which changes nothing when done before) and opens the session again.

        `attempts` are those that run or are in the spool, for the collector `collector_id`: another one opens
        no session, and only its id is in the answer. Empty: any collector.
        """
        self._renew()
        join = wire.join_to_proto(self._identity, self._config)
        with self._calling(as_refusal) as stub:
            if not self._identity.uploads_only:
                self._take_place(stub.Join(join, timeout=CALL_S).device_id)
            hello = wire.hello_to_proto(self._identity, self._config, self._inventory, attempts, collector_id)
            return wire.welcome_from_proto(stub.Hello(hello, timeout=CALL_S))

    def listen(self) -> Iterator[None]:
        """Yields whenever there may be a run, at once for the first time; ends with the connection."""
        request = pb.ListenRequest(session=wire.session_to_proto(self._identity))
        with self._calling() as stub:
            for _ in stub.Listen(request):
                yield

    def lease(self, *, listens: bool = False) -> LeaseReply:
        """The next run, or how long to wait before asking again, or that the device shall reboot.

        An agent that `listens` need not ask again soon.
        """
        request = pb.LeaseRequest(session=wire.session_to_proto(self._identity), listens=listens)
        with self._calling() as stub:
            return wire.lease_reply_from_proto(stub.Lease(request, timeout=CALL_S))

    def progress(
        self, attempts: Iterable[AttemptKey], running: AttemptKey | None, phase: str, iterations: int
    ) -> dict[AttemptKey, AttemptStatus]:
        """Renews the leases of `attempts` and of the `running` one, None when idle; returns their status.

        `phase` and `iterations` say how far the running one is.
        """
        request = wire.progress_to_proto(self._identity, attempts, running, phase, iterations)
        with self._calling() as stub:
            return wire.statuses_from_proto(stub.Progress(request, timeout=CALL_S).held)

    def fetch_model(self, sha256: str, offset: int) -> Iterator[bytes]:
        """The bytes of a model file from `offset`. Raises AttemptFailed when the collector has it not."""
        session = wire.session_to_proto(self._identity)
        request = pb.FetchModelRequest(session=session, sha256=sha256, offset=offset)
        with self._calling(as_missing) as stub:
            for part in stub.FetchModel(request, timeout=FETCH_S):
                yield part.data

    def upload(self, ack_s: float = ACK_S) -> UploadStream:
        """Opens the stream of chunks and ends; without an answer for `ack_s` seconds it is given up."""
        address = self._config.collector
        with self._calling() as stub:
            on_loss = functools.partial(self._note_loss, stub)
            return UploadStream(stub.Upload, self._identity, address, ack_s=ack_s, on_loss=on_loss)

    def _take_place(self, device_id: str) -> None:
        """Is another device from now on, where the collector says so; empty from older collectors."""
        if device_id and device_id != self._identity.device_id:
            self._identity = identity.adopt(self._config.home, self._identity, device_id)

    def _open(self) -> tuple[grpc.Channel, fleet_pb2_grpc.FleetStub]:
        channel = grpc.insecure_channel(self._config.collector, options=list(OPTIONS))
        return channel, fleet_pb2_grpc.FleetStub(channel)  # type: ignore[no-untyped-call]

    def _renew(self) -> None:
        """Takes a new channel when the connection was lost.

        The channel of grpcio 1.68 to 1.70, the last for Python 3.8, may never connect again after a refused
        connection; a new one does.
        """
        with self._lock:
            if self._lost:
                old = self._channel
                self._channel, self._stub = self._open()
                self._lost = False
                old.close()

    def _note_loss(self, stub: fleet_pb2_grpc.FleetStub) -> None:
        with self._lock:
            # An old stub's call may have failed just because a new channel was taken.
            if stub is self._stub:
                self._lost = True

    @contextlib.contextmanager
    def _calling(
        self, meaning: Callable[[grpc.RpcError, str], PfError] = as_unreachable
    ) -> Iterator[fleet_pb2_grpc.FleetStub]:
        """Lends the stub for one call and turns its failure into what it means."""
        stub = self._stub
        try:
            yield stub
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE or meaning is as_refusal:
                self._note_loss(stub)
            raise meaning(error, self._config.collector) from error
        except ValueError as error:
            # What grpc raises for a call on a channel that was closed meanwhile.
            raise Unreachable(f"The connection to {self._config.collector} was given up.") from error
