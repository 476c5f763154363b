"""The nearest of what exists, for sentences about what does not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str], *, most: int = 8) -> str:
    """Says `did you mean X?` where something is close, else `known: A, B, C`, else nothing."""
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if not names:
        return ""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"known: {', '.join(names[:most])}{more}"
