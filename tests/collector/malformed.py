"""Malformed requests of many kinds, the same for the same seed: from the table of limits, and by hand."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grpc_health.v1 import health_pb2
from paretofleet_collector.model.limits import (
    FIELDS,
    MESSAGE_BYTES_MAX,
    Data,
    Many,
    Number,
    Pairs,
    Text,
)
from paretofleet_proto.v1 import control_pb2, fleet_pb2, join_pb2

#: Everything that a collector serves, by name.
SERVICES = {
    service.name: service
    for file in (fleet_pb2, control_pb2, join_pb2, health_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
}
#: What the fields of a well-formed request hold, by name; the session and the attempt are the tester's.
PLAIN: Mapping[str, Any] = {
    "device_id": "id-x",
    "name": "x",
    "device_class": "cpu",
    "sweep": "x",
    "spec_json": '{"models": ["x"]}',
    "request_id": "r",
    "model": "x",
    "device": "x",
    "action": "pause",
    "sha256": "0" * 64,
    "wire_version": 1,
    "role": "agent",
    "uses": 1,
    "ttl_s": 60.0,
    "token_id": "0" * 16,
    "service": "nobody",
}


@dataclass(frozen=True)
class Malformed:
    """What is sent to a method as it stands, byte by byte, and what is wrong with it."""

    kind: str
    method: str
    requests: tuple[bytes, ...]


@dataclass(frozen=True)
class Ours:
    """A session that may speak and an attempt that is its own, so that only what is meant to be wrong is."""

    session: Any
    attempt: Any


def malformed(count: int, seed: int, ours: Ours) -> list[Malformed]:
    """So many malformed requests, of every kind in turn."""
    draw = random.Random(seed)
    kinds = [*by_table(ours), *by_hand(ours)]
    draw.shuffle(kinds)
    return [kinds[at % len(kinds)](draw) for at in range(count)]


Maker = Callable[[random.Random], Malformed]


def by_table(ours: Ours) -> Iterator[Maker]:
    """One maker for each field of each request and each way in which it can exceed its limit."""
    for service in SERVICES.values():
        for method in service.methods:
            for path in _paths(method.input_type, ()):
                label = f"{path[-1].containing_type.name}.{path[-1].name}"
                for how, value in _excesses(FIELDS[label], path[-1]):
                    yield _excess(method, path, how, value, ours)


def _paths(message: Any, before: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for field in message.fields:
        yield (*before, field)
        inner = field.message_type
        if inner is not None and not inner.GetOptions().map_entry:
            yield from _paths(inner, (*before, field))


def _excesses(limit: Any, field: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(limit, Text):
        yield "long", lambda draw: draw.choice("xé%") * (limit.most + draw.randint(1, 5000))
        if not limit.free:
            yield "control", lambda draw: "a" + draw.choice("\x00\x01\n\t\x1b\x7f\x9b\u202e\u2028") + "b"
    elif isinstance(limit, Number):
        whole = field.cpp_type != field.CPPTYPE_DOUBLE
        yield "low", lambda draw: int(limit.low) - draw.randint(1, 1000)
        if not whole:
            yield "none", lambda draw: draw.choice([float("nan"), float("inf"), -float("inf")])
        elif field.cpp_type == field.CPPTYPE_INT64 and limit.high < 2**63 - 1001:
            yield "high", lambda draw: int(limit.high) + draw.randint(1, 1000)
    elif isinstance(limit, Data):
        yield "large", lambda draw: bytes(limit.most + draw.randint(1, 1000))
    elif isinstance(limit, Many):
        yield "many", lambda draw: limit.most + draw.randint(1, 500)
    elif isinstance(limit, Pairs):
        yield (
            "many",
            lambda draw: {f"k{at}": _plain(limit.value) for at in range(limit.most + draw.randint(1, 90))},
        )
        yield "long key", lambda draw: {"k" * (limit.key.most + draw.randint(1, 90)): _plain(limit.value)}
        yield "odd key", lambda draw: {"k" + draw.choice("\x00\x1b\x9b"): _plain(limit.value)}
        if isinstance(limit.value, Text):
            yield "long value", lambda draw: {"k": "v" * (limit.value.most + draw.randint(1, 90))}


def _plain(limit: Text | Number) -> Any:
    return "v" if isinstance(limit, Text) else 1


def _excess(method: Any, path: tuple[Any, ...], how: str, value: Any, ours: Ours) -> Maker:
    names = ".".join(field.name for field in path)

    def make(draw: random.Random) -> Malformed:
        request = base(method, ours)
        message = request
        for field in path[:-1]:
            inner = getattr(message, field.name)
            message = inner.add() if field.is_repeated else inner
            if not field.is_repeated:
                message.SetInParent()
        set_field(message, path[-1], value(draw))
        return Malformed(f"{method.name}.{names} {how}", full_name(method), (request.SerializeToString(),))

    return make


def set_field(message: Any, field: Any, value: Any) -> None:
    """Puts a value into a field; a number into a repeated one is how many entries it gets."""
    if isinstance(FIELDS[f"{field.containing_type.name}.{field.name}"], Pairs):
        getattr(message, field.name).update(value)
    elif field.is_repeated and field.message_type is not None:
        for _ in range(value):
            getattr(message, field.name).add()
    elif field.is_repeated:
        filler = "x" if field.cpp_type == field.CPPTYPE_STRING else 1
        getattr(message, field.name).extend([filler] * value)
    else:
        setattr(message, field.name, value)


def full_name(method: Any) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def base(method: Any, ours: Ours) -> Any:
    """A request that nothing is wrong with, but for what it asks."""
    from google.protobuf import message_factory

    request = message_factory.GetMessageClass(method.input_type)()
    for field in method.input_type.fields:
        if field.name == "session":
            request.session.CopyFrom(ours.session)
        elif field.name in PLAIN and not field.is_repeated:
            setattr(request, field.name, PLAIN[field.name])
    if method.name == "AddModel":
        request.header.model, request.header.sha256 = "x", "0" * 64
    return request


def by_hand(ours: Ours) -> Iterator[Maker]:
    """What no single field tells."""
    methods = [method for service in SERVICES.values() for method in service.methods]
    for method in methods:
        if method.input_type.fields:
            yield lambda draw, method=method: Malformed(
                f"{method.name} bad bytes", full_name(method), (_bad_bytes(draw),)
            )
        if any(
            field.cpp_type in (field.CPPTYPE_STRING, field.CPPTYPE_MESSAGE)
            for field in method.input_type.fields
        ):
            yield lambda draw, method=method: Malformed(
                f"{method.name} bad UTF-8", full_name(method), (_bad_utf8(method, draw),)
            )
        if method.name in {"Join", "Upload", "AddModel", "WatchSweep", "Enrol", "Renew", "CreateToken"}:
            yield lambda draw, method=method: Malformed(
                f"{method.name} oversize",
                full_name(method),
                (bytes(MESSAGE_BYTES_MAX + draw.randint(1, 99)),),
            )
        if method.name != "Upload":
            yield lambda _, method=method: Malformed(f"{method.name} nothing", full_name(method), ())
    for name, text in BOMBS.items():
        for rpc in ("PlanSweep", "SubmitSweep"):
            yield lambda _, name=name, text=text, rpc=rpc: _spec(rpc, name, text)
    for name, change in CHUNKS.items():
        yield lambda draw, name=name, change=change: _upload(f"chunk {name}", ours, change(draw, ours))
        yield lambda draw, name=name, change=change: _batch(
            f"batch of a chunk {name}", ours, change(draw, ours)
        )
    for name, facts in FACTS_JSON.items():
        end = fleet_pb2.AttemptEnd(attempt=ours.attempt, ok=True, facts_json=facts)
        yield lambda _, name=name, end=end: _upload(f"facts {name}", ours, end)
    for name, requests in MODELS.items():
        yield lambda _, name=name, requests=requests: Malformed(
            f"AddModel {name}",
            "/paretofleet.v1.Control/AddModel",
            tuple(request.SerializeToString() for request in requests),
        )
    for service, rpc, name, request in identity_requests():
        made = Malformed(f"{rpc} {name}", f"/paretofleet.v1.{service}/{rpc}", (request.SerializeToString(),))
        yield lambda _, made=made: made
    yield lambda draw: Malformed("no such method", f"/paretofleet.v1.Fleet/M{draw.randint(0, 99)}", (b"",))
    yield lambda _: Malformed(
        "upload without a session",
        "/paretofleet.v1.Fleet/Upload",
        (fleet_pb2.UploadRequest(chunk=_chunk(ours)).SerializeToString(),),
    )


def _bad_bytes(draw: random.Random) -> bytes:
    """A length that reaches beyond the end, and noise."""
    return b"\x0a\xff\xff\x7f" + draw.randbytes(draw.randint(0, 200))


def _bad_utf8(method: Any, draw: random.Random) -> bytes:
    text = next((field for field in method.input_type.fields if field.type == field.TYPE_STRING), None)
    number = 1 if text is None else text.number
    data = draw.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])
    if text is None:  # the first field is a message: one whose first field is such a text
        data = bytes([0x0A, len(data)]) + data
    return bytes([number << 3 | 2, len(data)]) + data


def _spec(rpc: str, name: str, text: str) -> Malformed:
    fields = {"spec_json": text} if rpc == "PlanSweep" else {"spec_json": text, "request_id": "r"}
    request = getattr(control_pb2, f"{rpc}Request")(**fields)
    return Malformed(f"{rpc} {name}", f"/paretofleet.v1.Control/{rpc}", (request.SerializeToString(),))


BOMBS = {
    "no JSON": "{",
    "no object": "[]",
    "deep": "[" * 50_000,
    "deep inside": '{"models": ' + "[" * 500 + "]" * 500 + "}",
    "NaN": '{"models": ["x"], "seed": NaN}',
    "digits": '{"models": ["x"], "seed": ' + "9" * 4000 + "}",
    "too many digits": '{"models": ["x"], "seed": ' + "9" * 6000 + "}",
    "exponent": '{"models": ["x"], "repeats": {"relative_half_width": 1e999}}',
    "half a surrogate": '{"models": ["\\ud800"]}',
    "half a surrogate in a key": '{"\\udfff": 1}',
    "control character": '{"models": ["\\u001b[31m"]}',
    "NUL": '{"models": ["a\\u0000"]}',
    "unknown key": json.dumps({"models": ["x"], "k" * 10_000: 1}),
    "long name": json.dumps({"models": ["x"], "name": "n" * 500_000}),
    "long list": json.dumps({"models": [f"m{at}" for at in range(5000)]}),
    "many options": json.dumps(
        {"models": ["x"], "options": {"onnxruntime": {f"o{at}": 1 for at in range(500)}}}
    ),
    "wide selector": json.dumps({"models": ["x"], "devices": {f"k{at}": "v" for at in range(500)}}),
}
FACTS_JSON = {
    "no JSON": "{",
    "no object": "7",
    "deep": "[" * 50_000,
    "NaN": '{"load_ns": NaN}',
    "digits": '{"a": ' + "9" * 4000 + "}",
    "half a surrogate": '{"a": "\\udc00"}',
    "flags that are none": '{"flags": 7}',
    "grid without end": '{"paced": {"period_ns": 1, "due": [[0, 4000000000000]]}}',
    "sensors that are none": '{"sensors": [7]}',
    "negative size": '{"memory_peak_bytes": -1}',
}


def _chunk(ours: Ours, **changed: Any) -> Any:
    from zlib import crc32

    fields = {
        "attempt": ours.attempt,
        "stream": "iterations",
        "seq": 0,
        "schema": "iterations/1",
        "n": 2,
        "columns": struct.pack("<4q", 0, 10, 5, 5),
        **changed,
    }
    key = fields["attempt"]
    head = f"{key.run_id}/{key.attempt}/{fields['stream']}/{fields['seq']}/{fields['schema']}/{fields['n']}\n"
    return fleet_pb2.Chunk(**{"crc32": crc32(fields["columns"], crc32(head.encode())), **fields})


def _columns(*values: int) -> dict[str, Any]:
    return {"n": len(values) // 2, "columns": struct.pack(f"<{len(values)}q", *values)}


CHUNKS: Mapping[str, Callable[[random.Random, Ours], Any]] = {
    "damaged": lambda draw, ours: _chunk(ours, crc32=draw.randrange(2**32)),
    "of no stream": lambda _, ours: _chunk(ours, stream="nonsense"),
    "of an odd stream": lambda _, ours: _chunk(ours, stream="power:../../etc x"),
    "of no schema": lambda _, ours: _chunk(ours, schema="iterations/9"),
    "of another schema": lambda _, ours: _chunk(ours, schema="power/1"),
    "ahead": lambda draw, ours: _chunk(ours, seq=draw.randint(10**6, 10**9)),
    "empty": lambda _, ours: _chunk(ours, n=0, columns=b""),
    "short": lambda draw, ours: _chunk(ours, n=draw.randint(3, 10**5)),
    "with a rest": lambda draw, ours: _chunk(ours, columns=bytes(32 + draw.randint(1, 100))),
    "with a negative time": lambda draw, ours: _chunk(ours, **_columns(-draw.randint(1, 99), 0, 5, 5)),
    "with a negative duration": lambda draw, ours: _chunk(ours, **_columns(0, 9, 5, -draw.randint(1, 99))),
    "with a time without end": lambda draw, ours: _chunk(
        ours, **_columns(0, 2**63 - draw.randint(1, 9), 5, 5)
    ),
    "of no phase": lambda draw, ours: _chunk(
        ours, stream="marks", schema="marks/1", **_columns(0, 9, 4, draw.randint(8, 2**40))
    ),
    "of texts that are not there": lambda draw, ours: _chunk(
        ours, stream="state", schema="state/1", **_columns(0, 9, draw.randint(1, 2**50), 5)
    ),
    "of nobody": lambda draw, ours: _chunk(
        ours, attempt=fleet_pb2.AttemptRef(run_id=f"{draw.getrandbits(64):016x}", attempt=1)
    ),
    "of a later attempt": lambda draw, ours: _chunk(
        ours, attempt=fleet_pb2.AttemptRef(run_id=ours.attempt.run_id, attempt=draw.randint(50, 2**31 - 1))
    ),
}


def _upload(kind: str, ours: Ours, item: Any) -> Malformed:
    request = fleet_pb2.UploadRequest(session=ours.session)
    getattr(request, "end" if item.DESCRIPTOR.name == "AttemptEnd" else "chunk").CopyFrom(item)
    return Malformed(kind, "/paretofleet.v1.Fleet/Upload", (request.SerializeToString(),))


def _batch(kind: str, ours: Ours, chunk: Any) -> Malformed:
    request = fleet_pb2.UploadRequest(session=ours.session)
    request.chunks.chunks.append(chunk)
    return Malformed(kind, "/paretofleet.v1.Fleet/Upload", (request.SerializeToString(),))


_TOKEN = f"pft-{'0' * 16}-{'x' * 43}-{'0' * 64}"
_NO_CERTIFICATES = {
    "nothing": "",
    "rubbish": "x" * 8000,
    "no base64": "-----BEGIN CERTIFICATE REQUEST-----\n%%%%\n-----END CERTIFICATE REQUEST-----\n",
    "no request": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
    "a NUL": "-----BEGIN\x00-----",
}
_TOKENS = {
    "nothing": "",
    "of nobody": _TOKEN,
    "cut": _TOKEN[:-1],
    "with a tail": _TOKEN + "0",
    "of other digits": _TOKEN.replace("0", "\u0660"),
    "a quote": "pft-' OR 1=1 --",
}
_SENSELESS_TOKENS: Mapping[str, Mapping[str, Any]] = {
    "no role": {"role": ""},
    "another role": {"role": "root"},
    "no use": {"uses": 0},
    "many uses": {"uses": 999_999},
    "no time": {"ttl_s": 0.0},
    "years": {"ttl_s": 9 * 366 * 86_400.0},
    "a name of two words": {"name": "a b"},
    "a name that is a path": {"name": "../x"},
    "a pool that is a path": {"pool": "../x"},
    "a person without a name": {"role": "admin"},
    "a person with a pool": {"role": "admin", "name": "ada", "pool": "lab"},
}


def identity_requests() -> Iterator[tuple[str, str, str, Any]]:
    """Requests of Join, Identity and Access that mean nothing: service, method, what is wrong, message."""
    for name, text in _TOKENS.items():
        asks = join_pb2.EnrolRequest(token=text, request_pem="x", device_id="id-x", name="x")
        yield "Join", "Enrol", f"a token that is {name}", asks
    for name, pem in _NO_CERTIFICATES.items():
        asks = join_pb2.EnrolRequest(token=_TOKEN, request_pem=pem, device_id="id-x", name="x")
        yield "Join", "Enrol", f"a request that is {name}", asks
        yield "Identity", "Renew", f"a request that is {name}", join_pb2.RenewRequest(request_pem=pem)
    for name, changed in _SENSELESS_TOKENS.items():
        fields = {"role": "agent", "uses": 1, "ttl_s": 60.0, **changed}
        yield "Access", "CreateToken", name, join_pb2.CreateTokenRequest(**fields)
    yield "Access", "RevokeToken", "of nobody", join_pb2.RevokeTokenRequest(token_id="0" * 16)
    yield "Access", "RevokeUser", "who is nobody", join_pb2.RevokeUserRequest(name="nobody")
    yield "Access", "RotateAuthority", "to finish nothing", join_pb2.RotateAuthorityRequest(finish=True)


def _model(**header: Any) -> Any:
    announced = {"model": "x", "sha256": "0" * 64, "size_bytes": 10, **header}
    return control_pb2.AddModelRequest(header=control_pb2.AddModelHeader(**announced))


_DATA = control_pb2.AddModelRequest(data=b"0123456789")
MODELS: Mapping[str, Sequence[Any]] = {
    "without a header": [_DATA],
    "with two headers": [_model(), _model()],
    "damaged": [_model(), _DATA],
    "longer than announced": [_model(size_bytes=5), _DATA],
    "shorter than announced": [_model(size_bytes=50), _DATA],
    "of 2^62 bytes": [_model(size_bytes=2**62), _DATA],
    "with a name that is a path": [_model(model="../../x"), _DATA],
    "with a hash that is none": [_model(sha256="zz"), _DATA],
    "of no precision": [_model(precision="fp31"), _DATA],
    "with an accuracy of nothing": [_model(top1=50.0), _DATA],
}
