"""What a search has come to on each device: its front with probabilities, beside its random control."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paretofleet_analysis.objectives import OBJECTIVES

from paretofleet_collector.searches.specification import TOP1

if TYPE_CHECKING:
    from paretofleet_analysis.search.space import Floats

    from paretofleet_collector.searches.costs import CostTable

#: Standard errors on either side of a value between which it lies in 95 %.
Z95 = 1.96
#: Trials that were drawn at random.
RANDOM = ("start", "control")
#: Until its front is measured and trained anew, a member of it may owe its place to luck.
SELECTED = "selected"
CONFIRMED, NOT_CONFIRMED, FAILED = "confirmed", "not confirmed", "failed"


@dataclass(frozen=True)
class Confirmation:
    """A trial on a device, measured anew: its `verdict`, `p_front` among those measured anew, its values.

    `reason`: why it failed when it was trained or measured anew, in words; empty where it did not.
    """

    verdict: str
    p_front: float
    values: Mapping[str, float | None]
    reason: str = ""


def front_rows(
    table: CostTable, device: str, seed: int, anew: Mapping[int, Confirmation] | None = None
) -> list[dict[str, Any]]:
    """The front of a search on a `device` by its `table`, the most accurate first; draws from `seed`.

    `p_front`: the probability that nobody beats a member by more than the objectives' margins. `anew`: what
    was measured anew there; who is confirmed by that is listed, even if selected for another device.
    """
    import numpy as np
    from paretofleet_analysis.search.fronts import front_of_trials

    costs, errors, numbers = within_limits(table, device)
    is_front, p_front = front_of_trials(costs, np.nan_to_num(errors), margins(table), seed=seed)
    anew = anew or {}
    is_confirmed = [number in anew and anew[number].verdict == CONFIRMED for number in numbers]
    rows = []
    for at in np.flatnonzero(is_front | np.array(is_confirmed, dtype=np.bool_)):
        trial = table.trials[numbers[at]]
        again = anew.get(trial.number)
        row = {"device": device, "simulated": device in table.simulated}
        row |= {"trial": trial.number, "kind": trial.kind}
        row["verdict"] = SELECTED if again is None else again.verdict
        row |= _with_intervals(table, device, trial.number)
        row["p_front"] = float(p_front[at])
        row["confirmed.p_front"] = None if again is None or again.verdict == FAILED else again.p_front
        row["confirmed.reason"] = "" if again is None else again.reason
        row |= {
            f"confirmed.{name}": None if again is None else again.values.get(name)
            for name in (TOP1, *table.columns)
        }
        rows.append({**row, "model": trial.model, **_member(table, trial.number)})
    return sorted(rows, key=lambda row: -(row[TOP1] or 0.0))


def trial_rows(table: CostTable) -> list[dict[str, Any]]:
    """Every trial of a `table` on every device of it: values, and why it is of no use there."""
    rows = []
    for trial in table.trials:
        accuracy = table.accuracy(trial.number)
        for device, measured in table.by_device.items():
            row = {"trial": trial.number, "device": device, "simulated": device in table.simulated}
            row["kind"] = trial.kind
            row["state"] = "measured" if trial.number in measured else "missing"
            row["reason"] = table.failure(trial.number, device)
            if row["reason"]:
                row["state"] = "failed"
            elif accuracy is not None and row["state"] == "measured":
                row["state"] = "done"
            row |= _with_intervals(table, device, trial.number)
            rows.append({**row, "model": trial.model, **_member(table, trial.number)})
    return rows


def sentences(table: CostTable, device: str) -> Iterator[str]:
    """What there is to say of a search on a `device` by its `table`, beside its front."""
    costs, _, numbers = within_limits(table, device)
    total = len(table.trials)
    missing = total - len(table.by_device[device])
    if missing:
        yield f"{device} has not measured {missing} of {total} trials, so its front may lack some"
    if len(costs):
        yield f"{device}: {_reached(table, costs, numbers)}"
    else:
        yield f"{device}: no trial is measured, trained and within the limits yet"
    accuracies = [value[0] for trial in table.trials if (value := table.accuracy(trial.number))]
    if len(accuracies) > 2 and len(set(accuracies)) == 1:
        yield f"all {len(accuracies)} trainings came to the same {TOP1}: does training measure it?"
    reasons = Counter(
        _kind_of(reason) for trial in table.trials if (reason := table.failure(trial.number, device))
    )
    if reasons:
        counted = ", ".join(f"{name} {count}" for name, count in reasons.most_common())
        yield f"{device}: {sum(reasons.values())} of {total} trials are of no use: {counted}"
    over = _over_all(table, device)
    if over:
        yield over


def _kind_of(reason: str) -> str:
    """What a `reason` of a failure begins with: its name, or what is lacking."""
    first, _, rest = reason.partition(":")[0].partition(" ")
    return f"{first} {rest.partition(' ')[0]}" if first == "no" else first


def _reached(table: CostTable, costs: Floats, numbers: list[int]) -> str:
    """How much of the hypervolume of a front, of trials with these `costs` (n, d), some of them reach alone.

    Those at random, as many of the method's first ones, those of the diagonal, and those made by hand.
    """
    from paretofleet_analysis.search.fronts import front_scale, share_of_front

    scale = front_scale(costs, [None] * costs.shape[1])
    kinds = [table.trials[number].kind for number in numbers]
    drawn = [at for at, kind in enumerate(kinds) if kind in RANDOM]
    chosen = [at for at, kind in enumerate(kinds) if kind in ("best", "mutant")][: len(drawn)]
    by_hand = [at for at, kind in enumerate(kinds) if kind == "seed"]
    diagonal = [at for at, kind in enumerate(kinds) if kind == "diagonal"]
    parts = [
        f"the {name} {share_of_front(costs[rows], scale):.3f}"
        for name, rows in (
            (f"{len(drawn)} at random", drawn),
            (f"first {len(chosen)} of the method", chosen),
            (f"{len(diagonal)} of the diagonal", diagonal),
            (f"{len(by_hand)} made by hand", by_hand),
        )
        if rows
    ]
    return f"of the hypervolume of its {len(costs)} trials, alone reach {', '.join(parts)}"


def _over_all(table: CostTable, device: str) -> str:
    """Which limit keeps every trial out, and by how much the nearest; empty where one is within all."""
    measured = table.by_device[device].values()
    reasons = [table.beyond(each) for each in measured if not each.reason]
    if not reasons or not all(reasons):
        return ""
    name = Counter(reason.partition(" ")[0] for reason in reasons).most_common(1)[0][0]
    of_it = [each.values[name] for each in measured if name in each.values]
    limit = table.specification.limits[name]
    best = max(of_it) / limit if OBJECTIVES[name].maximize else min(of_it) / limit
    return f"{device}: every trial is beyond a limit; the nearest has {best:.3g} times that of {name}"


def within_limits(table: CostTable, device: str) -> tuple[Floats, Floats, list[int]]:
    """Of the trials of a `table` that are of use on a `device` their costs (n, d), errors (n, d), numbers."""
    import numpy as np

    search = table.search(0, device)
    trials = table.costs(search.space, device)
    columns = list(search.devices[device])
    good = ~trials.has_failed & np.isfinite(trials.costs[:, columns]).all(axis=1)
    rows = np.flatnonzero(good & search.is_within(trials.costs))
    return trials.costs[rows][:, columns], trials.errors[rows][:, columns], rows.tolist()


def margins(table: CostTable) -> list[float]:
    """The margins of a `table`'s objectives, in the units of its costs."""
    values = [OBJECTIVES[TOP1].margin.value]
    for name in table.columns:
        margin = OBJECTIVES[name].margin
        values.append(math.log10(1 + margin.value))
    return values


def _with_intervals(table: CostTable, device: str, number: int) -> dict[str, float | None]:
    """Top-1 and what a `device` measured of trial `number`, each with `_lo` and `_hi`: 95 %, by the standard
    errors that `p_front` goes by. None where a value, or its error, is not known.
    """
    accuracy = table.accuracy(number)
    row: dict[str, float | None] = dict.fromkeys(f"{TOP1}{end}" for end in ("", "_lo", "_hi"))
    if accuracy is not None:
        top1, half = accuracy[0], Z95 * accuracy[1]
        row = {TOP1: top1, f"{TOP1}_lo": max(top1 - half, 0.0), f"{TOP1}_hi": min(top1 + half, 100.0)}
    measurement = table.by_device[device].get(number)
    for name in table.columns:
        value = None if measurement is None else measurement.values.get(name)
        error = math.nan if measurement is None else measurement.errors.get(name, math.nan)
        factor = None if value is None or not math.isfinite(error) else 10 ** (Z95 * error)
        row[name] = value
        row[f"{name}_lo"] = None if value is None or factor is None else value / factor
        row[f"{name}_hi"] = None if value is None or factor is None else value * factor
    return row


def _member(table: CostTable, number: int) -> dict[str, Any]:
    """The values by name of a trial's member, each under `member.NAME`."""
    import numpy as np
    from paretofleet_analysis.search.members import values_of

    space = table.specification.space()
    values = values_of(space, np.array(table.trials[number].codes))
    return {f"member.{name}": values.get(name) for name in space.names}


def member_values(table: CostTable, number: int) -> str:
    """The values of trial `number` of a `table` in one line, without those that its member does not have."""
    values = _member(table, number)
    return ", ".join(
        f"{name.removeprefix('member.')} {value}" for name, value in values.items() if value is not None
    )
