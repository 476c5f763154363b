"""Rows of a table of docs/benchmarks.md, printed as they come, and written there if that is asked for.

A bench may be run in pieces: a row replaces the one of the same name below the same heading.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


@dataclass
class Table:
    """A table below a `heading` of a page, the names of its `columns`, and its `rows` so far."""

    heading: str
    columns: tuple[str, ...]
    rows: list[str] = field(default_factory=list)
    _begin_s: float = field(default_factory=time.monotonic)

    def head(self) -> None:
        """Print the names of the columns."""
        print(f"\n{self.heading}\n")
        print("\n".join(self._head()), flush=True)

    def row(self, *cells: str) -> None:
        """Print a row and how long it took."""
        self.rows.append(f"| {' | '.join(cells)} |")
        now_s = time.monotonic()
        print(f"{self.rows[-1]}  ({now_s - self._begin_s:.0f} s)", flush=True)
        self._begin_s = now_s

    def write(self, page: Path) -> None:
        """Put the rows into the first table below the heading of a `page`, and today's date above it.

        ValueError where the page has no such heading with a table of these columns.
        """
        text = page.read_text()
        start = text.find(f"\n### {self.heading}\n")
        head = "\n".join(self._head())
        table = text.find(head, start)
        if start < 0 or table < 0 or "\n### " in text[start + 1 : table]:
            raise ValueError(f"{page} has no heading {self.heading!r} with a table of {self.columns}")
        end = text.find("\n\n", table)
        kept = {_name(row): row for row in text[table + len(head) : end].strip().split("\n") if row}
        kept |= {_name(row): row for row in self.rows}
        above = _DATE.sub(dt.datetime.now(dt.UTC).date().isoformat(), text[start:table], count=1)
        page.write_text(text[:start] + above + "\n".join([head, *kept.values()]) + text[end:])

    def _head(self) -> list[str]:
        return [f"| {' | '.join(self.columns)} |", "|" + "---|" * len(self.columns)]


def _name(row: str) -> str:
    """The first cell of a row, by which it is known."""
    return row.split("|")[1].strip()
