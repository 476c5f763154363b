"""What an architecture search came to, as one HTML file with its figures drawn. Needs the extra `figures`.

It has no script: figures are pictures, so that a page of many trials stays small.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.figures.grammar import DRAWN_BY, MISSING, save
from paretofleet_analysis.figures.study import placed_points, study_specification
from paretofleet_analysis.studies.answer import Answer
from paretofleet_analysis.whole_file import written_whole


@dataclass(frozen=True)
class DrawnAnswer:
    """An `answer` with its `picture`, a data URL of an SVG; "" where it has none."""

    answer: Answer
    picture: str


def write_search_page(
    answers: Sequence[Answer], path: Path, *, title: str, notes: Sequence[str] = (), simulated: str = ""
) -> str:
    """Writes the `answers` on a search to `path`, whole or not at all, under a `title` with `notes`.

    `simulated`: what heads it where devices are, which titles name, else "". Returns the page's
    SHA-256. Raises RankError without the extra `figures`, ReportError where it cannot be written.
    """
    if not all(map(find_spec, DRAWN_BY)):
        raise RankError(MISSING)
    from paretofleet_analysis.page.render import plain_page

    drawn = [DrawnAnswer(answer, _picture(answer)) for answer in answers]
    content = plain_page("search.html", title=title, notes=notes, simulated=simulated, answers=drawn).encode()
    with written_whole(path, "a page") as file:
        file.write(content)
    return hashlib.sha256(content).hexdigest()


def _picture(answer: Answer) -> str:
    if answer.chart is None or not placed_points(answer.chart):
        return ""
    specification = study_specification(answer.chart, simulated="", description=answer.sentence)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.svg"
        save(specification, path)
        return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"
