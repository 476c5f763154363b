"""The agent's calls to the collector over one channel, which is renewed when the connection was lost.

Of a fleet's several collectors it speaks to one; where that is lost, to the next.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from typing import Any, Callable, Iterable, Iterator, Mapping

import grpc
from paretofleet_proto.v1 import fleet_pb2 as pb
from paretofleet_proto.v1 import fleet_pb2_grpc

from paretofleet_agent.config import UNIX, Config
from paretofleet_agent.errors import PfError, Refused, Unreachable
from paretofleet_agent.model import AttemptKey, Inventory, LiveReading
from paretofleet_agent.uplink import credentials, identity, joining, tls_probe, wire
from paretofleet_agent.uplink.call_errors import as_missing, as_refusal, as_unreachable
from paretofleet_agent.uplink.channels import open_channel
from paretofleet_agent.uplink.identity import Identity
from paretofleet_agent.uplink.replies import AttemptStatus, LeaseReply, Welcome
from paretofleet_agent.uplink.upload_stream import UploadStream

log = logging.getLogger(__name__)

CALL_S = 10.0
FETCH_S = 120.0
#: Without an acknowledgement for so long, with something sent, the stream is given up.
ACK_S = 15.0


class CollectorClient:
    """A channel to one collector at a time, for several threads.

    Calls raise Unreachable, `hello` also Refused.
    """

    def __init__(
        self,
        config: Config,
        agent: Identity,
        inventory: Inventory,
        read_environment: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._read_environment = read_environment
        #: As the last hello said it.
        self._environment: Mapping[str, Any] | None = None
        self._config = config
        self._identity = agent
        self._inventory = inventory
        self._lock = threading.Lock()
        self._lost = False
        #: What the fleet calls this device, once it has said hello.
        self.fleet_name = config.name
        self._addresses = config.collector.split(",")
        self._credentials = credentials.load(config.home)
        self._retired: grpc.Channel | None = None
        self._channel, self._stub = self._open()

    @property
    def address(self) -> str:
        """Where the collector is that it speaks to now."""
        return self._addresses[0]

    def close(self) -> None:
        """Ends every call and the connection."""
        self._channel.close()
        if self._retired is not None:
            self._retired.close()

    def hello(self, attempts: Iterable[AttemptKey], collector_id: str = "") -> Welcome:
        """Joins (which changes nothing when done before) and opens the session again.

        `attempts` are those that run or are in the spool, for the collector `collector_id`: another one opens
        no session, and only its id is in the answer. Empty: any collector. A certificate that expired
        meanwhile is renewed.
        """
        held = tuple(attempts)
        self._renew()
        try:
            return self._hello(held, collector_id)
        except Refused as error:
            if not self._has_expired(error):
                raise
            self.renew_certificate()
            return self._hello(held, collector_id)
        except Unreachable:
            # TLS refuses without a word.
            why = self._why_unreachable()
            if why is None:
                raise
            raise why from None

    def _why_unreachable(self) -> PfError | None:
        return None if self.address.startswith(UNIX) else tls_probe.diagnosis(self.address, self._credentials)

    def _hello(self, attempts: Iterable[AttemptKey], collector_id: str) -> Welcome:
        join = wire.join_to_proto(self._identity, self._config)
        with self._calling(as_refusal) as stub:
            if not self._identity.uploads_only:
                joined = stub.Join(join, timeout=CALL_S)
                self.fleet_name = joined.name or self.fleet_name
                self._take_place(joined.device_id)
            environment = self._read_environment()
            hello = wire.hello_to_proto(self._identity, self._config, self._inventory, attempts, collector_id)
            wire.set_environment(hello, environment)
            reply = stub.Hello(hello, timeout=CALL_S)
            self._environment = environment
        if 0.0 < reply.renew_in_s < 1.0:
            self.renew_certificate()
        return wire.welcome_from_proto(reply)

    def has_other_environment(self) -> bool:
        """Whether the device's environment is another one than the last hello told."""
        return self._environment is not None and self._read_environment() != self._environment

    def renew_certificate(self) -> None:
        """Takes a new certificate, and a channel with it; what is under way on the old one goes on there.

        Where that fails the old one is kept, and the next heartbeat tries again.
        """
        if self._credentials is None:
            return
        try:
            made = joining.renew(self._channel, self.address, self._config.home, self._credentials)
        except PfError as error:
            log.warning("the certificate could not be renewed: %s", error)
            return
        log.info("the certificate was renewed")
        with self._lock:
            self._credentials = made
            if self._retired is not None:
                self._retired.close()
            self._retired = self._channel
            self._channel, self._stub = self._open()

    def _has_expired(self, refusal: Refused) -> bool:
        cause = refusal.__cause__
        is_unidentified = isinstance(cause, grpc.RpcError) and cause.code() == grpc.StatusCode.UNAUTHENTICATED
        return self._credentials is not None and is_unidentified

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
        self,
        attempts: Iterable[AttemptKey],
        running: AttemptKey | None,
        phase: str,
        iterations: int,
        live: LiveReading,
    ) -> dict[AttemptKey, AttemptStatus]:
        """Renews the leases of `attempts` and of the `running` one, None when idle; returns their status.

        `phase` and `iterations` say how far the running one is, `live` what was read of the device last.
        """
        request = wire.progress_to_proto(self._identity, attempts, running, phase, iterations, live)
        with self._calling() as stub:
            reply = stub.Progress(request, timeout=CALL_S)
        if reply.renew:
            self.renew_certificate()
        return wire.statuses_from_proto(reply.held)

    def fetch_model(self, sha256: str, offset: int) -> Iterator[bytes]:
        """The bytes of a model file from `offset`. Raises AttemptFailed when the collector has it not."""
        session = wire.session_to_proto(self._identity)
        request = pb.FetchModelRequest(session=session, sha256=sha256, offset=offset)
        with self._calling(as_missing) as stub:
            for part in stub.FetchModel(request, timeout=FETCH_S):
                yield part.data

    def upload(self, ack_s: float = ACK_S) -> UploadStream:
        """Opens the stream of chunks and ends; without an answer for `ack_s` seconds it is given up."""
        with self._calling() as stub:
            on_loss = functools.partial(self._note_loss, stub)
            return UploadStream(stub.Upload, self._identity, self.address, ack_s=ack_s, on_loss=on_loss)

    def _take_place(self, device_id: str) -> None:
        """Is another device from now on, where the collector says so; empty from older collectors."""
        if device_id and device_id != self._identity.device_id:
            self._identity = identity.adopt(self._config.home, self._identity, device_id)

    def _open(self) -> tuple[grpc.Channel, fleet_pb2_grpc.FleetStub]:
        channel = open_channel(self.address, self._credentials)
        return channel, fleet_pb2_grpc.FleetStub(channel)  # type: ignore[no-untyped-call]

    def _renew(self) -> None:
        """Takes a new channel when the connection was lost, to the next collector where there are several.

        The channel of grpcio 1.68 to 1.70, the last for Python 3.8, may never connect again after a refused
        connection; a new one does.
        """
        with self._lock:
            if self._lost:
                old = self._channel
                self._addresses = [*self._addresses[1:], self._addresses[0]]
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
            raise meaning(error, self.address) from error
        except ValueError as error:
            # What grpc raises for a call on a channel that was closed meanwhile.
            raise Unreachable(f"The connection to {self.address} was given up.") from error
