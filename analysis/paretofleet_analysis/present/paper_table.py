"""A ranking as a table for a paper or a page: Markdown, LaTeX, HTML, with a caption that stands alone."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from paretofleet_analysis.objectives import OBJECTIVES, PRESETS
from paretofleet_analysis.present.rounded import parts
from paretofleet_analysis.present.row_names import cell, common_names, head, naming_columns
from paretofleet_analysis.ranking.result import RankedRow, Ranking
from paretofleet_analysis.ranking.sentences import format_probability

MARKDOWN, LATEX, HTML = "markdown", "latex", "html"
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",  # \textquotedbl needs the encoding T1
    "[": "{[}",
    "]": "{]}",
    **{letter: f"\\{letter}" for letter in "{}$&#_%"},
    # Signs that pdfLaTeX knows in formulas only, or not in every release.
    **{
        letter: f"\\ensuremath{{{command}}}"
        for letter, command in {
            "\N{PLUS-MINUS SIGN}": r"\pm",
            "\N{MULTIPLICATION SIGN}": r"\times",
            "\N{MIDDLE DOT}": r"\cdot",
            "\N{MICRO SIGN}": r"\mu",
            "\N{GREEK SMALL LETTER MU}": r"\mu",
            "\N{LESS-THAN OR EQUAL TO}": r"\leq",
            "\N{GREATER-THAN OR EQUAL TO}": r"\geq",
            "\N{ALMOST EQUAL TO}": r"\approx",
            "\N{RIGHTWARDS ARROW}": r"\to",
            "\N{MINUS SIGN}": "-",
            "\N{DEGREE SIGN}": r"^\circ",
            "\N{SUPERSCRIPT TWO}": "^2",
            "\N{SUPERSCRIPT THREE}": "^3",
        }.items()
    },
}
#: Letters that TeX would join with the one before them to another: a dash, a quote.
_JOINED = re.compile(r"(?<=[-'`,?!])(?=[-'`,])")
_MARKDOWN = frozenset("\\`*_{}[]<>#|~")


@dataclass(frozen=True)
class PaperTable:
    """Cells as text without any markup: `heads` (c,), `rows` of c cells; `is_number` (c,): aligned right."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_number: tuple[bool, ...]


def render_paper_table(ranking: Ranking, form: str, *, top: int | None = None) -> str:
    """The rows of a `ranking`, the first `top` or all, as `form` (MARKDOWN, LATEX or HTML).

    Values are rounded to their intervals. LaTeX needs the packages booktabs and graphicx and, for letters
    beyond Latin ones and usual signs such as ±, LuaLaTeX.
    """
    return render_cells(paper_table(ranking, top=top), form)


def render_cells(table: PaperTable, form: str) -> str:
    """A `table` as `form` (MARKDOWN, LATEX or HTML), whatever stands in its cells."""
    writers: dict[str, Callable[[PaperTable], Iterator[str]]] = {
        MARKDOWN: _markdown,
        LATEX: _latex,
        HTML: _html,
    }
    return "\n".join(writers[form](table)) + "\n"


def paper_table(ranking: Ranking, *, top: int | None = None) -> PaperTable:
    """What the table of a `ranking` shows, of the first `top` rows or all."""
    rows = ranking.rows[:top]
    common = common_names(ranking.rows)
    names = [name for name in naming_columns(ranking.rows) if name not in common]
    columns = [("", True, [str(row.number) for row in rows])]
    columns += [(head(name), False, [cell(row, name) for row in rows]) for name in names]
    for used in ranking.objectives:
        objective = OBJECTIVES[used.name]
        title = f"{objective.short} {objective.shown_unit}".strip()
        columns.append((title, True, [bracketed(row, used.name) for row in rows]))
    if ranking.question == "mean":
        columns.append(("p front", True, [_probability(row.p_front) for row in rows]))
    else:
        columns.append(("p front, next run", True, [_probability(row.p_front_next_run) for row in rows]))
    columns.append(("verdict", False, [row.verdict for row in rows]))
    heads, is_number, cells = zip(*columns, strict=True)
    return PaperTable(caption(ranking), heads, tuple(zip(*cells, strict=True)), is_number)


def caption(ranking: Ranking) -> str:
    """What the table of a `ranking` holds: question, margins, scope, sensor, protocol, number of runs."""
    asked, *measured = _sentences((ranking,))
    return " ".join([asked, f"{_question(ranking)}.", *measured])


def caption_of_several(rankings: Sequence[Ranking], meaning: str) -> str:
    """The same of a table of several `rankings` for one use; `meaning`, a sentence, says what it shows."""
    asked, *measured = _sentences(rankings)
    return " ".join([asked, meaning, *measured])


def _sentences(rankings: Sequence[Ranking]) -> list[str]:
    """What `rankings` for one use were asked, and then what they were made of."""
    use = rankings[0].use
    preset = PRESETS.get(use.split("=")[0])
    use = use if preset is None else f"{use} ({preset.text})"
    objectives = dict.fromkeys(
        f"{used.name} ({'more' if used.direction == 'maximize' else 'less'} is better, margin {used.margin})"
        for ranking in rankings
        for used in ranking.objectives
    )
    rows = [row for ranking in rankings for row in ranking.rows]
    runs = sorted({row.runs for row in rows})
    n = f"n = {runs[0]}" if len(runs) == 1 else f"n = {runs[0]} to {runs[-1]}"
    same = [f"{head(name)} {cell(rows[0], name)}" for name in common_names(rows)]
    scopes = sorted({str(row.identity["timing_scope"]) for row in rows})
    speaks_for = "; ".join(dict.fromkeys(str(ranking.evidence["speaks_for"]) for ranking in rankings))
    sentences = [
        f"Ranked for {use} by {', '.join(objectives)}",
        f"In brackets the 95 % interval of the mean over runs, {n}, for {speaks_for}",
        f"Protocol {_of_all(rankings, 'protocols', ', ')}, timing scope {', '.join(scopes)}",
        f"Power: {_of_all(rankings, 'power_sources', ', ') or 'not measured'}",
        f"Accuracy: {_of_all(rankings, 'accuracy_sources', '; ') or 'none'}",
        f"All rows: {', '.join(same)}" if same else "",
    ]
    return [f"{sentence}." for sentence in sentences if sentence]


def _of_all(rankings: Sequence[Ranking], key: str, between: str) -> str:
    """What the evidence of any of the `rankings` lists under a `key`, each once."""
    return between.join(dict.fromkeys(text for ranking in rankings for text in ranking.evidence[key]))


def _question(ranking: Ranking) -> str:
    """What the column of probabilities means."""
    if ranking.question == "mean":
        return (
            "p front is the probability that no other row gains more than it loses against this one, counted "
            "in margins, by the true means"
        )
    return "p front is the probability that one more run of each shows the row unbeaten"


def bracketed(row: RankedRow, name: str) -> str:
    """Of a `row` the mean of the objective `name` with its interval, rounded: "12.35 [12.10, 12.60]"."""
    found = parts(row.compared(name), OBJECTIVES[name].scale)
    if found is None:
        return "-"
    mean, lo, hi = found
    return f"{mean} [{lo}, {hi}]" if lo else mean


def _probability(p: float | None) -> str:
    return "-" if p is None else format_probability(p)


def latex_text(text: str) -> str:
    r"""The `text` as LaTeX prints it, whatever stands in it.

    >>> print(latex_text("50 % of a_b--c"))
    50 \% of a\_b-{}-c
    """
    parts = _JOINED.split(text)
    return "{}".join("".join(_LATEX.get(letter, letter) for letter in part) for part in parts)


def markdown_text(text: str) -> str:
    """The `text` as Markdown shows it, whatever stands in it."""
    return "".join(f"\\{letter}" if letter in _MARKDOWN else letter for letter in text)


def _markdown(table: PaperTable) -> Iterator[str]:
    yield markdown_text(table.caption)
    yield ""
    yield _line(map(markdown_text, table.heads))
    yield _line("---:" if right else "---" for right in table.is_number)
    for row in table.rows:
        yield _line(map(markdown_text, row))


def _line(cells: Iterator[str] | Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _latex(table: PaperTable) -> Iterator[str]:
    yield "% needs \\usepackage{booktabs,graphicx}"
    yield "\\begin{table}"
    yield "  \\centering"
    yield f"  \\caption{{{latex_text(table.caption)}}}"
    # as it is where a column of the paper holds it, else as wide as that
    yield "  \\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%"
    yield f"  \\begin{{tabular}}{{{''.join('r' if right else 'l' for right in table.is_number)}}}"
    yield "    \\toprule"
    yield f"    {' & '.join(map(latex_text, table.heads))} \\\\"
    yield "    \\midrule"
    for row in table.rows:
        yield f"    {' & '.join(map(latex_text, row))} \\\\"
    yield "    \\bottomrule"
    yield "  \\end{tabular}}"
    yield "\\end{table}"


def _html(table: PaperTable) -> Iterator[str]:
    align: Mapping[bool, str] = {True: ' style="text-align: right"', False: ' style="text-align: left"'}
    yield "<table>"
    yield f"  <caption>{html.escape(table.caption)}</caption>"
    for tag, rows in (("th", [table.heads]), ("td", table.rows)):
        for row in rows:
            cells = (
                f"<{tag}{align[right]}>{html.escape(text)}</{tag}>"
                for text, right in zip(row, table.is_number, strict=True)
            )
            yield f"  <tr>{''.join(cells)}</tr>"
    yield "</table>"
