"""What `--why` says of another process of a row, and what a ranking says of rows with one process."""

from __future__ import annotations

import numpy as np
from paretofleet_analysis.present import explanation_text
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from rankings import by_model

SINGLE = "was measured in one process, and how far another would be off is unknown: alone"


def reading(table, name: str) -> str:
    number = by_model(rank(table))[name].number
    return " ".join(explanation_text.render_why(rank(table, why=str(number)).why).split())


def test_why_says_where_another_process_would_be(configuration):
    rows = [
        configuration("good", [0.0100, 0.0101, 0.0099, 0.0102, 0.0098], top1=70.0),
        configuration("slow", [0.0200, 0.0201, 0.0199, 0.0202, 0.0198], top1=71.0),
    ]
    assert "Another process of row 2, with a probability of 95 %: p90 10.39 to 11.64 ms." in reading(
        build_report(rows), "good"
    )


def test_a_row_of_one_process_says_that_it_cannot_know(configuration):
    rows = [
        configuration("alone", [0.0100], top1=70.0),
        configuration("slow", [0.0200, 0.0201, 0.0199, 0.0202, 0.0198], top1=71.0),
    ]
    table = build_report(rows)
    ranking = rank(table)
    assert any(SINGLE in note for note in ranking.notes)
    assert ranking.evidence["speaks_for"].startswith("the processes measured, in the same boot")
    assert "would show cannot be known from one, or from equal values: p90." in reading(table, "alone")
    assert rank(build_report(rows[1:])).evidence["speaks_for"].startswith("another process, ")


def test_beside_rows_of_several_processes_it_may_take_their_spread(configuration):
    rng = np.random.default_rng(1)
    rows = [
        configuration(f"m{k}", list(0.01 * (k + 2) * np.exp(0.01 * rng.standard_normal(5))), top1=71.0 + k)
        for k in range(9)
    ]
    table = build_report([configuration("alone", [0.0100], top1=70.0), *rows])
    text = reading(table, "alone")
    assert "has one process, which cannot tell how far another would be from it" in text
    assert (
        "if processes differ as in the device's other rows, with a probability of 95 %: p90 10.7 to 11.31 ms"
        in text
    )
