"""What the pages are made of: paragraphs, tables, and where a page comes from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

COLUMNS = 98


def paragraph(text: str) -> str:
    """The text in lines of at most COLUMNS letters."""
    return textwrap.fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with those heads; a bar in a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def origin(*sources: str) -> str:
    """The sentence that says which files of the repository a page is made from."""
    files = " and\n".join(f"`{source}`" for source in sources)
    return f"Made by `make docs`; change it in\n{files}."


def page(*sections: str) -> str:
    """A page of these sections."""
    return "\n\n".join(sections) + "\n"
