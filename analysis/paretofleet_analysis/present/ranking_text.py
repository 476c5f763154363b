"""A ranking for people, as wide as their terminal but at most 100 columns, and for programs as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence

from paretofleet_analysis.objectives import PRESETS
from paretofleet_analysis.present.evidence_text import evidence_lines
from paretofleet_analysis.present.ranking_table import table_lines
from paretofleet_analysis.present.recommendation_text import recommendation_lines
from paretofleet_analysis.present.robust_text import render_robustness
from paretofleet_analysis.present.row_names import cell, common_names, head, naming_columns, short_name
from paretofleet_analysis.present.wrapping import WIDTH, WIDTH_MIN, wrapped
from paretofleet_analysis.ranking.result import NO_NEAR_FRONT, RankedRow, Ranking
from paretofleet_analysis.ranking.verdicts import BEATEN, UNDECIDED

#: Beyond this many rows the beaten ones stand in the JSON only.
_SENTENCES_MAX = 24


def to_json(ranking: Ranking) -> str:
    """Everything that the `ranking` holds, as one JSON object; absent values are null."""
    content = dataclasses.asdict(ranking)
    for name in ("robustness", "left_out"):
        if content[name] is None:
            del content[name]
    content = {"schema_version": content.pop("schema_version"), "schema_note": NO_NEAR_FRONT, **content}
    return json.dumps(content, indent=2, ensure_ascii=False)


def render(ranking: Ranking, *, columns: int = WIDTH, top: int | None = None) -> str:
    """The `ranking` as text: question, table, sentences, groups, notes, exclusions, evidence, and what
    to take for which use.

    No line is longer than `columns`, of which a table takes all, prose at most WIDTH and at least WIDTH_MIN;
    a table is wider only where names cannot be folded. `top`: only so many rows, the first, are shown; None
    shows all.
    """
    width = min(max(columns, WIDTH_MIN), WIDTH)
    parts = [
        list(_question(ranking)),
        list(_sentences(ranking, top)),
        list(_groups(ranking, top)),
        list(ranking.notes),
        list(_exclusions(ranking)),
        list(evidence_lines(ranking)),
        list(recommendation_lines(ranking)),
    ]
    texts = [[line for text in part for line in wrapped(text, width)] for part in parts]
    table, left_out = table_lines(ranking, columns, top=top)
    texts.insert(1, [*table, *_legend(ranking, width, top, left_out)])
    texts.insert(2, [line for text in left_out_lines(ranking) for line in wrapped(text, width)])
    text = "\n\n".join("\n".join(part) for part in texts if part) + "\n"
    if ranking.robustness is not None:
        text += "\n" + render_robustness(ranking.robustness, columns=columns)
    return text


def left_out_lines(ranking: Ranking) -> Iterator[str]:
    """What is said of the rows of a very large report that are not among those of the `ranking`."""
    left_out = ranking.left_out
    if left_out is None:
        return
    yield (
        f"{left_out.count:,} more rows are surely dominated and not listed: by ten standard errors of both "
        "another row is no worse in any objective and better by more than the margin in one. "
        f"Such as {left_out.example}: row {left_out.ahead} is ahead of it. "
        "They count in all numbers but those of the groups. Their values are in the report, where "
        "`report query` reads them; `rank --why ID` explains one of them."
    )


def _question(ranking: Ranking) -> Iterator[str]:
    preset = PRESETS.get(ranking.use.split("=")[0])
    use = ranking.use if preset is None else f"{ranking.use} ({preset.text})"
    questions = {
        "mean": "mean, the typical behaviour",
        "run": "run, what one more run would show (this does not settle as runs are added)",
    }
    yield f"For {use}. Question: {questions[ranking.question]}."
    objectives = [
        f"{used.name} ({'more' if used.direction == 'maximize' else 'less'} is better, margin {used.margin})"
        for used in ranking.objectives
    ]
    yield f"Objectives: {objectives[0]}{',' if len(objectives) > 1 else '.'}"
    for k, text in enumerate(objectives[1:], start=2):
        yield f"  {text}{'.' if k == len(objectives) else ','}"
    common = [f"{head(name)} {cell(ranking.rows[0], name)}" for name in common_names(ranking.rows)]
    paces = {row.identity["items_s"] for row in ranking.rows if "items_s" in row.identity}
    common += [f"paced at {items_s:g} items/s" for items_s in sorted(paces)]
    if common:
        yield f"All rows: {', '.join(common)}."


def _legend(ranking: Ranking, width: int, top: int | None, left_out: Sequence[str]) -> Iterator[str]:
    """Which columns and how many rows are not shown, and what the intervals of the table's values are: for
    which repetition, and whether drift is in them.
    """
    if left_out:
        yield from wrapped(f"Too narrow for: {', '.join(left_out)}; -o json and csv have all.", width)
    rows = ranking.rows[:top]
    more = len(ranking.rows) - len(rows)
    if more:
        yield from wrapped(
            f"{_rows(more)} more: --all shows all {len(ranking.rows)}, --top N so many; -o json and csv have "
            "them all.",
            width,
        )
    if any(row.overturned_without for row in rows):
        yield from wrapped("*: this verdict hangs on one block, or on flagged runs; see its sentence.", width)
    shown = [row.compared(used.name) for row in rows for used in ranking.objectives]
    drift = {estimate.holds_drift for estimate in shown if estimate.lo is not None}
    if not drift:
        return
    parts = {
        (True,): "drift between blocks included",
        (False,): "without the drift between blocks",
        (False, True): "without the drift between blocks where it was removed",
    }[tuple(sorted(drift))]
    yield from wrapped(
        f"± or (lo to hi): the mean's 95 % interval, for {ranking.evidence['speaks_for']}; {parts}.", width
    )


def _sentences(ranking: Ranking, top: int | None) -> Iterator[str]:
    rows = ranking.rows[:top]
    shown = [row for row in rows if row.verdict != BEATEN or row.number <= _SENTENCES_MAX]
    alike: dict[str, list[int]] = {}
    for row in shown:
        alike.setdefault(f"{row.verdict}. {row.sentence}{_hanging(row)}", []).append(row.number)
    for text, numbers in alike.items():
        yield f"{', '.join(map(str, numbers))}: {text}"
    more = len(rows) - len(shown)
    if more:
        yield f"Also beaten: {_rows(more)} (each with its sentence in the JSON)."
    if ranking.question == "mean":
        yield from _promises(ranking)
    if ranking.question == "mean" and any(
        row.verdict == UNDECIDED and row.p_front is not None for row in shown
    ):
        yield "Who may beat an undecided row, and how many more runs would decide: --why ROW."


def _hanging(row: RankedRow) -> str:
    """What the verdict of a `row` hangs on, as a further sentence."""
    if not row.overturned_without:
        return ""
    cases = row.overturned_without
    more = f" (or {len(cases) - 3} more)" if len(cases) > 3 else ""
    return f" It would be another without {', or without '.join(cases[:3])}{more}."


def _promises(ranking: Ranking) -> Iterator[str]:
    """What holds of each verdict, and what of several at once."""
    sure = [row.number for row in ranking.rows if row.is_jointly_sure]
    decided = sum(row.verdict != UNDECIDED for row in ranking.rows)
    promises = {
        "each": f"Of such verdicts 95 % are right, each by itself. All at once, with 90 %: {_spans(sure)}.",
        "all": f"With at least 90 % all verdicts ({_rows(decided)}) are right at once.",
        "share": f"Of the verdicts ({_rows(decided)}) at most 5 % are expected to be wrong.",
    }
    if decided:
        yield promises[ranking.promise]


def _spans(numbers: list[int]) -> str:
    """Row numbers, those that follow each other as spans."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in spans]
    if not numbers:
        return "no row"
    return f"{'row' if len(numbers) == 1 else 'rows'} {', '.join(texts)}"


def _rows(count: int) -> str:
    return f"{count} {'row' if count == 1 else 'rows'}"


def _groups(ranking: Ranking, top: int | None) -> Iterator[str]:
    rows = ranking.rows[:top]
    for row in rows:
        if row.selected:
            yield (
                f"Row {row.number} is selected: the best in {' and '.join(row.selected)} of several whose "
                "intervals overlap, so some of its lead is luck, as measuring it again would show."
            )
        if row.confirmed:
            yield (
                f"Row {row.number} is confirmed: it measures again what was picked as the best in "
                f"{' and '.join(row.confirmed)}, so its value owes nothing to the luck of that pick."
            )
    shown = [
        members
        for members in ranking.groups
        if any(k <= len(rows) and (rows[k - 1].verdict != BEATEN or k <= _SENTENCES_MAX) for k in members)
    ]
    differing = [name for name in naming_columns(ranking.rows)[1:] if name not in common_names(ranking.rows)]
    for members in shown:
        names = ", ".join(f"{k} ({short_name(ranking.rows[k - 1], differing)})" for k in members)
        yield f"Within the margins of each other: rows {names}."
    if len(shown) < len(ranking.groups):
        which = "of beaten rows" if len(rows) == len(ranking.rows) else "of rows that are not shown or beaten"
        yield f"More groups, {which}, in the JSON: {len(ranking.groups) - len(shown)}."


def _exclusions(ranking: Ranking) -> Iterator[str]:
    if not ranking.exclusions:
        return
    yield f"Not ranked: {_rows(sum(len(exclusion.rows) for exclusion in ranking.exclusions))}"
    for exclusion in ranking.exclusions:
        rows = exclusion.rows
        more = f" and {len(rows) - 2} more" if len(rows) > 2 else ""
        yield f"  {len(rows)} x {exclusion.reason} ({'; '.join(rows[:2])}{more})"
