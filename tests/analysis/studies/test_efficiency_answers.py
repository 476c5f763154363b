"""The relative efficiency as a page shows it: three frontiers with their words, or why one is left out."""

from __future__ import annotations

from paretofleet_analysis.studies import efficiency_answers

MODELS = {"a": (60.0, 0.010), "b": (70.0, 0.020), "c": (76.0, 0.050), "d": (61.0, 0.060)}
BY = ["top1", "batch_latency_mean_s"]


def test_three_frontiers_say_whose_they_are(fleet):
    fdh, dea, sfa = efficiency_answers.answers(fleet(MODELS), objectives=BY)
    assert "In the spirit of" in fdh.sentence
    assert "mixed" in dea.sentence
    assert "Our own reading" in sfa.sentence or "own reading" in sfa.title or sfa.verdict == "left out"
    for answer in (fdh, dea):
        assert answer.verdict == "told"
        assert len(answer.rows) == len(answer.chart.points) == len(MODELS)
        assert all(low <= middle <= high for _, middle, low, high, *_ in answer.rows)


def test_a_row_that_another_surely_precedes_is_not_admissible(fleet):
    fdh = efficiency_answers.answers(fleet(MODELS), objectives=BY)[0]
    admissible = {row[0].split()[0]: row[4] for row in fdh.rows}
    behind = {row[0].split()[0]: row[5] for row in fdh.rows}
    assert admissible["d"] == "no"
    assert behind["d"] > 0
    assert admissible["a"] == "yes"


def test_what_cannot_be_made_is_a_sentence_in_its_place(fleet):
    answers = efficiency_answers.answers(fleet(MODELS), objectives=["batch_latency_mean_s"])
    assert [answer.verdict for answer in answers] == ["left out"] * 3
    assert all(answer.sentence.startswith("Left out: ") for answer in answers)


def test_a_page_fits_no_stochastic_frontier_to_thousands_of_rows(fleet, monkeypatch):
    monkeypatch.setattr(efficiency_answers, "_FRONTIER_ROWS_MAX", 3)
    answers = efficiency_answers.answers(fleet(MODELS), objectives=BY)
    assert [answer.verdict for answer in answers] == ["told", "told", "left out"]
    assert "3 rows at most" in answers[2].sentence
