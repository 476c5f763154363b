"""The wire format of protobuf, read within bounds."""

from typing import Any, Iterator, List, Tuple

#: Where a delimited value begins and ends.
Span = Tuple[int, int]


def fields(data: Any, span: Span) -> Iterator[Tuple[int, Any]]:
    """(number, value) of the message at `span` of `data`: an integer, or the span of what is delimited.

    Raises ValueError where the message is cut short or no message at all.
    """
    for number, value, _ in parts(data, span):
        yield number, value


def parts(data: Any, span: Span) -> Iterator[Tuple[int, Any, Span]]:
    """As `fields` of `data` at `span`, each with the span of the whole field, by which it can be copied.

    Raises ValueError, too.
    """
    at, end = span
    while at < end:
        begin = at
        key, at = varint(data, at, end)
        kind = key & 7
        value: Any
        if kind == 0:
            value, at = varint(data, at, end)
        else:
            if kind == 2:
                size, at = varint(data, at, end)
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
            else:
                raise ValueError("wire type %d" % kind)
            if at + size > end:
                raise ValueError("a field of %d bytes is cut short" % size)
            value, at = (at, at + size), at + size
        yield key >> 3, value, (begin, at)


def varint(data: Any, at: int, end: int) -> Tuple[int, int]:
    """The integer of `data` that begins `at`, and where it is over, before `end`. Raises ValueError."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number is cut short")


def signed(value: int) -> int:
    """The 64-bit two's complement `value` as the integer that it stands for.

    >>> signed(2**64 - 1)
    -1
    """
    return value - (1 << 64) if value >= 1 << 63 else value


def integers(data: Any, value: Any) -> List[int]:
    """The repeated integers of `data` in one field's `value`: a number, or the span of packed ones."""
    if isinstance(value, int):
        return [signed(value)]
    at, end = value
    values = []
    while at < end:
        each, at = varint(data, at, end)
        values.append(signed(each))
    return values


def text(data: Any, value: Any) -> str:
    """The text of `data` at the span `value`; empty for None. Raises TypeError where it is a number."""
    if value is None:
        return ""
    begin, end = value
    return str(bytes(data[begin:end]).decode("utf-8", "replace"))
