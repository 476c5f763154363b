"""Vega as one script for pages: bundled by vl-convert, and kept, since that takes most of a page's time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.figures.grammar import grammar_version
from paretofleet_analysis.whole_file import written_whole

#: A bundle that was cut is shorter.
_BYTES_MIN = 500_000


def vega_script(environment: Mapping[str, str] = os.environ) -> str:
    """Vega, Vega-Lite and their embedding, of the newest version of the grammar.

    It is kept in the user's cache, which the `environment` names, where that can be written to. Raises
    ImportError without the extra `figures`.
    """
    kept = _kept_file(environment, f"vega-{version('vl-convert-python')}.js")
    with contextlib.suppress(OSError, UnicodeDecodeError):
        script = kept.read_text(encoding="utf-8") if kept is not None else ""
        if len(script) > _BYTES_MIN:
            return script
    vl_convert: Any = import_module("vl_convert")
    bundle: str = vl_convert.javascript_bundle(vl_version=grammar_version())
    script = bundle.replace("</script", "<\\/script")
    if kept is not None:
        with contextlib.suppress(OSError, ReportError):
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with written_whole(kept) as file:
                file.write(script.encode())
    return script


def _kept_file(environment: Mapping[str, str], name: str) -> Path | None:
    """In the user's own folder alone: what lies elsewhere could be another's script."""
    home = environment.get("HOME") or environment.get("USERPROFILE")
    cache = environment.get("XDG_CACHE_HOME") or (home and os.path.join(home, ".cache"))
    return Path(cache) / "paretofleet" / name if cache else None
