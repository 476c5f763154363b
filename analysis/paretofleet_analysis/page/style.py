"""The look that the page of `analyze` and the collector's live page share."""

from __future__ import annotations

from importlib.resources import files


def base_style() -> str:
    """The style sheet of both: colours by light and dark, letters, tables, figures."""
    return files("paretofleet_analysis.page").joinpath("assets", "base.css").read_text(encoding="utf-8")
