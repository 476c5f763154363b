"""The result of `paretofleet bench`, as text or as JSON."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretofleet_collector.cli.output import Format, clean_lines, show, write_json
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.units import duration

if TYPE_CHECKING:
    from paretofleet_analysis.present.head_to_head_text import Furthermore
    from paretofleet_analysis.ranking.head_to_head import HeadToHead


def show_result(report: Path, output: Format, *, minutes: float, is_watched: bool) -> bool:
    """Writes what the `report` says of the models; returns whether any of them was not measured.

    `minutes`: the time that was allowed, from which a longer limit is reckoned. `is_watched`: see
    `head_to_head`.
    """
    from paretofleet_analysis.present.head_to_head_text import further_blocks, render_head_to_head
    from paretofleet_analysis.ranking.head_to_head import head_to_head
    from paretofleet_analysis.report import files

    result = head_to_head(files.read(report), is_watched=is_watched)
    if output is Format.table:
        columns = shutil.get_terminal_size((100, 24)).columns
        sys.stdout.write(clean_lines(render_head_to_head(result, columns=columns)))
    elif output is Format.json:
        write_json(_document(result))
    else:
        show(
            [row for contender in _document(result)["models"] for row in contender["against_the_fastest"]],
            (),
            output,
        )
    for line in _advice(result, further_blocks(result), minutes):
        notify(line)
    return bool(result.failed)


def _advice(result: HeadToHead, more: Furthermore | None, minutes: float) -> Iterator[str]:
    """What would settle what is open, as options to add."""
    from paretofleet_analysis.ranking.head_to_head import OPEN, is_short_of_runs

    is_open = any(each.outcome == OPEN for contender in result.contenders for each in contender.differences)
    if more is not None and more.more_s is not None:
        longer = max(1, math.ceil(minutes + more.more_s / 60))
        yield (
            f"about {duration(more.more_s)} more would settle what is undecided: "
            f"add `--repeats {more.blocks} --minutes {longer}`"
        )
    elif more is not None:
        yield f"{more.blocks} runs of each would settle what is undecided: add `--repeats {more.blocks}`"
    elif is_open and any(map(is_short_of_runs, result.contenders)):
        yield (
            "too few undisturbed runs for a verdict: end what else computes here and bench again, or add "
            "`--protocol quick`, which counts every run"
        )
    elif is_open:
        yield "too few runs for a verdict: add `--protocol quick`, or more `--minutes`"


def _document(result: HeadToHead) -> dict[str, Any]:
    """The same for programs, in the report's units."""
    return {
        "schema_version": 1,
        "models": [
            {
                "model": contender.row["model"],
                "runs": contender.row["runs"],
                "estimates": {
                    name: {"mean": each.mean, "lo": each.lo, "hi": each.hi}
                    for name, each in contender.estimates.items()
                },
                "against_the_fastest": [
                    {
                        "model": contender.row["model"],
                        "objective": each.paired.objective,
                        "ratio": each.paired.comparison.ratio,
                        "lo": each.paired.comparison.lo,
                        "hi": each.paired.comparison.hi,
                        "blocks": each.paired.comparison.blocks,
                        "outcome": each.outcome,
                        "blocks_to_settle": each.blocks,
                    }
                    for each in contender.differences
                ],
            }
            for contender in result.contenders
        ],
        "not_measured": [{"model": row["model"], "reason": reason} for row, reason in result.failed],
        "seconds_per_block": result.block_s,
    }
