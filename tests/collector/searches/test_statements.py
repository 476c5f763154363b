"""Which devices of a search are compared: those whose power is of the same scope, where it is ranked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_analysis.studies.searched import answers
from paretofleet_collector.model.searches import SearchDetail, SearchTraining, SearchTrial, SearchView
from paretofleet_collector.searches.costs import CostTable, cost_table
from paretofleet_collector.searches.figures import searched
from paretofleet_collector.searches.measured import TrialMeasurement
from paretofleet_collector.searches.statements import statement_rows
from search_examples import SPECIFICATION

COUNT = 8


def table(scopes: dict[str, str], objectives: tuple[str, ...]) -> CostTable:
    trials = [
        SearchTrial(n, (n % 4, n // 4), f"g{n}", f"m{n}@file", "box", "best" if n > 3 else "start")
        for n in range(COUNT)
    ]
    measured = [
        TrialMeasurement(
            trial=trial.number,
            device=device,
            environment="e",
            batch=0,
            values={"batch_latency_p90_s": 0.01 * (n + 1), "energy_j_per_item": 0.1 * (n + 1)},
            anchors={},
            errors={"batch_latency_p90_s": 0.001, "energy_j_per_item": 0.002},
            scope=scopes[device],
        )
        for device in scopes
        for n, trial in enumerate(trials)
    ]
    trainings = [SearchTraining(n, 1, "validation", top1=65.0 + n, top1_n=1000) for n in range(COUNT)]
    specification = replace(SPECIFICATION, objectives=objectives, limits={})
    return cost_table(specification, tuple(scopes), trials, measured, trainings)


@pytest.mark.parametrize(
    ("scopes", "objectives", "are_compared"),
    [
        ({"box": "package", "tx2": "module"}, ("top1", "batch_latency_p90_s", "energy_j_per_item"), False),
        ({"box": "module", "tx2": "module"}, ("top1", "batch_latency_p90_s", "energy_j_per_item"), True),
        ({"box": "package", "tx2": "module"}, ("top1", "batch_latency_p90_s"), True),
    ],
)
def test_fronts_with_power_of_unlike_scopes_are_not_compared(
    scopes: dict[str, str], objectives: tuple[str, ...], are_compared: bool
) -> None:
    rows, unsaid = statement_rows(table(scopes, objectives), seed=1)
    said = [row for row in rows if (row["device"], row["other_device"]) == ("box", "tx2")]
    assert any(not row["column"] for row in said) is are_compared
    assert any(row["column"] == "batch_latency_p90_s" for row in said), "times are, in any case"
    sentence = "the power of box is of package, that of tx2 of module: their fronts are not compared"
    assert (sentence in unsaid) is not are_compared


@pytest.mark.parametrize(("box", "verdict"), [("package", "left out"), ("module", "told")])
def test_the_figure_of_fronts_leaves_out_the_same_pairs(box: str, verdict: str) -> None:
    of_boards = table({"box": box, "tx2": "module"}, ("top1", "batch_latency_p90_s", "energy_j_per_item"))
    view = SearchView("s1", "edge1", "finished", "", "", "d", 1, 0.0, COUNT, 60.0, 0.0, 0.0, None)
    figure = answers(searched(of_boards, SearchDetail(view, of_boards.trials, (), of_boards.trainings)))[-1]
    assert (figure.title, figure.verdict) == ("From device to device", verdict)
    _, unsaid = statement_rows(of_boards, seed=1)
    fronts = [sentence for sentence in unsaid if "fronts" in sentence]
    assert all(sentence in figure.sentence for sentence in fronts)
    assert len(fronts) == (verdict == "left out")
