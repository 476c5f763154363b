"""Holds messages against the table of limits, before anything is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from paretofleet_collector.model.limits import (
    FIELDS,
    Data,
    Limit,
    Many,
    Number,
    Pairs,
    Text,
    Unlimited,
)


class _Field:
    """How one field of a message is read and held against its limit."""

    def __init__(self, field: Any) -> None:
        self.name = str(field.name)
        self.label = f"{field.containing_type.name}.{field.name}"
        self.limit = FIELDS[self.label]
        self.is_map = isinstance(self.limit, Pairs)
        self.inner = None if self.is_map else field.message_type
        self.has_presence = field.has_presence


_fields: dict[str, tuple[_Field, ...]] = {}


def fault_of(message: Any) -> str:
    """What of a protobuf `message` exceeds the table of limits first; empty when nothing does.

    The one sentence names the field, what it holds and what is accepted.
    """
    for field in _fields_of(message.DESCRIPTOR):
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        fault = _fault(field.label, field.limit, value)
        if not fault and field.inner is not None:
            inner = value if isinstance(field.limit, Many) else (value,)
            fault = next(filter(None, map(fault_of, inner)), "")
        if fault:
            return fault
    return ""


def _fields_of(descriptor: Any) -> tuple[_Field, ...]:
    fields = _fields.get(descriptor.full_name)
    if fields is None:
        fields = _fields[descriptor.full_name] = tuple(map(_Field, descriptor.fields))
    return fields


def _fault(label: str, limit: Limit, value: Any) -> str:
    if isinstance(limit, Unlimited):
        return ""
    return _FAULTS[type(limit)](label, limit, value)


def _text_fault(label: str, limit: Text, value: str) -> str:
    size = len(value) if value.isascii() else len(value.encode(errors="replace"))
    if size > limit.most:
        return f"{label} has {size:,} bytes; at most {limit.most:,} are accepted."
    if not limit.free and not value.isprintable():
        letter = next(letter for letter in value if not letter.isprintable())
        return f"{label} holds U+{ord(letter):04X}, which cannot be printed; only plain text is accepted."
    return ""


def _data_fault(label: str, limit: Data, value: bytes) -> str:
    if len(value) > limit.most:
        return f"{label} has {len(value):,} bytes; at most {limit.most:,} are accepted."
    return ""


def _number_fault(label: str, limit: Number, value: float) -> str:
    if limit.low <= value <= limit.high:  # also false for a number that is none
        return ""
    shown = f"{value:,}" if math.isfinite(value) else str(value)
    return f"{label} is {shown}; it must be from {limit.low:,} to {limit.high:,}."


def _many_fault(label: str, limit: Many, values: Any) -> str:
    if len(values) > limit.most:
        return f"{label} has {len(values):,} entries; at most {limit.most:,} are accepted."
    if limit.each is None:
        return ""
    return next(filter(None, (_fault(label, limit.each, value) for value in values)), "")


def _pairs_fault(label: str, limit: Pairs, values: Any) -> str:
    if len(values) > limit.most:
        return f"{label} has {len(values):,} entries; at most {limit.most:,} are accepted."
    for key, value in values.items():
        fault = _fault(f"A key of {label}", limit.key, key) or _fault(
            f"A value of {label}", limit.value, value
        )
        if fault:
            return fault
    return ""


_FAULTS: dict[type[Any], Callable[[str, Any, Any], str]] = {
    Text: _text_fault,
    Data: _data_fault,
    Number: _number_fault,
    Many: _many_fault,
    Pairs: _pairs_fault,
}
