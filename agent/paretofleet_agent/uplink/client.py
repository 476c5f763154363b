"""The agent's side of the wire: one channel, its calls, and what their failures mean."""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import threading
from typing import Any, Callable, Iterable, Iterator

import grpc
from paretofleet_proto.v1 import fleet_pb2 as pb
from paretofleet_proto.v1 import fleet_pb2_grpc

from paretofleet_agent.config import Config
from paretofleet_agent.errors import AttemptFailed, PfError, Refused, Unreachable
from paretofleet_agent.model import AttemptEnd, AttemptKey, Chunk, Inventory
from paretofleet_agent.uplink import wire
from paretofleet_agent.uplink.identity import Identity

log = logging.getLogger(__name__)

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
#: Answers that another try, later or after a new hello, may change. All others are for good.
PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DATA_LOSS,
    }
)


def as_refusal(error: grpc.RpcError, address: str) -> Refused | Unreachable:
    """What a failed hello means: refused for good, in the collector's words, or not reached for now."""
    code, details = error.code(), (error.details() or "").strip()
    if code in PASSING:
        return as_unreachable(error, address)
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return Refused(f"What answers at {address} is no paretofleet collector, or too old a one.")
    return Refused(details or f"The collector at {address} refused with {code.name.lower()} and no reason.")


def as_unreachable(error: grpc.RpcError, address: str) -> Unreachable:
    """What a failed call after the hello means: say hello again, which tells whether it is for good."""
    details = (error.details() or "").strip()
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        # The last part of a chain such as "failed to connect to all addresses; ...: Connection refused".
        why = details.rsplit(": ", 1)[-1]
        return Unreachable(
            f"The collector at {address} cannot be reached ({why}): does it run, and is the tunnel open?"
        )
    return Unreachable(f"The collector at {address} cannot serve this agent now: {details}")


def as_missing(error: grpc.RpcError, address: str) -> AttemptFailed | Unreachable:
    """What a failed download means: there is no such model, or the collector was not reached."""
    if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OUT_OF_RANGE):
        return AttemptFailed("model_unavailable", error.details() or "The collector has no such model.")
    return as_unreachable(error, address)


class Link:
    """A channel to one collector, for several threads. Calls raise Unreachable, `hello` also Refused."""

    def __init__(self, config: Config, identity: Identity, inventory: Inventory) -> None:
        self._config = config
        self._identity = identity
        self._inventory = inventory
        self._session = wire.session(identity)
        self._lock = threading.Lock()
        self._lost = False
        self._channel, self._stub = self._open()

    def close(self) -> None:
        """Ends every call and the connection."""
        self._channel.close()

    def hello(self, held: Iterable[AttemptKey]) -> wire.Welcome:
        """Joins (which changes nothing when done before) and opens the session again, naming what is held."""
        self._renew()
        join = wire.join_request(self._identity, self._config)
        hello = wire.hello_request(self._identity, self._config, self._inventory, held)
        with self._calling(as_refusal) as stub:
            stub.Join(join, timeout=CALL_S)
            return wire.welcome(stub.Hello(hello, timeout=CALL_S))

    def lease(self) -> wire.Answer:
        """The next run, or how long to wait before asking again, or that the device shall reboot."""
        with self._calling() as stub:
            return wire.answer_of(stub.Lease(pb.LeaseRequest(session=self._session), timeout=CALL_S))

    def progress(
        self, held: Iterable[AttemptKey], running: AttemptKey | None, phase: str, iterations: int
    ) -> dict[AttemptKey, wire.Held]:
        """Renews leases; says how far the running attempt is; learns what to give up."""
        request = pb.ProgressRequest(
            session=self._session,
            held=[wire.ref(key) for key in held],
            running=wire.ref(running) if running else None,
            phase=phase,
            iterations=iterations,
        )
        with self._calling() as stub:
            return wire.held_of(stub.Progress(request, timeout=CALL_S).held)

    def fetch_model(self, sha256: str, offset: int) -> Iterator[bytes]:
        """The bytes of a model file from `offset`. Raises AttemptFailed when the collector has it not."""
        request = pb.FetchModelRequest(session=self._session, sha256=sha256, offset=offset)
        with self._calling(as_missing) as stub:
            for part in stub.FetchModel(request, timeout=FETCH_S):
                yield part.data

    def upload(self, ack_s: float = ACK_S) -> UploadStream:
        """Opens the stream of chunks and ends; without an answer for `ack_s` it is given up."""
        with self._calling() as stub:
            lost = functools.partial(self._note_loss, stub)
            return UploadStream(stub.Upload, self._session, self._config.collector, ack_s=ack_s, lost=lost)

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


class UploadStream:
    """One bidirectional upload: `send` never waits, `receive` waits for the next answer at most ACK_S."""

    def __init__(
        self,
        method: Callable[..., Any],
        session: pb.Session,
        address: str,
        *,
        ack_s: float,
        lost: Callable[[], None],
    ) -> None:
        self._address = address
        self._ack_s = ack_s
        self._lost = lost
        self._session: pb.Session | None = session
        self._outgoing: queue.Queue[pb.UploadRequest | None] = queue.Queue()
        self._incoming: queue.Queue[pb.UploadReply | grpc.RpcError | None] = queue.Queue()
        self._call = method(iter(self._outgoing.get, None))
        threading.Thread(target=self._read, name="upload-replies", daemon=True).start()

    def send_chunk(self, chunk: Chunk) -> None:
        """Hands a chunk to the stream."""
        self._send(wire.upload_of_chunk(chunk))

    def send_end(self, end: AttemptEnd) -> None:
        """Hands an attempt's end to the stream."""
        self._send(wire.upload_of_end(end))

    def receive(self) -> wire.Reply:
        """The next answer. Raises Unreachable, also when none comes in time."""
        try:
            reply = self._incoming.get(timeout=self._ack_s)
        except queue.Empty:
            self._lost()
            self.close()
            raise Unreachable(
                f"The collector at {self._address} acknowledged nothing for {self._ack_s:g} s."
            ) from None
        if reply is None:
            raise Unreachable(f"The collector at {self._address} ended the upload.")
        if isinstance(reply, grpc.RpcError):
            self._lost()
            raise as_unreachable(reply, self._address) from reply
        return wire.reply_of(reply)

    def close(self) -> None:
        """Ends the stream at once; what was not answered counts as not sent."""
        self._outgoing.put(None)
        self._call.cancel()

    def _send(self, request: pb.UploadRequest) -> None:
        if self._session is not None:
            request.session.CopyFrom(self._session)
            self._session = None
        self._outgoing.put(request)

    def _read(self) -> None:
        try:
            for reply in self._call:
                self._incoming.put(reply)
        except grpc.RpcError as error:
            self._incoming.put(error)
        else:
            self._incoming.put(None)
