"""A collector in memory behind a real gRPC server, which does what a script says wrong."""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections import Counter
from concurrent import futures
from contextlib import contextmanager

import grpc
from held_ports import hold_port, port_of
from paretofleet_proto.v1 import fleet_pb2 as pb
from paretofleet_proto.v1 import fleet_pb2_grpc

#: What may happen to one upload.
FAULTS = ("cut_before", "cut_after", "damaged", "gap", "abort")


def crc(chunk):
    head = "/".join(
        map(
            str, (chunk.attempt.run_id, chunk.attempt.attempt, chunk.stream, chunk.seq, chunk.schema, chunk.n)
        )
    )
    return zlib.crc32(chunk.columns, zlib.crc32((head + "\n").encode()))


class FakeCollector(fleet_pb2_grpc.FleetServicer):
    """Keeps what it commits over restarts. `script(n)`: what happens to the n-th upload, None for well."""

    def __init__(self, script=lambda _: None, window=4, batch=0):
        self.script = script
        self.window = window
        #: Chunks of one request; 0 as collectors were before there were batches.
        self.batch = batch
        self.requests = []
        self.stored = {}
        self.stores = Counter()
        self.ends = {}
        self.end_arrivals = Counter()
        self.uploads = 0
        self.hellos = []
        self.joins = []
        self.beats = []
        self.grants = []
        self.reboot = ""
        self.models = {}
        #: Bytes of a message of a model.
        self.piece_bytes = 1000
        self.fetches = []
        self.refuse = None
        self.calls_it = ""
        self.word = {}
        self.collector_id = "fake"
        self.sessions = set()
        self.checks_sessions = False
        self.heartbeat_s = 0.1
        #: It answers with a gap where it misses chunks of an end, as a collector with an older store does.
        self.is_older = False
        self.lock = threading.Lock()
        self.server = None
        #: Kept while it is stopped, too: it comes back on the same.
        self.kept_port = hold_port()
        self.port = port_of(self.kept_port)

    # -- running

    def start(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        fleet_pb2_grpc.add_FleetServicer_to_server(self, self.server)
        self.port = self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        assert self.port
        self.server.start()

    def stop(self):
        self.server.stop(0).wait()

    @contextmanager
    def running(self):
        self.start()
        try:
            yield self
        finally:
            self.stop()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    # -- what tests ask

    def next_seq(self, attempt, stream):
        seq = 0
        while (attempt.run_id, attempt.attempt, stream, seq) in self.stored:
            seq += 1
        return seq

    def grant(self, run_id, attempt=1, *, model=b"model", name="net.onnx"):
        sha256 = hashlib.sha256(model).hexdigest()
        self.models.setdefault(sha256, model)
        limits = pb.Limits(iterations_min=1, iterations_max=2, timeout_s=30, block_s=1, window_min_s=0)
        self.grants.append(
            pb.Grant(
                attempt=pb.AttemptRef(run_id=run_id, attempt=attempt),
                configuration_json=json.dumps({"batch_size": 1}),
                limits=limits,
                artifact=pb.Artifact(sha256=sha256, size_bytes=len(model), name=name),
                lease_s=60,
            )
        )
        return sha256

    # -- the service

    def Join(self, request, context):  # noqa: N802
        self.joins.append(request)
        if self.refuse:
            context.abort(*self.refuse)
        return pb.JoinReply(name=self.calls_it or request.name)

    def Hello(self, request, context):  # noqa: N802, ARG002
        self.hellos.append(request)
        if request.collector_id not in ("", self.collector_id):
            return pb.HelloReply(collector_id=self.collector_id)
        self.sessions.add(request.session.session_id)
        return pb.HelloReply(
            collector_version="test",
            collector_id=self.collector_id,
            heartbeat_s=self.heartbeat_s,
            window_chunks=self.window,
            batch_chunks=self.batch,
            held=[self._held(ref) for ref in request.held],
        )

    def _held(self, ref):
        streams = {key[2] for key in self.stored if key[:2] == (ref.run_id, ref.attempt)}
        marks = [pb.StreamMark(stream=s, next_seq=self.next_seq(ref, s)) for s in sorted(streams)]
        state = self.word.get(ref.run_id, pb.HeldAttempt.CURRENT)
        return pb.HeldAttempt(attempt=ref, state=state, marks=marks)

    def Lease(self, request, context):  # noqa: N802, ARG002
        with self.lock:
            if self.grants:
                return pb.LeaseReply(grant=self.grants.pop(0))
        return pb.LeaseReply(ask_again_s=0.1, reboot=self.reboot)

    def Progress(self, request, context):  # noqa: N802
        if self.refuse:
            context.abort(grpc.StatusCode.ABORTED, "The session was replaced.")
        self._check_session(request, context)
        self.beats.append(request)
        refs = list(request.held) + ([request.running] if request.HasField("running") else [])
        return pb.ProgressReply(held=[self._held(ref) for ref in refs])

    def _check_session(self, request, context):
        if self.checks_sessions and request.session.session_id not in self.sessions:
            context.abort(grpc.StatusCode.ABORTED, "This session said no hello here.")

    def FetchModel(self, request, context):  # noqa: N802
        self.fetches.append(request.offset)
        data = self.models.get(request.sha256)
        if data is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "There is no such model here.")
        fault = self.script(len(self.fetches))
        rest = data[request.offset :]
        for at in range(0, len(rest), self.piece_bytes):
            if fault == "cut_after" and at:
                context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            piece = rest[at : at + self.piece_bytes]
            yield pb.ModelPart(data=piece[::-1] if fault == "damaged" else piece)

    def Upload(self, requests, context):  # noqa: N802
        assert context
        for index, request in enumerate(requests):
            assert request.HasField("session") == (index == 0)
            if index == 0:
                self._check_session(request, context)
            with self.lock:
                self.uploads += 1
                fault = self.script(self.uploads)
            if fault == "cut_before":
                context.abort(grpc.StatusCode.UNAVAILABLE, "cut before the commit")
            if fault == "abort":
                context.abort(grpc.StatusCode.ABORTED, "the session was replaced")
            self.requests.append(len(request.chunks.chunks) or 1)
            if request.HasField("end"):
                reply = self._end(request.end)
            elif request.HasField("chunks"):
                reply = self._batch(request.chunks.chunks, fault)
            else:
                reply = self._chunk(request.chunk, fault)
            if fault == "cut_after":
                context.abort(grpc.StatusCode.UNAVAILABLE, "cut after the commit")
            if fault == "silent":
                continue
            yield reply

    def _batch(self, chunks, fault):
        """The fault is the middle one's."""
        assert 1 < len(chunks) <= self.batch
        for number, chunk in enumerate(chunks):
            reply = self._chunk(chunk, fault if number == len(chunks) // 2 else None)
            if reply.verdict != pb.UploadReply.COMMITTED:
                reply.committed = number
                return reply
        reply.committed = len(chunks)
        return reply

    def _chunk(self, chunk, fault):
        key = (chunk.attempt.run_id, chunk.attempt.attempt, chunk.stream, chunk.seq)
        reply = pb.UploadReply(attempt=chunk.attempt, stream=chunk.stream, seq=chunk.seq)
        with self.lock:
            expected = self.next_seq(chunk.attempt, chunk.stream)
            if fault in ("damaged", "conflict", "malformed", "unknown_attempt"):
                reply.verdict = getattr(pb.UploadReply, fault.upper())
            elif crc(chunk) != chunk.crc32:
                reply.verdict = pb.UploadReply.DAMAGED
            elif key in self.stored:
                assert self.stored[key] == chunk.columns
                reply.verdict = pb.UploadReply.COMMITTED
            elif fault == "gap" or chunk.seq != expected:
                reply.verdict, reply.next_seq = pb.UploadReply.GAP, expected
            else:
                self.stored[key] = chunk.columns
                self.stores[key] += 1
                reply.verdict = pb.UploadReply.COMMITTED
        return reply

    def _end(self, end):
        key = (end.attempt.run_id, end.attempt.attempt)
        self.end_arrivals[key] += 1
        with self.lock:
            for stream, count in end.chunks.items():
                here = self.next_seq(end.attempt, stream)
                if here < count and self.is_older and end.ok:
                    message = f"{here} of {count} chunks of {stream} are here"
                    return pb.UploadReply(attempt=end.attempt, verdict=pb.UploadReply.GAP, message=message)
                assert here == count, "an end came before its chunks"
            self.ends[key] = end
        return pb.UploadReply(attempt=end.attempt, verdict=pb.UploadReply.COMMITTED)
