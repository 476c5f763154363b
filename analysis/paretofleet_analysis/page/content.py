"""What a page shows, gathered from a ranking and the studies; nothing of how it looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.figures.front import describe, specification
from paretofleet_analysis.figures.grammar import DRAWN_BY, MISSING, simulated_mark
from paretofleet_analysis.figures.study import placed_points, study_specification
from paretofleet_analysis.objectives import OBJECTIVES, PRESETS
from paretofleet_analysis.page.devices import DeviceTable, device_table
from paretofleet_analysis.page.drift import DriftChart, drift_charts
from paretofleet_analysis.page.packed import packed
from paretofleet_analysis.page.row_evidence import row_evidence
from paretofleet_analysis.page.studies import STUDIES
from paretofleet_analysis.present.evidence_text import evidence_lines
from paretofleet_analysis.present.ranking_table import format_mean, table_columns
from paretofleet_analysis.present.ranking_text import left_out_lines
from paretofleet_analysis.present.recommendation_text import recommendation_lines
from paretofleet_analysis.present.row_names import common_names, naming_columns, short_name
from paretofleet_analysis.ranking.rank import RankedRuns, Ranking
from paretofleet_analysis.studies.answer import Answer

#: Of more rows a page shows the first; with so many it is a file of some 10 MB.
ROWS_MAX = 20_000


@dataclass(frozen=True)
class PageFigure:
    """A Vega-Lite `specification` under a `title`, and the same in words; `name` is its file's."""

    name: str
    title: str
    alternative: str
    specification: dict[str, Any]

    @property
    def simulated(self) -> str:
        """What the head of the picture says of simulated rows; "" where none is."""
        return str(self.specification["title"]["text"])

    @property
    def explanation(self) -> list[str]:
        """What the head of the picture says of its marks."""
        return list(self.specification["title"]["subtitle"])


@dataclass(frozen=True)
class PageAnswer:
    """An `answer` of a study with its `figure`, None where it has no chart."""

    answer: Answer
    figure: PageFigure | None


@dataclass(frozen=True)
class Page:
    """All that a page shows. `table` and `evidence` are columns, JSON-ready, in the order of the rows.

    `simulated`: what is said where rows are simulated, "" where none is. `recommended`: a head and sentences.
    `front` is None where there are fewer than two objectives; `drift` has a figure for each measure of which
    a device ran in three blocks. `left_out`: those of the `notes` that say which rows of a very large report
    are not shown.
    """

    title: str
    question: str
    simulated: str
    recommended: tuple[str, ...]
    front: PageFigure | None
    table: dict[str, Any]
    evidence: dict[str, Any]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]
    answers: tuple[PageAnswer, ...]
    exclusions: tuple[tuple[str, Sequence[str]], ...]
    devices: DeviceTable
    drift: tuple[PageFigure, ...]
    sources: tuple[str, ...]
    ranking: Ranking

    @property
    def studies(self) -> list[tuple[str, list[PageAnswer]]]:
        """The answers below the title of their study."""
        names = dict.fromkeys(each.answer.study for each in self.answers)
        return [
            (STUDIES[name].title, [each for each in self.answers if each.answer.study == name])
            for name in names
        ]

    @property
    def figures(self) -> tuple[PageFigure, ...]:
        """Every figure of the page."""
        shown = (self.front, *(each.figure for each in self.answers), *self.drift)
        return tuple(figure for figure in shown if figure is not None)


def gather(
    ranked: RankedRuns, *, title: str, notes: Sequence[str] = (), answers: Sequence[Answer] = ()
) -> Page:
    """The page of what is `ranked` under a `title`, with more `notes` and the `answers` of studies.

    Raises RankError without the extra `figures`.
    """
    shown, ranking = first_rows(ranked), ranked.ranking
    simulated = simulated_mark([bool(row.identity["simulated"]) for row in ranking.rows])
    left_out = (*left_out_lines(ranking), *_not_on_page(shown, ranked))
    if not all(map(find_spec, DRAWN_BY)):
        raise RankError(MISSING)
    return Page(
        title=title,
        question=_question(ranking),
        simulated=simulated,
        recommended=tuple(line.strip() for line in recommendation_lines(ranking)) or _by_means(ranking),
        front=_front(shown),
        table=_table(ranking, len(shown.rows)),
        evidence=row_evidence(shown),
        notes=(*notes, *left_out, *ranking.notes),
        left_out=left_out,
        answers=tuple(_answered(answer, at, simulated) for at, answer in enumerate(answers, start=1)),
        exclusions=tuple((each.reason, each.rows) for each in ranking.exclusions),
        devices=device_table(ranked),
        drift=tuple(_drift(each, simulated) for each in drift_charts(ranked)),
        sources=tuple(line.strip() for line in evidence_lines(ranking))[1:],
        ranking=ranking,
    )


def first_rows(ranked: RankedRuns) -> RankedRuns:
    """What is `ranked`, with the first `ROWS_MAX` of its rows only, which are those that lead."""
    if len(ranked.rows) <= ROWS_MAX:
        return ranked
    ranking = replace(ranked.ranking, rows=ranked.ranking.rows[:ROWS_MAX])
    return replace(ranked, ranking=ranking, rows=ranked.rows[:ROWS_MAX], runs=ranked.runs[:ROWS_MAX])


def _not_on_page(shown: RankedRuns, ranked: RankedRuns) -> Iterator[str]:
    if shown is not ranked:
        yield (
            f"Of {len(ranked.rows):,} listed rows the first {len(shown.rows):,} are on this page: "
            "`rank --all`, or `rank -o csv`, has the others."
        )


def _question(ranking: Ranking) -> str:
    """For which use, and by what."""
    preset = PRESETS.get(ranking.use.split("=")[0])
    use = ranking.use if preset is None else f"{ranking.use}: {preset.text}"
    objectives = ", ".join(
        f"{used.name} ({'more' if used.direction == 'maximize' else 'less'} is better, margin {used.margin})"
        for used in ranking.objectives
    )
    return f"Ranked for {use}, by {objectives}."


def _by_means(ranking: Ranking) -> tuple[str, ...]:
    """A head, and what is best in each objective by the means, where runs are too few to recommend."""
    best = [row for row in ranking.rows if row.is_on_frontier_of_means]
    if len(ranking.rows) < 2 or any(row.p_front is not None for row in ranking.rows):
        return ()
    common = common_names(ranking.rows)
    names = [name for name in naming_columns(ranking.rows)[1:] if name not in common]
    head = (
        "No recommendation: it takes two rows of at least three runs each, ranked by their typical behaviour."
    )
    lines = [f"{head} By the means alone {len(best)} rows are on the frontier; best in each objective are"]
    for used in ranking.objectives:
        objective = OBJECTIVES[used.name]
        sign = -1.0 if objective.maximize else 1.0
        row = min(best, key=lambda row: sign * (row.compared(objective.name).mean or 0.0))
        value = f"{format_mean(row.compared(objective.name), objective.scale)} {objective.shown_unit}".strip()
        lines.append(f"Best {objective.phrase}: row {row.number} ({short_name(row, names)}), {value}.")
    return tuple(lines)


def _front(ranked: RankedRuns) -> PageFigure | None:
    ranking = ranked.ranking
    if len(ranking.objectives) < 2:
        return None
    return PageFigure("frontier", "The frontier", describe(ranking), specification(ranking, runs=ranked.runs))


def _answered(answer: Answer, number: int, simulated: str) -> PageAnswer:
    """An `answer` with its figure, which is called by its study and its `number` on the page."""
    if answer.chart is None or not placed_points(answer.chart):
        return PageAnswer(answer, None)
    words = f"{answer.title}. {answer.sentence} The table below has the numbers."
    specification = study_specification(answer.chart, simulated=simulated, description=words)
    return PageAnswer(answer, PageFigure(f"{answer.study}-{number}", answer.title, words, specification))


def _drift(drawn: DriftChart, simulated: str) -> PageFigure:
    specification = study_specification(drawn.chart, simulated=simulated, description=drawn.alternative)
    return PageFigure(f"drift-{drawn.name}", drawn.title, drawn.alternative, specification)


def _table(ranking: Ranking, count: int) -> dict[str, Any]:
    """The columns of the printed table, and the verdicts without their marks, of the first `count` rows."""
    columns = [
        {"title": column.title, "number": column.right, **packed(column.cells[:count])}
        for column in table_columns(ranking)
    ]
    columns[0]["title"] = "row"
    return {
        "count": count,
        "columns": columns,
        "verdicts": packed([row.verdict for row in ranking.rows[:count]]),
    }
