"""`paretofleet rank --by device`: the winners of each device in one table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.output import Format, clean_lines, escaped, show
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.rank_paper import FOR_PAPERS, RankFormat
from paretofleet_collector.cli.rank_rows import bounded, rounded
from paretofleet_collector.errors import misused

if TYPE_CHECKING:
    import pyarrow as pa
    from paretofleet_analysis.present.by_device_text import Winner
    from paretofleet_analysis.ranking.by_device import DeviceRanking
    from paretofleet_analysis.ranking.request import RankingKeywords


class Groups(StrEnum):
    """By what rows are grouped, of which each group is ranked alone."""

    device = "device"


By = Annotated[
    Groups | None, typer.Option("--by", help="Instead the winners of each device among its own rows.")
]


def check_alone(options: Mapping[str, object]) -> None:
    """Raises a usage error for one of the `options`, by name, that was given: it is about one ranking."""
    for name, value in options.items():
        if value:
            raise misused(f"{name} is about one ranking; give --device NAME in place of --by device.")


def write_by_device(
    report: pa.Table, keywords: RankingKeywords, form: RankFormat, notes: Sequence[str], *, columns: int
) -> None:
    """Ranks each device of a `report` alone by the `keywords` of `rank`, and writes the winners as `form`.

    As text with `notes`, sentences, in a table as wide as the terminal's `columns`.
    """
    from paretofleet_analysis.present import by_device_text
    from paretofleet_analysis.ranking.by_device import rank_by_device

    with working("ranking"):
        ranked = rank_by_device(report, **keywords)
    if form in FOR_PAPERS:
        sys.stdout.write(clean_lines(by_device_text.render_paper_winners(ranked, form.value)))
    elif form is RankFormat.json:
        typer.echo(escaped(by_device_text.to_json(ranked)))
    elif form is RankFormat.csv:
        show(list(_cells(ranked)), (), Format.csv, nothing="no device has a winner")
    else:
        sys.stdout.write(clean_lines(by_device_text.render(ranked, columns=columns, notes=notes)))


def _cells(ranked: Sequence[DeviceRanking]) -> Iterator[dict[str, Any]]:
    """A row for each winner: where, for what, which it is, its value, its probability, what it gives up."""
    from paretofleet_analysis.present.by_device_text import winners
    from paretofleet_analysis.ranking.result import SCHEMA_VERSION

    for each in winners(ranked):
        identity = {key: value for key, value in each.row.identity.items() if key != "device"}
        yield {
            "device": each.device,
            "use": each.chosen.use,
            **identity,
            "runs": each.row.runs,
            "objective": each.chosen.objective,
            **rounded("value", each.row.compared(each.chosen.objective)),
            **bounded("probability", each.chosen.probability),
            "is_sure": each.chosen.is_sure,
            "others": [
                {**_which(each, number), **bounded("probability", p)} for number, p in each.chosen.others
            ],
            "gives_up": [
                {
                    "objective": one.objective,
                    "relative": float(f"{one.relative:.3g}"),
                    "difference": float(f"{one.difference:.3g}"),
                    **_which(each, one.number),
                }
                for one in each.chosen.gives_up
            ],
            "schema_version": SCHEMA_VERSION,
        }


def _which(each: Winner, number: int) -> dict[str, Any]:
    """The row of that number in the device's ranking."""
    row = each.ranking.rows[number - 1]
    return {"model": row.identity["model"], "configuration_id": row.identity["configuration_id"]}
