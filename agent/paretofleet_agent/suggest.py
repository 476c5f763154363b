"""The nearest of what exists, for sentences about what does not."""

from __future__ import annotations

import difflib
from typing import Iterable


def did_you_mean(text: str, names: Iterable[str], otherwise: str) -> str:
    """Says `did you mean X?` where one of `names` is close to `text`, else `otherwise`."""
    near = difflib.get_close_matches(text, sorted(set(names)), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else otherwise
