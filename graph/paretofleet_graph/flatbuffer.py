"""The tables of a flatbuffer, read within bounds."""

import struct
from typing import Any, List, Tuple

#: Elements of a vector of tables, and of one of numbers; a file with more is no network.
TABLES_MAX, NUMBERS_MAX = 1 << 20, 1 << 12
TEXT_BYTES_MAX = 1 << 12


class Table(object):
    """The table of `data` that begins at `at`. Fields are counted from 0; an absent one has its default.

    Raises struct.error and ValueError where it leaves the data or makes no sense.
    """

    def __init__(self, data: Any, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - _at(data, "i", at)
        self._count = (_at(data, "H", self._fields) - 4) // 2

    def number(self, field: int, letter: str, default: int = 0) -> int:
        """The number of a `field`; `letter`: its type, as struct calls it."""
        place = self._place(field)
        return _at(self._data, letter, place) if place else default

    def numbers(self, field: int, letter: str) -> List[Any]:
        """The numbers of a vector; `letter`: their type."""
        begin, count = self._vector(field, struct.calcsize("<" + letter), NUMBERS_MAX)
        if not count:
            return []
        return list(struct.unpack_from("<%d%s" % (count, letter), self._data, begin))

    def table(self, field: int) -> Any:
        """The table of a `field`; None where it is absent."""
        place = self._place(field)
        return Table(self._data, place + _at(self._data, "I", place)) if place else None

    def tables(self, field: int) -> List[Any]:
        """The tables of a vector."""
        begin, count = self._vector(field, 4, TABLES_MAX)
        places = (begin + 4 * each for each in range(count))
        return [Table(self._data, place + _at(self._data, "I", place)) for place in places]

    def text(self, field: int) -> str:
        """The text of a `field`; empty where it is absent."""
        begin, count = self._vector(field, 1, TEXT_BYTES_MAX)
        return bytes(self._data[begin : begin + count]).decode("utf-8", "replace")

    def length(self, field: int, size_bytes: int = 1) -> int:
        """How many elements a vector has; each takes `size_bytes`."""
        return self._vector(field, size_bytes, len(self._data))[1]

    def _vector(self, field: int, size_bytes: int, count_max: int) -> Tuple[int, int]:
        """Where the elements of a vector begin, and how many there are; each has `size_bytes`."""
        place = self._place(field)
        if not place:
            return 0, 0
        begin = place + _at(self._data, "I", place)
        count = _at(self._data, "I", begin)
        if count > count_max or begin + 4 + count * size_bytes > len(self._data):
            raise ValueError("a vector of %d elements is cut short" % count)
        return begin + 4, count

    def _place(self, field: int) -> int:
        """Where the value of a `field` is; 0 where it is absent."""
        if field >= self._count:
            return 0
        offset = _at(self._data, "H", self._fields + 4 + 2 * field)
        return self._at + offset if offset else 0


def root(data: Any) -> Table:
    """The first table of `data`. Raises struct.error where there is none."""
    return Table(data, _at(data, "I", 0))


def _at(data: Any, letter: str, at: int) -> int:
    if at < 0:  # it would count from the end
        raise ValueError("a place before the file")
    return int(struct.unpack_from("<" + letter, data, at)[0])
