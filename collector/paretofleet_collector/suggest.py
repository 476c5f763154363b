"""The nearest of what exists, for sentences about what does not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(text: str, names: Iterable[str], *, names_max: int = 8) -> str:
    """Says `did you mean X?` where one of `names` is close to `text`, else `known: A, B, C`, else nothing.

    At most `names_max` names are listed.
    """
    choices = sorted(set(names))
    near = near_names(text, choices)
    if near or not choices:
        return near
    more = f" and {len(choices) - names_max} more" if len(choices) > names_max else ""
    return f"known: {', '.join(choices[:names_max])}{more}"


def near_names(text: str, names: Iterable[str]) -> str:
    """Says `did you mean X?` where one of `names` is close to `text`, else nothing."""
    near = difflib.get_close_matches(text[:128], sorted(set(names)), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else ""
