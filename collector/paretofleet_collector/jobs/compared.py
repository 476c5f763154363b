"""Two sweeps compared as `paretofleet compare` does it, for the page."""

from __future__ import annotations

from typing import Any

from paretofleet_analysis.errors import AnalysisError
from paretofleet_analysis.present.compare_text import comparison_document
from paretofleet_analysis.ranking.before_after import compare_reports
from paretofleet_analysis.report.rows import build_report

from paretofleet_collector.jobs.report import report_inputs
from paretofleet_collector.store.engine import reading


def compared(database: str, before: str, after: str) -> dict[str, Any]:
    """What changed from the sweep `before` to the sweep `after`, by their ids in `database`, JSON-ready.

    `why` is empty, or the sentence that says why they cannot be compared. Raises NotFound.
    """
    with reading(database) as connection:
        tables = [build_report(report_inputs(connection, sweep_id)) for sweep_id in (before, after)]
    try:
        result = compare_reports(*tables)
    except AnalysisError as error:
        return {"why": str(error)}
    return {"why": "", **comparison_document(result)}
