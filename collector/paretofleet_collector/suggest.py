"""The nearest of what exists, for sentences about what does not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(text: str, names: Iterable[str], *, names_max: int = 8) -> str:
    """Says `did you mean X?` where one of `names` is close to `text`, else `known: A, B, C`, else nothing.

    At most `names_max` names are listed.
    """
    text, choices = text[:128], sorted(set(names))
    near = difflib.get_close_matches(text, choices, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if not choices:
        return ""
    more = f" and {len(choices) - names_max} more" if len(choices) > names_max else ""
    return f"known: {', '.join(choices[:names_max])}{more}"
