"""One bidirectional upload: chunks and ends go out without waiting, answers come in the same order."""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable, Sequence

import grpc

from paretofleet_agent.errors import Unreachable
from paretofleet_agent.model import AttemptEnd, Chunk
from paretofleet_agent.uplink import wire
from paretofleet_agent.uplink.call_errors import as_unreachable
from paretofleet_agent.uplink.identity import Identity
from paretofleet_agent.uplink.replies import UploadReply


class UploadStream:
    """An open upload: sending never waits, `receive` waits for the next answer at most `ack_s`.

    `method` is the stub's, the session of `identity` goes out with the first request, `address` is for
    messages. `on_loss` is called when the connection seems to be lost.
    """

    def __init__(
        self,
        method: Callable[..., Any],
        identity: Identity,
        address: str,
        *,
        ack_s: float,
        on_loss: Callable[[], None],
    ) -> None:
        self._address = address
        self._ack_s = ack_s
        self._on_loss = on_loss
        self._identity: Identity | None = identity
        #: Generated messages; None ends a queue, an RpcError the upload.
        self._outgoing: queue.Queue[Any] = queue.Queue()
        self._incoming: queue.Queue[Any] = queue.Queue()
        self._call = method(iter(self._outgoing.get, None))
        threading.Thread(target=self._read, name="upload-replies", daemon=True).start()

    def send_chunks(self, chunks: Sequence[Chunk]) -> None:
        """Hands chunks to the stream, for one request and one answer."""
        self._send(wire.chunks_to_proto(chunks))

    def send_end(self, end: AttemptEnd) -> None:
        """Hands an attempt's end to the stream."""
        self._send(wire.end_to_proto(end))

    def receive(self) -> UploadReply:
        """The next answer. Raises Unreachable, also when none comes in time."""
        try:
            reply = self._incoming.get(timeout=self._ack_s)
        except queue.Empty:
            self._on_loss()
            self.close()
            raise Unreachable(
                f"The collector at {self._address} acknowledged nothing for {self._ack_s:g} s."
            ) from None
        if reply is None:
            raise Unreachable(f"The collector at {self._address} ended the upload.")
        if isinstance(reply, grpc.RpcError):
            self._on_loss()
            raise as_unreachable(reply, self._address) from reply
        return wire.upload_reply_from_proto(reply)

    def close(self) -> None:
        """Ends the stream at once; what was not answered counts as not sent."""
        self._outgoing.put(None)
        self._call.cancel()

    def _send(self, request: Any) -> None:
        if self._identity is not None:
            request.session.CopyFrom(wire.session_to_proto(self._identity))
            self._identity = None
        self._outgoing.put(request)

    def _read(self) -> None:
        try:
            for reply in self._call:
                self._incoming.put(reply)
        except grpc.RpcError as error:
            self._incoming.put(error)
        else:
            self._incoming.put(None)
