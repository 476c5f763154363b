"""Every field that a client can send has a limit, and no limit outlives its field."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import paretofleet_proto.v1 as wire
from grpc_health.v1 import health_pb2
from paretofleet_collector.model.limits import FIELDS, Many, Pairs, Unlimited


def services() -> Iterator[Any]:
    yield health_pb2.DESCRIPTOR.services_by_name["Health"]
    for module in pkgutil.iter_modules(wire.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"{wire.__name__}.{module.name}").DESCRIPTOR
            yield from file.services_by_name.values()


def fields_of(message: Any, seen: set[str]) -> Iterator[Any]:
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        yield field
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            yield from fields_of(field.message_type, seen)


SENT = {
    f"{field.containing_type.name}.{field.name}": field
    for service in services()
    for method in service.methods
    for field in fields_of(method.input_type, set())
}


def test_every_field_that_clients_send_has_a_limit() -> None:
    assert sorted(SENT.keys() - FIELDS.keys()) == [], "these fields want rows in model/limits"
    assert sorted(FIELDS.keys() - SENT.keys()) == []


def test_what_can_grow_is_bounded() -> None:
    for label, field in SENT.items():
        grows = field.is_repeated or field.type in (field.TYPE_STRING, field.TYPE_BYTES)
        assert not (grows and isinstance(FIELDS[label], Unlimited)), label
        assert field.is_repeated == isinstance(FIELDS[label], Many | Pairs), label


def test_what_has_no_limit_is_a_flag_a_checksum_or_a_message() -> None:
    for label, field in SENT.items():
        if isinstance(FIELDS[label], Unlimited):
            assert field.type in (
                field.TYPE_BOOL,
                field.TYPE_ENUM,
                field.TYPE_FIXED32,
                field.TYPE_MESSAGE,
            ), label
