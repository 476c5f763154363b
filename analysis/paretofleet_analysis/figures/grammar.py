"""What all pictures share: colours, the mark of simulated data, and how they become files."""

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
MISSING = "pages and pictures need Altair: install it with `pip install 'paretofleet-analysis[figures]'`"


def altair() -> Any:
    """Altair, which is not installed everywhere, and typed in part; raises ImportError."""
    return import_module("altair")


def grammar_version() -> str:
    """The version of Vega-Lite that Altair writes, as in "6.1"; raises ImportError."""
    major_minor: str = altair().SCHEMA_VERSION.lstrip("v").rpartition(".")[0]
    return major_minor


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


def heading(alt: Any, simulated: str, lines: Sequence[str]) -> Any:
    """The head of a chart of `alt`: what is said of `simulated` rows, "" where none is, and below it `lines`
    that explain the marks.
    """
    return alt.TitleParams(
        simulated,
        subtitle=list(lines),
        anchor="start",
        color=VERMILION,
        fontSize=12,
        subtitleFontSize=10,
        subtitleColor="#555555",
    )


def simulated_mark(simulated: Sequence[bool]) -> str:
    """What is said of rows of which some are `simulated`; "" where none is."""
    if not any(simulated):
        return ""
    return "SIMULATED DEVICES" if all(simulated) else f"{sum(simulated)} OF {len(simulated)} ROWS SIMULATED"
