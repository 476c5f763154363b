"""How the page is written: templates that escape all they are given, and numbers as people read them."""

from __future__ import annotations

import hashlib
import importlib.util
import shlex
import time
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup
from paretofleet_analysis.page.style import base_style

from paretofleet_collector.model.run_time import Span
from paretofleet_collector.model.views import DeviceView
from paretofleet_collector.plain_text import printable

_HERE = "paretofleet_collector.web"
VEGA = "vega.js"
#: What the page's files are, by their endings.
KINDS = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain", ".svg": "image/svg+xml"}


@cache
def environment() -> jinja2.Environment:
    """The templates, which escape what they are given and show control characters as a question mark."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_visible,
    )
    made.filters |= {
        "duration": duration,
        "pausing": pausing,
        "left": left,
        "number": number,
        "utc": utc,
        "count": count,
        "state": lambda text: str(text).replace("_", " "),
    }
    made.globals |= {"command": command, "asset": asset_url}
    return made


def render(template: str, values: Mapping[str, Any]) -> str:
    """The HTML of a `template` with `values`."""
    return environment().get_template(template).render(values)


def macro(template: str, name: str) -> Any:
    """The macro `name` of a `template`."""
    return getattr(environment().get_template(template).module, name)


def _visible(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def assets() -> Mapping[str, bytes]:
    """The files that the page asks for, by name: all that a browser ever loads from here beside pages."""
    folder = files(_HERE).joinpath("assets")
    contents = {each.name: each.read_bytes() for each in folder.iterdir()}
    contents["base.css"] = base_style().encode()
    return contents


@cache
def asset_url(name: str) -> str:
    """The address of the file `name`, another where its content is: browsers keep it for long."""
    return f"/assets/{name}?v={hashlib.sha256(assets()[name]).hexdigest()[:12]}"


def vega_url() -> str:
    """The address of Vega, "" where the extra `figures` of the analysis is not installed."""
    if importlib.util.find_spec("vl_convert") is None:
        return ""
    return f"/assets/{VEGA}?v={version('vl-convert-python')}"


@cache
def vega() -> bytes:
    """Vega as one script, as the page of `analyze` has it; it takes seconds where it was never made here."""
    from paretofleet_analysis.page.library import vega_script

    return vega_script().encode()


def command(*parts: str) -> str:
    """What to type to do the same.

    >>> command("sweep", "cancel", "my sweep")
    "paretofleet sweep cancel 'my sweep'"
    """
    return shlex.join(["paretofleet", *(printable(part) for part in parts)])


def pausing(device: DeviceView) -> str:
    """Which of pause and resume a `device` can have; empty for one that was removed, or waits to join."""
    return {"paused": "resume", "online": "pause", "offline": "pause"}.get(device.state, "")


def duration(seconds: float | None) -> str:
    """A time in `seconds` in its two largest units, "-" where it is absent.

    >>> duration(4.2), duration(250), duration(7500), duration(None)
    ('4 s', '4 min 10 s', '2 h 5 min', '-')
    """
    if seconds is None:
        return "-"
    whole = round(seconds)
    for size, name, smaller, below in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name} {rest} {below}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def left(span: Span | None) -> str:
    """The time that is left, a `span` with its likely range; empty where it is None.

    >>> left(Span(240.0, 120.0, 420.0)), left(Span(3.0, 1.0, 5.0))
    ('about 4 min (2 min to 7 min)', 'a few seconds')
    """
    if span is None:
        return ""
    if span.seconds < 10:
        return "a few seconds"
    usual, least, most = (duration(_rough(part)) for part in (span.seconds, span.least_s, span.most_s))
    return f"about {usual}" if least == most else f"about {usual} ({least} to {most})"


def _rough(seconds: float) -> float:
    """To ten seconds below five minutes, to a minute below two hours, else to ten minutes."""
    step = 10 if seconds < 300 else 60 if seconds < 7200 else 600
    return max(round(seconds / step), 1) * step


def number(value: float | None, digits: int = 3) -> str:
    """A `value` to so many significant `digits`, "-" where it is absent.

    >>> number(3.14159), number(1234.5), number(None)
    ('3.14', '1234', '-')
    """
    if value is None:
        return "-"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def count(value: int | None) -> str:
    """A whole `value` with thin spaces between its thousands, "-" where it is absent."""
    return "-" if value is None else f"{value:,}".replace(",", "\u2009")


def utc(unix_s: float | None) -> str:
    """The time `unix_s`, in seconds since 1970, as people write it, "-" where it is absent."""
    return "-" if unix_s is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(unix_s))
