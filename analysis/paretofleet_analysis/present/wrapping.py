"""How wide text for people is, and its lines."""

from __future__ import annotations

import textwrap

from paretofleet_analysis.present.table import columns_of, fold

#: Columns of text at most, and at least: a narrower terminal breaks the table itself.
WIDTH, WIDTH_MIN = 100, 60


def wrapped(text: str, width: int = WIDTH) -> list[str]:
    """The `text` in lines of at most `width` columns, all but the first indented further."""
    indent = " " * (len(text) - len(text.lstrip()))
    more = indent + "  "
    if columns_of(text) != len(text):  # wide letters, which textwrap counts once
        first, *rest = fold(text.strip(), width - len(more))
        return [indent + first, *(more + line for line in rest)]
    return textwrap.wrap(
        text.strip(), width, initial_indent=indent, subsequent_indent=more, break_on_hyphens=False
    )
