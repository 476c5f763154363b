"""By which objectives rows are compared: those that were named, or a use's, as far as the rows have them."""

from __future__ import annotations

from collections.abc import Sequence

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES, PRESETS, objective
from paretofleet_analysis.ranking.energy_scope import OF_POWER
from paretofleet_analysis.ranking.request import RankingRequest
from paretofleet_analysis.report.access import Row
from paretofleet_analysis.report.published import PUBLISHED

#: Objectives, and sentences about those that are not among them or are as they are by leave only.
ObjectivesWithNotes = tuple[tuple[str, ...], list[str]]


def choose_objectives(rows: Sequence[Row], request: RankingRequest) -> ObjectivesWithNotes:
    """The objectives to compare `rows` by, as the `request` names them or its use has them, with notes.

    Raises RankError where named objectives are unknown, none, or energies that do not compare.
    """
    if request.objectives is not None:
        return _named_objectives(rows, request, request.objectives)
    preset = PRESETS[request.use]
    able = [row for row in rows if row["top1"] is not None]
    speed = _speed(preset.speed, able)
    notes = []
    if speed != preset.speed[0]:
        short = sum(row[preset.speed[0]] is None for row in able)
        why = "" if all(PUBLISHED in (row["flags"] or ()) for row in able) else " (too few iterations a run)"
        notes.append(
            f"{preset.speed[0]} is absent in {short} of {len(able)} rows{why}, so {speed} takes its place."
        )
    energy, more = _energy([row for row in able if row[speed] is not None], request)
    return ("top1", speed, *energy), [*notes, *more]


def _speed(names: Sequence[str], rows: Sequence[Row]) -> str:
    """The first of the measures `names` that all `rows` have, else the one that most have: of a tie a mean
    before a percentile.
    """
    have = {name: sum(row[name] is not None for row in rows) for name in (*names[1:], names[0])}
    return next((name for name in names if have[name] == len(rows)), max(have, key=lambda name: have[name]))


def _named_objectives(
    rows: Sequence[Row], request: RankingRequest, named: Sequence[str]
) -> ObjectivesWithNotes:
    names = tuple(objective(name).name for name in named)
    if not names:
        raise RankError(f"no objectives are named: choose from {', '.join(OBJECTIVES)}")
    power = [name for name in names if name in OF_POWER]
    scopes = _scopes([row for row in rows if all(row[name] is not None for name in power)])
    if not power or len(scopes) < 2:
        return names, []
    if not request.allow_mixed_scopes:
        raise RankError(
            f"{power[0]} has scopes {' and '.join(scopes)}, which do not compare: choose one with "
            "--power-scope, or allow it with --allow-mixed-scopes"
        )
    return names, [f"Power of scopes {' and '.join(scopes)} is ranked together, as told."]


def _energy(rows: Sequence[Row], request: RankingRequest) -> ObjectivesWithNotes:
    """Energy joins a preset when every row has it in one scope, or in any when mixing is allowed."""
    name = "energy_j_per_item"
    without = sum(row[name] is None for row in rows)
    if without:
        return (), [f"{name} is left out: {without} of {len(rows)} rows have no measured energy."]
    scopes = _scopes(rows)
    if len(scopes) < 2:
        return ((name,) if rows else ()), []
    if request.allow_mixed_scopes:
        return (name,), [f"Energy of scopes {' and '.join(scopes)} is ranked together, as told."]
    note = (
        f"{name} is left out: its scopes {' and '.join(scopes)} do not compare (choose one with "
        "--power-scope, or allow it with --allow-mixed-scopes)."
    )
    return (), [note]


def _scopes(rows: Sequence[Row]) -> list[str]:
    return sorted({str(row["power_scope"]) for row in rows if row["power_scope"] is not None})
