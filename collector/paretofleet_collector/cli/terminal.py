"""How wide a terminal is, and sentences to the user on it, beside the data: their lines end between words."""

from __future__ import annotations

import os
import re
import sys
from typing import TextIO

from paretofleet_collector.plain_text import printable

#: Columns of a terminal that does not say how wide it is.
_WIDTH = 80
#: What is typed, with what touches it, a number with its unit, or a word.
_PARTS = re.compile(r"[^\s`]*`[^`]+`[^\s`]*|\d[\d.,]* (?:ms|s|min|h|[kMG]?B|%)[,;:.)]*(?!\S)|\S+")
_INDENT, _GOES_ON = "  ", " \\"


def terminal_width(stream: TextIO | None = None) -> int | None:
    """How many columns the terminal behind the `stream` has, or COLUMNS says; None where there is none.

    Without a `stream` it is standard output.
    """
    stream = stream or sys.stdout
    if not stream.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WIDTH
    except OSError:
        return _WIDTH


def write_message(message: str) -> None:
    """Writes one `message` without control characters; in one line where standard error is no terminal."""
    text, width = printable(message), terminal_width(sys.stderr)
    sys.stderr.write("\n".join(folded(text, width) if width else [text]) + "\n")
    sys.stderr.flush()


def write_text(text: str) -> None:
    """Writes a `text` as data, without control characters; on a terminal folded between words."""
    width = terminal_width()
    for line in map(printable, text.split("\n")):
        sys.stdout.writelines(f"{part}\n" for part in (folded(line, width) if width else [line]))


def folded(message: str, width: int) -> list[str]:
    r"""The `message` in lines of at most `width` columns, all but the first indented.

    What stands in backticks stays whole where it fits a line; else it goes on behind a backslash, as a shell
    takes it. A word that is wider than a line stays whole: it is a path or an address.

    >>> folded("start one with `paretofleet up`, or name another", 32)
    ['start one with `paretofleet up`,', '  or name another']
    >>> folded("it was away for 20 s; it is back", 18)
    ['it was away for', '  20 s; it is back']
    >>> folded("try `paretofleet rank first --objective top1`", 30)
    ['try', '  `paretofleet rank first \\', '  --objective top1`']
    """
    if len(message) <= width and message.isascii():
        return [message]
    from paretofleet_analysis.present.table import columns_of  # only where a message is long

    lines = [message[: len(message) - len(message.lstrip())]]
    for part in _PARTS.findall(message):
        is_long = "`" in part and columns_of(_INDENT + part) > width
        words = part.split() if is_long else [part]
        for at, word in enumerate(words):
            goes_on = _GOES_ON if is_long and at else ""
            room = width if at == len(words) - 1 else width - len(_GOES_ON)
            if not lines[-1].strip():
                lines[-1] += word
            elif (is_long and at == 0) or columns_of(f"{lines[-1]} {word}") > room:
                lines[-1] += goes_on
                lines.append(_INDENT + word)
            else:
                lines[-1] += f" {word}"
    return lines
