"""Text as wide as a terminal: lines end between words, tables lose columns from the right and say which."""

from __future__ import annotations

import os
import re
import sys
import textwrap
import unicodedata
from typing import Iterator, NamedTuple, Sequence, TextIO

#: Columns of a terminal that does not say how wide it is.
WIDTH = 80
_GAP = "  "
_TYPED = re.compile(r"`[^`]+`")
_PARTS = re.compile(r"[^-_./@,:=]*[-_./@,:=]+|[^-_./@,:=]+")


class Heading(NamedTuple):
    """A column's `title`, and whether it holds numbers, aligned to the `right`."""

    title: str
    right: bool = True


def width_of_output(stream: TextIO | None = None) -> int | None:
    """How many columns the terminal behind the `stream` has, or COLUMNS says; None where it is none.

    Without a `stream` it is standard output.
    """
    stream = stream or sys.stdout
    if not stream.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    except OSError:
        return WIDTH


def columns_of(text: str) -> int:
    """How many columns a `text` takes: two for a wide letter, none for a combining mark.

    >>> columns_of("cpu"), columns_of("模型")
    (3, 4)
    """
    if all(ord(letter) < 128 for letter in text):
        return len(text)
    shown = (letter for letter in text if unicodedata.category(letter) not in ("Mn", "Me", "Cf"))
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in shown)


def fold(text: str, width: int) -> list[str]:
    """The `text` in lines of at most `width` columns: folded at spaces, a word that is wider after its
    punctuation, and a part that is wider still anywhere.

    >>> fold("onnxruntime 1.20 on cpu", 12)
    ['onnxruntime', '1.20 on cpu']
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
    return [line.rstrip() for line in lines]


def _parts(word: str, width: int) -> Iterator[str]:
    if columns_of(word) <= width:
        yield word
        return
    for part in _PARTS.findall(word):
        if columns_of(part) <= width:
            yield part
        else:
            yield from part


def write_message(message: str) -> None:
    """Writes a `message` to standard error; on a terminal its lines end between words.

    What stands in backticks, and a path, stays whole: it is copied.
    """
    width = width_of_output(sys.stderr)
    if width is not None:
        whole = _TYPED.sub(lambda typed: typed[0].replace(" ", "\0"), message)
        wrapper = textwrap.TextWrapper(width, subsequent_indent="  ", break_on_hyphens=False)
        wrapper.break_long_words = False
        message = wrapper.fill(whole).replace("\0", " ")
    sys.stderr.write(f"{message}\n")


def hung(head: str, text: str, width: int | None) -> list[str]:
    """The `head` with the `text` behind it, whose further lines begin where its first does.

    None as `width` folds nothing.

    >>> hung("energy  ", "none, because no sensor speaks", 24)
    ['energy  none, because no', '        sensor speaks']
    """
    if width is None:
        return [f"{head}{text}".rstrip()]
    indent = columns_of(head)
    if 2 * indent > width:  # a narrow terminal: below the head there is more room
        return [*fold(head.rstrip(), width), *(f"  {line}" for line in fold(text, max(1, width - 2)))]
    first, *rest = fold(text, width - indent)
    return [f"{head}{first}".rstrip(), *(" " * indent + line for line in rest)]


def facts(pairs: Sequence[tuple[str, str]], width: int | None) -> str:
    """Lines of at most `width` columns: what each of the `pairs` is called, and its value beside it."""
    room = max(columns_of(name) for name, _ in pairs)
    lines = []
    for name, value in pairs:
        lines += hung(f"{name}{' ' * (room - columns_of(name))}{_GAP}", value, width)
    return "\n".join(lines)


def table(
    headings: Sequence[Heading], rows: Sequence[Sequence[str]], width: int | None
) -> tuple[list[str], list[str]]:
    """The lines of a table of at most `width` columns, titles first; and the titles that were left out.

    `rows` have a cell for each of the `headings`, which is not folded. The first column stays, however narrow
    the terminal is.

    >>> table([Heading("run"), Heading("mean ms")], [["1", "5.013"]], 8)
    (['run', '  1'], ['mean ms'])
    """
    whole = [[heading.title for heading in headings], *rows]
    widths = [max(map(columns_of, cells)) for cells in zip(*whole)]
    shown = len(widths)
    while width is not None and shown > 1 and sum(widths[:shown]) + len(_GAP) * (shown - 1) > width:
        shown -= 1
    lines = []
    for cells in whole:
        padded = []
        for text, room, heading in zip(cells[:shown], widths, headings):
            blank = " " * (room - columns_of(text))
            padded.append(blank + text if heading.right else text + blank)
        lines.append(_GAP.join(padded).rstrip())
    return lines, [heading.title for heading in headings[shown:]]
