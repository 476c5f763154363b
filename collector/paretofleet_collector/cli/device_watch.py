"""`paretofleet devices list --watch`: the fleet as it changes, in place on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from shutil import get_terminal_size

from paretofleet_collector.cli.output import Column, Row, table_lines
from paretofleet_collector.errors import Unreachable

LOOK_S = 2.0
#: Another screen without a cursor, and back; the first place of it; the rest of a line, and of the screen.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"
#: What changes all the time and is no news.
_CLOCKS = ("last_seen_unix_s",)


def watch(
    look: Callable[[], Sequence[Row]], columns: Sequence[Column], nothing: str, wait_s: float = LOOK_S
) -> None:
    """Shows as a table of `columns` what `look` returns, or `nothing`, every `wait_s` seconds until Ctrl-C.

    A terminal is redrawn; elsewhere a table is written when something has changed. A collector that goes
    away is waited for; raises Unreachable where none was there.
    """
    is_terminal = sys.stdout.isatty()
    lines: list[str] = []
    try:
        with _other_screen() if is_terminal else _plain():
            for lines in _tables(look, columns, nothing, wait_s, is_terminal=is_terminal):
                sys.stdout.write(_redrawn(lines) if is_terminal else "\n".join([*lines, "", ""]))
                sys.stdout.flush()
    except KeyboardInterrupt:
        if is_terminal:  # the other screen is gone with what was on it
            sys.stdout.write("\n".join([*lines, ""]))


def _tables(
    look: Callable[[], Sequence[Row]],
    columns: Sequence[Column],
    nothing: str,
    wait_s: float,
    *,
    is_terminal: bool,
) -> Iterator[list[str]]:
    """The lines to show: each time, or elsewhere than on a terminal where there is news."""
    rows: Sequence[Row] | None = None
    news_before: object = None
    while True:
        fault = ""
        try:
            rows = look()
        except Unreachable as error:
            if rows is None:
                raise
            fault = f"waiting for the collector: {error}"
        news = (fault, [{key: row[key] for key in row if key not in _CLOCKS} for row in rows])
        if is_terminal or news != news_before:
            head = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}{' ' * bool(fault)}{fault}"
            table, beside = table_lines(rows, columns) if rows else ([nothing], [])
            yield [head, *table, *beside]
        news_before = news
        time.sleep(wait_s)


def _redrawn(lines: Sequence[str]) -> str:
    """What writes `lines` over those that are on the screen, as many as it has room for."""
    height = max(1, get_terminal_size().lines - 1)
    return _HOME + "".join(f"{line}{_REST_OF_LINE}\n" for line in lines[:height]) + _REST


@contextmanager
def _other_screen() -> Iterator[None]:
    sys.stdout.write(_ENTER)
    try:
        yield
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()


@contextmanager
def _plain() -> Iterator[None]:
    yield
