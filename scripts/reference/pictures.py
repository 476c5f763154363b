"""The pictures of the documentation: what `rank` prints of the stored sweep, and its frontier."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from paretofleet_analysis.present.ranking_text import render
from paretofleet_analysis.ranking.rank import RankedRow, Ranking, rank
from paretofleet_analysis.report import files
from rich.console import Console
from rich.text import Text

STORED = Path("tests/fixtures/stored_sweep/report.parquet")
_ROOT = Path(__file__).parents[2]
_TIME = "batch_latency_mean_s"
#: Of the drawing area: its edges, in pixels.
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 690, 30, 350
_FRONT, _BEATEN = "#0072b2", "#8a8a8a"


def ranking_picture() -> str:
    """What `paretofleet rank` prints of the stored sweep, as an SVG of a terminal, without its evidence."""
    printed = "\n\n".join(render(_stored()).split("\n\n")[:3])
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(Text(printed))
    return console.export_svg(title=f"paretofleet rank {STORED}", unique_id="ranking")


def frontier_picture() -> str:
    """Accuracy by latency of the stored sweep's rows with their 95 % intervals; the frontier is joined."""
    rows = _stored().rows
    front = sorted(
        (row for row in rows if row.verdict == "front"), key=lambda row: row.compared(_TIME).mean or 0.0
    )
    corners = " ".join(f"{_x(_ms(row)):.1f},{_y(_top1(row)):.1f}" for row in front)
    parts = [
        *_axes(),
        f'<polyline points="{corners}" fill="none" stroke="{_FRONT}" stroke-dasharray="5 4"/>',
        *(part for row in rows for part in _point(row)),
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 410" font-family="sans-serif" '
        'font-size="13">\n<rect width="720" height="410" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


@cache
def _stored() -> Ranking:
    return rank(files.read(_ROOT / STORED))


def _axes() -> list[str]:
    edge = f'stroke="#444" x1="{_LEFT}" y2="{_BOTTOM}"'
    parts = [
        f'<line {edge} x2="{_RIGHT}" y1="{_BOTTOM}"/>',
        f'<line {edge} x2="{_LEFT}" y1="{_TOP}"/>',
        f'<text x="{(_LEFT + _RIGHT) / 2}" y="395" text-anchor="middle">mean latency of one item, ms</text>',
        f'<text x="{_LEFT - 45}" y="{_TOP - 12}">top-1, %</text>',
    ]
    parts += [
        f'<text x="{_x(ms):.1f}" y="{_BOTTOM + 20}" text-anchor="middle">{ms}</text>'
        for ms in (1, 3, 10, 30, 100)
    ]
    return parts + [
        f'<text x="{_LEFT - 10}" y="{_y(percent) + 4:.1f}" text-anchor="end">{percent}</text>'
        for percent in (55, 60, 65, 70, 75)
    ]


def _point(row: RankedRow) -> list[str]:
    """A row's point, the interval of its latency, and its name: filled on the frontier, hollow beaten."""
    estimate = row.compared(_TIME)
    is_front = row.verdict == "front"
    colour, fill = (_FRONT, _FRONT) if is_front else (_BEATEN, "white")
    x, y = _x(_ms(row)), _y(_top1(row))
    ends = [x if end is None else _x(end * 1e3) for end in (estimate.lo, estimate.hi)]
    name = escape(f"{row.identity['model']} on {row.identity['device']}")
    return [
        f'<line x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="{colour}" stroke-width="2"/>',
        f'<text x="{x + 10:.1f}" y="{y - 7:.1f}" fill="{colour}">{name}</text>',
    ]


def _ms(row: RankedRow) -> float:
    return (row.compared(_TIME).mean or 0.0) * 1e3


def _top1(row: RankedRow) -> float:
    return row.compared("top1").mean or 0.0


def _x(ms: float) -> float:
    """Pixels from the left, on a log scale of 0.8 to 500 ms."""
    return _between(math.log(ms), (math.log(0.8), math.log(500.0)), (_LEFT, _RIGHT))


def _y(percent: float) -> float:
    return _between(percent, (53.0, 76.0), (_BOTTOM, _TOP))


def _between(value: float, ends: Sequence[float], pixels: Sequence[float]) -> float:
    return pixels[0] + (value - ends[0]) / (ends[1] - ends[0]) * (pixels[1] - pixels[0])
