"""A page as one HTML file that asks for nothing from anywhere. Needs the extra `figures`.

Names from files are data: Jinja escapes all that it is given, the script makes text of it, never markup, and
the page's policy of content allows no request at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from paretofleet_analysis.figures.grammar import SUFFIXES, save
from paretofleet_analysis.page.content import Page
from paretofleet_analysis.page.library import vega_script
from paretofleet_analysis.page.style import base_style
from paretofleet_analysis.present.paper_table import HTML, render_paper_table
from paretofleet_analysis.studies.answer import Cell
from paretofleet_analysis.whole_file import written_whole

#: Rows of the table where no script runs, as in the preview of a mail.
_PLAIN_ROWS = 50
#: Longer texts of a table are broken into lines.
_SHORT = 32


def render(page: Page) -> str:
    """The HTML of a `page`. Raises ImportError without the extra `figures`."""
    return _rendered(
        "page.html",
        page=page,
        style=_markup(base_style() + _asset("page.css")),
        script=_markup(_asset("page.js")),
        library=_markup(vega_script()),
        data=htmlsafe_json_dumps(_data(page), separators=(",", ":"), ensure_ascii=False),
        plain_table=_markup(render_paper_table(page.ranking, HTML, top=_PLAIN_ROWS)),
    )


def plain_page(template: str, **content: Any) -> str:
    """The HTML of a `template` without a script, with its `content` by name, in the look of all pages."""
    return _rendered(template, style=_markup(base_style() + _asset("page.css")), **content)


def _rendered(template: str, **content: Any) -> str:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(_asset(template)).render(
        text_of=_text_of,
        known_columns=_known_columns,
        is_short=lambda cell: isinstance(cell, str) and len(cell) <= _SHORT,
        rows_of=_rows_of,
        **content,
    )


def _data(page: Page) -> dict[str, Any]:
    return {
        "table": page.table,
        "evidence": page.evidence,
        "figures": {figure.name: figure.specification for figure in page.figures},
    }


def _text_of(cell: Cell) -> str:
    """What stands in a study's table: numbers to four digits, which is more than they tell.

    >>> _text_of(0.15944341), _text_of(1234567.8), _text_of(3), _text_of(None)
    ('0.1594', '1234568', '3', '-')
    """
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) < 1e4 else f"{cell:.0f}"
    return "-" if cell is None else str(cell)


def _known_columns(rows: Sequence[Sequence[Cell]]) -> dict[int, bool]:
    """The columns of which anything is known, and whether they hold numbers, which stand to the right.

    >>> _known_columns([("a", None, 1.5), ("b", None, None)])
    {0: False, 2: True}
    """
    return {
        at: any(isinstance(cell, (int, float)) for cell in column)
        for at, column in enumerate(zip(*rows, strict=True))
        if any(cell is not None for cell in column)
    }


def _rows_of(rows: Sequence[object]) -> str:
    """How many rows.

    >>> _rows_of([1]), _rows_of([1, 2])
    ('1 row', '2 rows')
    """
    return f"{len(rows)} row{'s' * (len(rows) != 1)}"


def _asset(name: str) -> str:
    return files("paretofleet_analysis.page").joinpath("assets", name).read_text(encoding="utf-8")


def _markup(text: str) -> Markup:
    """What is markup by intent: our files, the library, and a table that is escaped already."""
    return Markup(text)  # noqa: S704 - nothing of a report


def write(page: Page, path: Path) -> str:
    """Writes the HTML of a `page` to `path`, whole or not at all; its SHA-256. Raises ReportError."""
    content = render(page).encode()
    with written_whole(path, "a page") as file:
        file.write(content)
    return hashlib.sha256(content).hexdigest()


def write_figures(page: Page, folder: Path) -> list[Path]:
    """Writes every figure of a `page` into a `folder` as SVG, PDF and PNG; returns their paths."""
    paths = []
    for figure in page.figures:
        for suffix in SUFFIXES:
            paths.append(folder / f"{figure.name}{suffix}")
            save(figure.specification, paths[-1])
    return paths
