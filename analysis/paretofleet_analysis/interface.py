"""The names at the top of the package, for notebooks: read a report, rank it, to pandas and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import pandas as pd
import pyarrow as pa

from paretofleet_analysis.present import methods_text, paper_table, ranking_text
from paretofleet_analysis.ranking import rank as ranking
from paretofleet_analysis.ranking.request import RankingKeywords
from paretofleet_analysis.ranking.result import Ranking
from paretofleet_analysis.report import files


@dataclass(frozen=True, repr=False)
class Report:
    """The rows of one report or several, as an Arrow `table` with the columns of the report's schema."""

    table: pa.Table

    def __repr__(self) -> str:
        """How many rows of what it has, and what to call, in the place of a hundred columns."""
        kinds = (("models", "model"), ("devices", "device"), ("sweeps", "sweep"))
        counts = ", ".join(f"{name}: {len(self.table[column].unique())}" for name, column in kinds)
        return f"Report(rows: {self.table.num_rows}, {counts}); `rank()` ranks it, `to_pandas()` shows it"

    def rank(self, **keywords: Unpack[RankingKeywords]) -> RankedReport:
        """The rows by their probability to be on the frontier.

        The `keywords` are the fields of `RankingRequest`, such as `use`, `objectives`, `margins`. Raises
        RankError, a ValueError, with one sentence.
        """
        return RankedReport(ranking.rank(self.table, **keywords))

    def to_pandas(self) -> pd.DataFrame:
        """All columns, a row each; values per run are lists. `from_pandas` takes it back."""
        frame: pd.DataFrame = self.table.to_pandas(types_mapper=pd.ArrowDtype)
        return frame


@dataclass(frozen=True, repr=False)
class RankedReport:
    """A ranking with its forms; `ranking` holds all that is known of it."""

    ranking: Ranking

    def __repr__(self) -> str:
        """What an interpreter shows: the text of `paretofleet rank`."""
        return self.text()

    def _repr_html_(self) -> str:
        """What a notebook shows: the table with its caption."""
        return self.table(paper_table.HTML)

    def to_pandas(self) -> pd.DataFrame:
        """A row for each configuration: what it is, means with their intervals, probabilities, verdict.

        Units are those of the report. `_lo` and `_hi` end the 95 % intervals of what is compared.
        """
        return pd.DataFrame([_cells(self.ranking, number) for number in range(len(self.ranking.rows))])

    def text(self) -> str:
        """What `paretofleet rank` prints."""
        return ranking_text.render(self.ranking)

    def table(self, form: str = paper_table.MARKDOWN) -> str:
        """The table for a paper as `form`: "markdown", "latex" or "html"."""
        return paper_table.render_paper_table(self.ranking, form)

    def methods(self) -> str:
        """The paragraph for a paper's section on methods."""
        return methods_text.methods_paragraph(self.ranking)


def read(*paths: str | Path) -> Report:
    """The report in the Parquet file at `paths`, or several joined.

    Raises ReportError, a ValueError, for what is none.
    """
    return Report(
        files.concatenate([files.read(Path(path), rows_max=ranking.ROWS_READ_MAX) for path in paths])
    )


def from_pandas(frame: pd.DataFrame) -> Report:
    """The report in a `frame` that `to_pandas` made, or that has its columns; absent ones are null.

    Raises ReportError, a ValueError, for values of another kind.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    return Report(files.conform(table, name="the data frame"))


def _cells(result: Ranking, at: int) -> dict[str, Any]:
    row = result.rows[at]
    cells: dict[str, Any] = {"number": row.number, **row.identity, "runs": row.runs}
    for used in result.objectives:
        each = row.compared(used.name)
        cells |= {used.name: each.mean, f"{used.name}_lo": each.lo, f"{used.name}_hi": each.hi}
    cells |= {"p_front": row.p_front, "p_pareto": row.p_pareto, "p_meets": row.p_meets}
    return {**cells, "verdict": row.verdict, "sentence": row.sentence, "flags": list(row.flags)}
