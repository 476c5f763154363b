"""What is wrong with runs, said once for all of which it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable

_RUN = re.compile(r"run (\S+): (.+)")
_NAMED = 3


def together(faults: Iterable[str]) -> list[str]:
    """The sentences `faults`, where "run ID: why" stands once for all runs with that reason.

    So a file of many runs that is damaged is one sentence, which names the first runs and counts the others.
    """
    runs_of: dict[str, list[str]] = {}
    for fault in faults:
        said = _RUN.fullmatch(fault)
        runs_of.setdefault(said[2] if said else fault, []).extend([said[1]] if said else [])
    return [_sentence(run_ids, why) for why, run_ids in runs_of.items()]


def _sentence(run_ids: list[str], why: str) -> str:
    if len(run_ids) < 2:
        return f"run {run_ids[0]}: {why}" if run_ids else why
    more = len(run_ids) - _NAMED
    return f"runs {', '.join(run_ids[:_NAMED])}{f' and {more} more' if more > 0 else ''}: {why}"
