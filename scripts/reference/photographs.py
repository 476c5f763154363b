"""Photographs of a page for the documentation, by headless Chromium; each has the stamp of what it shows."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as resources
from pathlib import Path
from typing import Any, Literal

from paretofleet_analysis.page.content import Page, gather
from paretofleet_analysis.page.render import render
from paretofleet_analysis.page.studies import STUDIES, study_answers
from paretofleet_analysis.ranking.rank import rank_runs
from paretofleet_analysis.report import files

from reference.pictures import STORED

_ROOT = Path(__file__).parents[2]
#: The device whose page is photographed: it has three objectives.
_DEVICE = "tx2"
_ASSETS = ("page.css", "page.html", "page.js")
#: A text chunk of PNG, and the key of ours.
_CHUNK, _KEY = b"tEXt", b"paretofleet-page\0"


@dataclass(frozen=True)
class Window:
    """Pixels and the scheme of colours that a page is opened in."""

    width: int
    height: int
    scheme: Literal["light", "dark"]


#: By file name, in the folder of the documentation.
PHOTOGRAPHS = {"page.png": Window(1280, 1120, "light"), "page-narrow.png": Window(390, 1400, "dark")}


@cache
def page_stamp() -> str:
    """The hash of what a photograph shows: the page's own files, its words, its table and its pictures.

    Rounded as they are shown, so that it is the same on every machine.
    """
    page = _page(with_studies=False)
    shown: list[object] = [page.question, page.recommended, page.notes, page.table]
    if page.front is not None:
        shown += [page.front.alternative, page.front.explanation, *_marks(page.front.specification)]
    own = [resources("paretofleet_analysis.page").joinpath("assets", name).read_text() for name in _ASSETS]
    return hashlib.sha256(json.dumps([own, shown], sort_keys=True).encode()).hexdigest()


def _marks(part: object) -> Iterator[dict[str, Any]]:
    """The marks in a part of a specification with their axes: what is ours of it, and no data."""
    if isinstance(part, dict) and "mark" in part:
        axes = {name: part.get("encoding", {}).get(name, {}) for name in ("x", "y", "text")}
        kept = {
            name: {key: axis.get(key) for key in ("title", "axis", "scale")} for name, axis in axes.items()
        }
        yield {"mark": part["mark"], **kept}
    elif isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            yield from _marks(each)


def _page(*, with_studies: bool) -> Page:
    report = files.read(_ROOT / STORED)
    ranked = rank_runs(report, devices=[_DEVICE])
    answers = study_answers(tuple(STUDIES), report, ranked) if with_studies else ()
    return gather(ranked, title=f"{STORED.parent.name} on {_DEVICE}", answers=answers)


def take_photographs(folder: Path) -> list[str]:
    """Photographs the page into the `folder`; why not, in a sentence, where no Chromium can be driven."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        return [f"{' and '.join(PHOTOGRAPHS)} are as they were: they need chromium and playwright"]
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as driver:
        path = Path(temporary, "report.html")
        path.write_text(render(_page(with_studies=True)), encoding="utf-8")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, window in PHOTOGRAPHS.items():
            size = {"width": window.width, "height": window.height}
            opened = browser.new_context(viewport=size, color_scheme=window.scheme).new_page()
            opened.goto(path.as_uri())
            opened.wait_for_selector("html[data-ready=yes]", timeout=120_000)
            (folder / name).write_bytes(stamped(opened.screenshot(), page_stamp()))
        browser.close()
    return []


def stamped(png: bytes, stamp: str) -> bytes:
    """A `png` that carries the `stamp`, in a chunk behind its head."""
    data = _CHUNK + _KEY + stamp.encode()
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    head = 8 + 25
    return png[:head] + chunk + png[head:]


def stamp_of(png: bytes) -> str:
    """The stamp that a `png` carries; "" where it has none."""
    _, key, rest = png.partition(_CHUNK + _KEY)
    return rest[:64].decode("ascii", "replace") if key else ""
