"""Energies are compared within one scope, and the gain of their sensors is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from rankings import reasons, verdicts


def module(rows):
    """The same configuration with its energy measured at the module."""
    change = {"power_scope": "module", "power_source": "ina3221"}
    return replace(
        rows,
        runs=[
            replace(
                run,
                summary={
                    **run.summary,
                    **change,
                    "energy": [{**run.summary["energy"][0], "scope": "module", "source": "ina3221"}],
                },
            )
            for run in rows.runs
        ],
    )


def test_energy_joins_when_every_row_has_one_scope(configuration):
    rows = [configuration(name, energies=[0.1] * 5) for name in "ab"]
    assert [used.name for used in rank(build_report(rows)).objectives][-1] == "energy_j_per_item"


def test_the_gain_of_several_sensors_is_named(configuration):
    rows = [configuration(name, energies=[0.1] * 5, device=name) for name in "ab"]
    ranking = rank(build_report(rows))
    assert any(
        note.startswith("Energy comes from 2 sensors; their gain (up to 3 %) is integrated over")
        for note in ranking.notes
    )
    assert ranking.evidence["common_factors_error"] is not None


def test_energy_is_left_out_with_a_sentence(configuration):
    with_energy, without = configuration("a", energies=[0.1] * 5), configuration("b")
    ranking = rank(build_report([with_energy, without]))
    assert "energy_j_per_item is left out: 1 of 2 rows have no measured energy." in ranking.notes
    mixed = rank(build_report([with_energy, module(configuration("b", energies=[0.1] * 5))]))
    assert "energy_j_per_item" not in [used.name for used in mixed.objectives]
    assert any("scopes module and package do not compare" in note for note in mixed.notes)


def test_mixed_scopes_are_refused_when_named_and_ranked_when_told(configuration):
    rows = [configuration("a", energies=[0.1] * 5), module(configuration("b", energies=[0.1] * 5))]
    table = build_report(rows)
    with pytest.raises(
        RankError, match="has scopes module and package, which do not compare: choose one with"
    ):
        rank(table, objectives=["top1", "energy_j_per_item"])
    told = rank(table, allow_mixed_scopes=True)
    assert "energy_j_per_item" in [used.name for used in told.objectives]
    assert any("ranked together, as told" in note for note in told.notes)


def test_a_power_scope_can_be_chosen(configuration):
    rows = [configuration("a", energies=[0.1] * 5), module(configuration("b", energies=[0.1] * 5))]
    ranking = rank(build_report(rows), power_scope="module")
    assert list(verdicts(ranking)) == ["b"]
    assert reasons(ranking) == {"no energy of scope module": 1}
    assert ranking.evidence["power_sources"] == ["module by ina3221"]


def test_a_chosen_scope_brings_the_gain_of_its_own_sensor(configuration):
    rows = []
    for name in "ab":
        given = configuration(name, energies=[0.1] * 5, device=name)
        wall = {"scope": "wall", "source": "meter", "primary": False, "gain_uncertainty": 0.2}
        runs = [
            replace(
                run,
                summary=run.summary | {"energy": [*run.summary["energy"], run.summary["energy"][0] | wall]},
            )
            for run in given.runs
        ]
        rows.append(replace(given, runs=runs))
    notes = " ".join(rank(build_report(rows), power_scope="wall").notes)
    assert "their gain (up to 20 %) is integrated over" in notes
