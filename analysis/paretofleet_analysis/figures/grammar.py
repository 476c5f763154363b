"""What all pictures share: the words of their grammar, colours, and how they become files.

A picture is a specification of Vega-Lite: data for whoever draws it, which vl-convert does for files and Vega
in pages. It is made without Altair, whose models of the same words take longer than the drawing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

SUFFIXES = (".svg", ".pdf", ".png")
#: Okabe and Ito's colours, which are told apart by who sees no red or green.
BLUE, VERMILION, GREY, SKY = "#0072B2", "#D55E00", "#8C8C8C", "#56B4E9"
PALETTE = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", SKY)
#: Fewer ticks of an axis do not show that it is logarithmic.
_TICKS_MIN = 3
#: The grammar that the specifications are written in.
_MAJOR = "6"
_SCHEMA = f"https://vega.github.io/schema/vega-lite/v{_MAJOR}.json"
#: The modules of the extra `figures`.
DRAWN_BY = ("vl_convert", "jinja2")
MISSING = (
    "pages and pictures need vl-convert and Jinja: install them with "
    "`pip install 'paretofleet-analysis[figures]'`"
)


def grammar_version() -> str:
    """The version of Vega-Lite that draws, the newest of the grammar's, as in "6.4"; raises ImportError."""
    versions: list[str] = import_module("vl_convert").get_vegalite_versions()
    return [version for version in versions if version.split(".")[0] == _MAJOR][-1]


def quantity(field: str, **more: Any) -> dict[str, Any]:
    """A channel with the numbers of a `field` of the data, and `more` of its keys."""
    return {"field": field, "type": "quantitative", **more}


def category(field: str, **more: Any) -> dict[str, Any]:
    """A channel with the texts of a `field` of the data, and `more` of its keys."""
    return {"field": field, "type": "nominal", **more}


def layer(
    mark: str,
    data: str | Sequence[Mapping[str, Any]],
    encoding: Mapping[str, Any],
    *,
    only: Any = None,
    **look: Any,
) -> dict[str, Any]:
    """A layer of marks: the kind of `mark` with its `look`, one for each row of `data`, the name of a data
    set or rows, that the filter `only` keeps, placed by its `encoding`: channels by name.
    """
    rows = {"name": data} if isinstance(data, str) else {"values": list(data)}
    made = {"data": rows, "mark": {"type": mark, **look}, "encoding": dict(encoding)}
    return made if only is None else made | {"transform": [{"filter": only}]}


def whole(body: Mapping[str, Any], *, axis: Mapping[str, Any], legend: Mapping[str, Any]) -> dict[str, Any]:
    """The `body` as a whole specification, with what all axes and legends have, and `axis` and `legend`."""
    config = {
        "axis": {"gridOpacity": 0.35, "labelOverlap": "greedy", "labelSeparation": 4, **axis},
        "legend": {"orient": "top", "direction": "horizontal", "symbolOpacity": 1, **legend},
    }
    return {"$schema": _SCHEMA, "config": config, **body}


def log_ticks(least: float, most: float) -> list[float]:
    """Round numbers on a logarithmic axis from `least` to `most`, which are positive: three or more of few
    digits, none where it takes finer ones.

    >>> log_ticks(0.7, 250.0), log_ticks(2.0, 30.0)
    ([1.0, 10.0, 100.0], [3.0, 10.0, 30.0])
    >>> log_ticks(11.0, 14.0)
    []
    """
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    for digits in ("1", "13", "125", "123456789"):
        ticks = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
        inside = [tick for tick in ticks if least <= tick <= most]
        if len(inside) >= _TICKS_MIN:
            return inside
    return []


def save(specification: Mapping[str, Any], path: Path) -> None:
    """Writes the picture of a Vega-Lite `specification` to `path`, whose ending is one of SUFFIXES.

    Raises ImportError without vl-convert.
    """
    vl_convert: Any = import_module("vl_convert")
    version = grammar_version()
    if path.suffix == ".svg":
        path.write_text(vl_convert.vegalite_to_svg(dict(specification), vl_version=version), encoding="utf-8")
    elif path.suffix == ".pdf":
        path.write_bytes(vl_convert.vegalite_to_pdf(dict(specification), vl_version=version))
    else:
        path.write_bytes(vl_convert.vegalite_to_png(dict(specification), vl_version=version, scale=2))


def heading(simulated: str, lines: Sequence[str]) -> dict[str, Any]:
    """The head of a picture: what is said of `simulated` rows, "" where none is, and below it `lines` that
    explain the marks.
    """
    return {
        "text": simulated,
        "subtitle": list(lines),
        "anchor": "start",
        "color": VERMILION,
        "fontSize": 12,
        "subtitleFontSize": 10,
        "subtitleColor": "#555555",
    }


def simulated_mark(simulated: Sequence[bool]) -> str:
    """What is said of rows of which some are `simulated`; "" where none is."""
    if not any(simulated):
        return ""
    return "SIMULATED DEVICES" if all(simulated) else f"{sum(simulated)} OF {len(simulated)} ROWS SIMULATED"
