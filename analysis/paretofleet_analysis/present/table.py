"""Tables as wide as a terminal: names stay, other columns go from the right, and no word is broken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

_GAP = "  "
#: Columns of names are folded down to so much in all, any text to so much, before others are left out.
_NAMES, _TEXT = 32, 12
#: A name of at most so many columns is whole, unless the names alone do not fit.
_WHOLE = 24
#: Below this many columns a name is not folded, unless its parts are as short.
_LEAST = 8
#: A text is folded into about so many lines before its column is left out.
_LINES = 4
_PARTS = re.compile(r"[^-_./@,:=]*[-_./@,:=]+|[^-_./@,:=]+")
_INTERVAL = re.compile(r" (?=[(±])")
_ZERO_WIDTH = ("Mn", "Me", "Cf")


@dataclass(frozen=True)
class TableColumn:
    """A column of a table: its title and the text of each row.

    `right`: numbers, aligned to the right and folded only before their interval. `kept`: it names the row or
    is what the table is for, so it is never left out.
    """

    title: str
    cells: Sequence[str]
    right: bool = False
    kept: bool = False


def columns_of(text: str) -> int:
    """How many columns of a terminal a `text` takes: two for a wide letter, none for a combining mark.

    >>> columns_of("resnet50"), columns_of("模型"), columns_of("e\u0301")
    (8, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(map(_width_of, text))


def _width_of(letter: str) -> int:
    if unicodedata.category(letter) in _ZERO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def fold(text: str, width: int) -> list[str]:
    """The `text` in lines of at most `width` columns: folded at spaces, a word that is wider after its
    punctuation, and a part that is wider still anywhere.

    >>> fold("my_long_network on desk", 10)
    ['my_long_', 'network on', 'desk']
    """
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if columns_of(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for part in _parts(word, width):
            if lines[-1] and columns_of(lines[-1] + part) > width:
                lines.append("")
            lines[-1] += part
    return lines


def _parts(word: str, width: int) -> Iterator[str]:
    if columns_of(word) <= width:
        yield word
        return
    for part in _PARTS.findall(word):
        if columns_of(part) <= width:
            yield part
        else:
            yield from part


def lay_out(columns: Sequence[TableColumn], width: int | None) -> tuple[list[str], list[str]]:
    """The lines of a table of at most `width` columns, the titles first; and the titles that were left out.

    None as `width` folds nothing and leaves nothing out. Lines are wider only where the columns that are kept
    cannot be narrower than eight each.
    """
    shown, widths = _fitted(list(columns), width)
    lines = []
    for texts in zip(*([column.title, *column.cells] for column in shown), strict=True):
        folded = [
            _number(text, room) if column.right else fold(text, room)
            for text, room, column in zip(texts, widths, shown, strict=True)
        ]
        for at in range(max(map(len, folded))):
            cells = [
                _padded(parts[at] if at < len(parts) else "", room, right=column.right)
                for parts, room, column in zip(folded, widths, shown, strict=True)
            ]
            lines.append(_GAP.join(cells).rstrip())
    return lines, [column.title for column in columns if column not in shown]


def _number(text: str, width: int) -> list[str]:
    return [text] if columns_of(text) <= width else _INTERVAL.split(text)


def _padded(text: str, room: int, *, right: bool) -> str:
    blank = " " * (room - columns_of(text))
    return blank + text if right else text + blank


def _fitted(shown: list[TableColumn], width: int | None) -> tuple[list[TableColumn], list[int]]:
    """The columns that fit in `width`, and their widths."""
    if width is None:
        return shown, [_natural(column) for column in shown]
    while True:
        names = sum(column.kept and not column.right for column in shown)
        widths = _shrunk(shown, width, partial(_readable, names=names))
        droppable = [column for column in shown if not column.kept]
        if widths is not None:
            return shown, widths
        if not droppable or len(shown) == 1:
            break
        shown = [column for column in shown if column is not droppable[-1]]
    for floor in (_by_parts, _least):
        widths = _shrunk(shown, width, floor)
        if widths is not None:
            return shown, widths
    return shown, [_least(column) for column in shown]


def _shrunk(
    shown: Sequence[TableColumn], width: int, floor: Callable[[TableColumn], int]
) -> list[int] | None:
    """Widths that fit in `width`, the widest columns shrunk first but none below its `floor`; None: none."""
    widths = [_natural(column) for column in shown]
    floors = [min(floor(column), natural) for column, natural in zip(shown, widths, strict=True)]
    room = width - len(_GAP) * (len(shown) - 1)
    while sum(widths) > room:
        over = [at for at, natural in enumerate(widths) if natural > floors[at]]
        if not over:
            return None
        widths[max(over, key=lambda at: widths[at])] -= 1
    return widths


def _natural(column: TableColumn) -> int:
    return max(map(columns_of, (column.title, *column.cells)))


def _widest(column: TableColumn, parts: Callable[[str], Sequence[str]]) -> int:
    """The widest of what must not be folded in any cell of a `column`."""
    return max(columns_of(part) for text in (column.title, *column.cells) for part in parts(text) or ("",))


def _readable(column: TableColumn, *, names: int) -> int:
    if column.right:
        return _widest(column, _INTERVAL.split)
    if column.kept:
        whole = [width for width in map(columns_of, _unbroken(column)) if width <= _WHOLE]
        return max(_TEXT, _NAMES // names, _by_parts(column), *whole)
    return max(_TEXT, _widest(column, str.split), _natural(column) // _LINES)


def _unbroken(column: TableColumn) -> list[str]:
    return [word for text in (column.title, *column.cells) for word in text.split()]


def _by_parts(column: TableColumn) -> int:
    if column.right:
        return _widest(column, _INTERVAL.split)
    return _widest(column, lambda text: [part for word in text.split() for part in _PARTS.findall(word)])


def _least(column: TableColumn) -> int:
    return _by_parts(column) if column.right else min(_LEAST, _natural(column))
