"""Looks at what `paretofleet bench` has measured so far, and says when it is clear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.units import counted

if TYPE_CHECKING:
    from pathlib import Path

    from paretofleet_collector.model.views import SweepProgress

#: Of fewer blocks nothing can be said.
BLOCKS_MIN = 3


def until_clear(
    messages: Iterable[SweepProgress], size: int, pull: Callable[[], Path], stop: Callable[[], None]
) -> Iterator[SweepProgress]:
    """The `messages` of a sweep of `size` files; calls `stop` once what is measured is clear.

    After every block from the third on the report that `pull` fetches is looked at. A line says what is known
    after the third, and the first time that it tells who is faster.
    """
    from paretofleet_analysis.errors import AnalysisError
    from paretofleet_analysis.present.head_to_head_text import lead_sentence, open_sentence
    from paretofleet_analysis.ranking.head_to_head import head_to_head
    from paretofleet_analysis.report import files

    looked, is_first, is_said = BLOCKS_MIN - 1, True, False
    for message in messages:
        yield message
        blocks = message.sweep.runs_by_state.get("sealed", 0) // size
        if blocks <= looked or message.sweep.ended_unix_s:
            continue
        looked = blocks
        try:
            result = head_to_head(files.read(pull()), is_watched=True)
        except AnalysisError:
            continue
        lead = lead_sentence(result)
        if result.is_clear:
            notify(f"after {counted(blocks, 'run')} of each all is clear; `--repeats 5-20` measures on")
            stop()
            return
        said = lead if lead and not is_said else open_sentence(result) if is_first else None
        is_first, is_said = False, is_said or bool(lead)
        if said:
            notify(f"so far, after {counted(blocks, 'run')} of each: {said}")
