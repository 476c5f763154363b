"""No call is served that the malformed requests and the fuzzer do not try."""

from __future__ import annotations

import importlib
import pkgutil
import random
from typing import Any

import paretofleet_proto.v1
from malformed import SERVICES, Ours, by_hand, by_table, full_name
from paretofleet_proto.v1 import fleet_pb2
from wire_fuzz import METHODS

OURS = Ours(fleet_pb2.Session(), fleet_pb2.AttemptRef())


def served() -> set[str]:
    """Every call of the wire, by its full name."""
    return {full_name(method) for service in _services() for method in service.methods}


def _services() -> list[Any]:
    names = [module.name for module in pkgutil.iter_modules(paretofleet_proto.v1.__path__)]
    files = [
        importlib.import_module(f"paretofleet_proto.v1.{name}") for name in names if name.endswith("_pb2")
    ]
    return [service for file in files for service in file.DESCRIPTOR.services_by_name.values()]


def test_every_call_is_among_the_malformed_requests() -> None:
    made = [maker(random.Random(1)) for maker in (*by_table(OURS), *by_hand(OURS))]
    assert served() <= {each.method for each in made}


def test_every_field_of_every_call_exceeds_its_limit_once() -> None:
    kinds = {maker(random.Random(1)).kind for maker in by_table(OURS)}
    for service in SERVICES.values():
        for method in service.methods:
            for field in method.input_type.fields:
                is_limited = field.cpp_type in (
                    field.CPPTYPE_STRING,
                    field.CPPTYPE_DOUBLE,
                    field.CPPTYPE_INT64,
                )
                if is_limited and f"{method.input_type.name}.{field.name}" != "HelloRequest.wire_version":
                    assert any(kind.startswith(f"{method.name}.{field.name}") for kind in kinds), (
                        method.name,
                        field.name,
                    )


def test_every_call_is_among_those_that_are_fuzzed() -> None:
    assert served() <= {full_name(method) for method in METHODS}
