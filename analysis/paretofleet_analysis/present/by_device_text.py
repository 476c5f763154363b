"""The winners of each device as one table, for a terminal, for papers, and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence

from paretofleet_analysis.objectives import OBJECTIVES, PRESETS
from paretofleet_analysis.present.paper_table import (
    PaperTable,
    bracketed,
    caption_of_several,
    render_cells,
)
from paretofleet_analysis.present.ranking_table import format_mean
from paretofleet_analysis.present.recommendation_text import price_text
from paretofleet_analysis.present.row_names import cell, common_names, head, naming_columns, short_name
from paretofleet_analysis.present.table import TableColumn, lay_out
from paretofleet_analysis.present.wrapping import WIDTH, WIDTH_MIN, wrapped
from paretofleet_analysis.ranking.by_device import DeviceRanking
from paretofleet_analysis.ranking.recommendation import Recommendation
from paretofleet_analysis.ranking.result import SCHEMA_VERSION, RankedRow, Ranking
from paretofleet_analysis.ranking.sentences import format_probability

_MEANING = (
    "Each device's winners are chosen among its own rows; the probability is that none of them is better in "
    "this by more than the margin, and with limits that the winner keeps them"
)


@dataclasses.dataclass(frozen=True)
class Winner:
    """On a `device` the `row` that its `ranking` recommends for the `chosen` use."""

    device: str
    ranking: Ranking
    chosen: Recommendation

    @property
    def row(self) -> RankedRow:
        """The row that is recommended."""
        return self.ranking.rows[self.chosen.number - 1]


def winners(ranked: Sequence[DeviceRanking]) -> list[Winner]:
    """What is recommended on each device of those `ranked`, in their order."""
    return [
        Winner(each.device, each.ranking, chosen)
        for each in ranked
        if each.ranking is not None
        for chosen in each.ranking.recommendations
    ]


def name_in(ranking: Ranking, number: int, all_rows: Sequence[RankedRow]) -> str:
    """The row of a `ranking` with a `number`, by what differs among `all_rows`, but for its device."""
    common = {*common_names(all_rows), "device"}
    return short_name(
        ranking.rows[number - 1], [name for name in naming_columns(all_rows)[1:] if name not in common]
    )


def rows_of(ranked: Sequence[DeviceRanking]) -> list[RankedRow]:
    """The rows of all devices of those `ranked`."""
    return [row for each in ranked if each.ranking is not None for row in each.ranking.rows]


def to_json(ranked: Sequence[DeviceRanking]) -> str:
    """The whole ranking of each device of those `ranked` as one JSON object; absent values are null."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "by": "device",
        "devices": [dataclasses.asdict(each) for each in ranked],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def render(ranked: Sequence[DeviceRanking], *, columns: int = WIDTH, notes: Sequence[str] = ()) -> str:
    """The winners of the devices `ranked` as text: what was asked, the table with what each costs, `notes`.

    No line is longer than `columns`, of which a table takes all, prose at most WIDTH and at least WIDTH_MIN.
    """
    width = min(max(columns, WIDTH_MIN), WIDTH)
    table, left_out = lay_out(_columns(ranked), columns)
    said = [f"Too narrow for: {', '.join(left_out)}; -o json and csv have all."] if left_out else []
    parts = [list(_question(ranked)), list(_not_chosen(ranked)), list(notes), [_NEXT]]
    texts = [[line for text in part for line in wrapped(text, width)] for part in parts]
    texts.insert(1, [*table, *(line for text in said for line in wrapped(text, width))])
    return "\n\n".join("\n".join(part) for part in texts if part) + "\n"


_NEXT = "The whole ranking of one device, with its evidence: --device NAME in place of --by device."


def render_paper_winners(ranked: Sequence[DeviceRanking], form: str) -> str:
    """The same table of those `ranked` as `form`, `paper_table`'s MARKDOWN, LATEX or HTML, with a caption
    that stands alone.
    """
    chosen, everything = winners(ranked), rows_of(ranked)
    rows = [
        (
            each.device,
            each.chosen.use,
            name_in(each.ranking, each.chosen.number, everything),
            f"{bracketed(each.row, each.chosen.objective)} {_unit(each)}".strip(),
            format_probability(each.chosen.probability),
            _price(each, everything),
        )
        for each in chosen
    ]
    caption = caption_of_several([each.ranking for each in ranked if each.ranking], f"{_MEANING}.")
    heads = ("device", "for", "winner", "value", "probability", "price")
    return render_cells(
        PaperTable(caption, heads, tuple(rows), (False, False, False, True, True, False)), form
    )


def _question(ranked: Sequence[DeviceRanking]) -> Iterator[str]:
    rankings, everything = [each.ranking for each in ranked if each.ranking], rows_of(ranked)
    use = rankings[0].use
    preset = PRESETS.get(use.split("=")[0])
    yield f"For {use if preset is None else f'{use} ({preset.text})'}. {_MEANING}."
    common = [f"{head(name)} {cell(everything[0], name)}" for name in common_names(everything)]
    if common:
        yield f"All rows: {', '.join(common)}."


def _columns(ranked: Sequence[DeviceRanking]) -> list[TableColumn]:
    chosen, everything = winners(ranked), rows_of(ranked)
    names = [name_in(each.ranking, each.chosen.number, everything) for each in chosen]
    others = [_others(each, everything) for each in chosen]
    columns = [
        TableColumn("device", [each.device for each in chosen], kept=True),
        TableColumn("for", [each.chosen.use for each in chosen], kept=True),
        TableColumn("winner", names, kept=True),
        TableColumn(
            "probability", [format_probability(each.chosen.probability) for each in chosen], right=True
        ),
        TableColumn("price", [_price(each, everything) for each in chosen]),
        TableColumn("value", [_value(each) for each in chosen]),
    ]
    return [*columns, *([TableColumn("or", others)] if any(each != "-" for each in others) else [])]


def _value(each: Winner) -> str:
    objective = OBJECTIVES[each.chosen.objective]
    mean = format_mean(each.row.compared(objective.name), objective.scale)
    return f"{objective.short} {mean} {objective.shown_unit}".strip()


def _unit(each: Winner) -> str:
    return OBJECTIVES[each.chosen.objective].shown_unit


def _price(each: Winner, everything: Sequence[RankedRow]) -> str:
    given = (price_text(one, name_in(each.ranking, one.number, everything)) for one in each.chosen.gives_up)
    return " and ".join(given) or "gives up nothing beyond the margins"


def _others(each: Winner, everything: Sequence[RankedRow]) -> str:
    """Who else it may be where the runs do not decide it."""
    others = (
        f"{name_in(each.ranking, number, everything)} {format_probability(p)}"
        for number, p in each.chosen.others
        if not each.chosen.is_sure
    )
    return ", ".join(others) or "-"


def _not_chosen(ranked: Sequence[DeviceRanking]) -> Iterator[str]:
    for each in ranked:
        if each.why_none:
            yield f"{each.device}: nothing is recommended: {each.why_none}."
