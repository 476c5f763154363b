"""Requests that no one thought of: raw bytes, and messages whose every field holds something odd."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Mapping
from typing import Any
from zlib import crc32

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import strategies as st
from live_collector import LiveCollector
from malformed import SERVICES, Malformed, Ours, full_name
from paretofleet_proto.v1 import fleet_pb2

#: Calls that may have nothing to say for as long as they last, and how long one is given to be refused.
FOR_EVER = ("/Listen", "/Watch")
LISTENS_S = 0.5
METHODS = [method for service in SERVICES.values() for method in service.methods]
#: Statuses of a fault of ours, of a call that hung, of a collector that is gone.
BROKEN = {
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.CANCELLED,
}
WHOLE_TYPES = (
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
)
EDGES = [0, 1, -1, 2**31 - 1, -(2**31), 2**53, 2**62, 2**63 - 1, -(2**63)]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", "x", "cpu", "victim", "id-victim", "iterations", "marks", "state", "measure", "label"]
    ),
    st.text(max_size=4).map(lambda text: text * 5000),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.sampled_from(EDGES) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FACTS = st.sampled_from(
    [
        "flags",
        "sensors",
        "paced",
        "effective",
        "environment",
        "load_ns",
        "counted",
        "window_blocks",
        "boot_id",
    ]
)
SPECS = st.sampled_from(
    ["models", "devices", "batch_sizes", "options", "repeats", "mode", "seed", "name", "x"]
)


def json_text(keys: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """JSON objects of keys that mean something, with values that may not; NaN and infinities among them."""
    return st.dictionaries(keys, JSON, max_size=4).map(json.dumps)


@st.composite
def raw(draw: st.DrawFn) -> Malformed:
    """Bytes to any method, one message or several."""
    method = draw(st.sampled_from(METHODS))
    return Malformed("raw", full_name(method), tuple(draw(st.lists(st.binary(max_size=300), max_size=3))))


@st.composite
def structured(draw: st.DrawFn, ours: Ours) -> Malformed:
    """A message of the right type to any method, half of the time by one who may speak."""
    method = draw(st.sampled_from(METHODS))
    requests = []
    for _ in range(draw(st.integers(1, 3)) if method.client_streaming else 1):
        request = _message(draw, method.input_type, 0)
        if hasattr(request, "session") and draw(st.booleans()):
            request.session.CopyFrom(ours.session)
        requests.append(request.SerializeToString())
    return Malformed("structured", full_name(method), tuple(requests))


@st.composite
def upload(draw: st.DrawFn, ours: Ours) -> Malformed:
    """A chunk of a real attempt with the right checksum, whose samples mean nothing, or its end."""
    request = fleet_pb2.UploadRequest(session=ours.session)
    if draw(st.booleans()):
        facts = draw(json_text(FACTS))
        end = fleet_pb2.AttemptEnd(attempt=ours.attempt, ok=True, facts_json=facts)
        end.chunks.update(draw(st.dictionaries(st.sampled_from(["iterations", "marks"]), st.integers(5, 99))))
        request.end.CopyFrom(end)
    else:
        request.chunk.CopyFrom(_chunk(draw, ours.attempt))
    return Malformed("upload", "/paretofleet.v1.Fleet/Upload", (request.SerializeToString(),))


def _chunk(draw: st.DrawFn, attempt: Any) -> Any:
    number = draw(st.integers(1, 3))
    values = draw(
        st.lists(st.sampled_from(EDGES) | st.integers(-9, 9), min_size=2 * number, max_size=2 * number)
    )
    columns = struct.pack(f"<{2 * number}q", *values) + draw(st.binary(max_size=20))
    stream = draw(st.sampled_from(["iterations", "marks", "state", "power:a/b", "power:", "x"]))
    schema = draw(st.sampled_from(["iterations/1", "marks/1", "state/1", "power/1", "energy/1", "x/1"]))
    seq, n = draw(st.sampled_from([1, 7, 2**40])), draw(st.sampled_from([number, 0, 2**16]))
    head = f"{attempt.run_id}/{attempt.attempt}/{stream}/{seq}/{schema}/{n}\n"
    check = crc32(columns, crc32(head.encode()))
    return fleet_pb2.Chunk(
        attempt=attempt, stream=stream, seq=seq, schema=schema, n=n, columns=columns, crc32=check
    )


def _message(draw: st.DrawFn, descriptor: Any, depth: int) -> Any:
    made = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if depth > 3 or draw(st.integers(0, 2)) == 0:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            values = field.message_type.fields_by_name["value"]
            value = draw(st.integers(0, 9)) if values.type in WHOLE_TYPES else draw(TEXTS)
            getattr(made, field.name)[draw(TEXTS)] = value
        elif field.message_type is not None:
            inner = [_message(draw, field.message_type, depth + 1) for _ in range(draw(st.integers(0, 2)))]
            if field.is_repeated:
                getattr(made, field.name).extend(inner)
            elif inner:
                getattr(made, field.name).CopyFrom(inner[0])
        elif field.is_repeated:
            getattr(made, field.name).extend(draw(st.lists(_scalar(field), max_size=3)))
        else:
            setattr(made, field.name, draw(_scalar(field)))
    return made


def _scalar(field: Any) -> st.SearchStrategy[Any]:
    if field.name == "facts_json":
        return json_text(FACTS)
    if field.name == "spec_json":
        return json_text(SPECS)
    by_type: Mapping[int, st.SearchStrategy[Any]] = {
        field.CPPTYPE_STRING: TEXTS if field.type == field.TYPE_STRING else st.binary(max_size=200),
        field.CPPTYPE_BOOL: st.booleans(),
        field.CPPTYPE_DOUBLE: st.floats(),
        field.CPPTYPE_INT32: st.sampled_from([each for each in EDGES if abs(each) < 2**31]),
        field.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
        field.CPPTYPE_INT64: st.sampled_from(EDGES),
    }
    return by_type[field.cpp_type]


def verdict(collector: LiveCollector, channel: grpc.Channel, each: Malformed) -> str:
    """What is wrong with how the collector answered a request; empty when nothing is."""
    with collector.channel_to(each.method, channel) as there:
        call = there.stream_stream(each.method)(iter(each.requests), timeout=60)
        try:
            # A watched sweep or a listening agent would go on.
            if not each.method.endswith(FOR_EVER) or not _waits(call):
                next(call, None)
            call.cancel()
        except grpc.RpcError as error:
            code, details = error.code(), error.details() or ""
            if code in BROKEN:
                return f"{each.method}: {code.name} {details}"
            if not details.isprintable() or len(details.encode()) > 4096:
                letters = f"{len(details)} letters: {details[:80]!r}"
                return f"{each.method}: {code.name} with a sentence of {letters}"
    return ""


def _waits(call: Any) -> bool:
    """Whether a call that was let in says nothing for a while: it listens."""
    ended = threading.Event()
    call.add_done_callback(lambda _: ended.set())
    return not ended.wait(LISTENS_S)
