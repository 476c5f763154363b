"""What holds on a fleet, by the measured trials of a search: statements with verdicts and intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.search.comparable import unlike_kinds, unlike_scopes

from paretofleet_collector.searches.fronts import RANDOM, margins, within_limits

if TYPE_CHECKING:
    from paretofleet_analysis.search.statements import Measured, Statement

    from paretofleet_collector.searches.costs import CostTable

#: With fewer trials on a side nothing is said.
TRIALS_MIN = 5
#: Units of what makes a network slow.
_TIMES = frozenset({"s", "1/s"})
Row = dict[str, Any]


def statement_rows(table: CostTable, seed: int) -> tuple[list[Row], list[str]]:
    """Every statement that the trials of a `table` can test, as rows, and sentences on what they cannot.

    Pairs of devices are compared over what was measured on both and trained, limits aside: the best of one
    may be too slow for the other. Simulated devices are never compared with real ones, and fronts with power
    of another scope are not. Draws from `seed`.
    """
    rows: list[Row] = []
    unsaid: list[str] = []
    for first, second in combinations(table.by_device, 2):
        if unlike := unlike_kinds(first, second, table.simulated):
            unsaid.append(unlike)
            continue
        of_pair, sentence = _of_pair(table, first, second, seed)
        rows += of_pair
        unsaid += [sentence] if sentence else []
    for device in table.by_device:
        of_search, sentence = _beside_random(table, device, seed)
        rows += of_search
        unsaid += [sentence] if sentence else []
    return rows, unsaid


def _of_pair(table: CostTable, first: str, second: str, seed: int) -> tuple[list[Row], str]:
    """The statements on two devices, both ways where that is another statement."""
    from paretofleet_analysis.search.statements import best_is_slow, fronts_differ

    sides, count = _on_both(table, (first, second))
    if count < TRIALS_MIN:
        return [], (
            f"{first} and {second}: {count} trials are measured on both and trained, of at least {TRIALS_MIN}"
        )
    unsaid = unlike_scopes(first, second, {name: table.scopes(name) for name in (first, second)})
    rows = []
    if not unsaid:
        differ = fronts_differ(sides[first], sides[second], _array(margins(table)), seed=seed)
        rows.append(_row(table, differ, (first, second), "", count))
    times = [(at, name) for at, name in enumerate(table.columns, 1) if OBJECTIVES[name].unit in _TIMES]
    for (ours, theirs), (at, name) in _product(permutations((first, second)), times):
        slow = best_is_slow(sides[ours], sides[theirs], at, seed=seed)
        rows.append(_row(table, slow, (ours, theirs), name, count))
    return rows, unsaid


def _product(pairs: Iterator[tuple[str, ...]], times: Sequence[tuple[int, str]]) -> Iterator[Any]:
    return ((pair, time) for pair in pairs for time in times)


def _beside_random(table: CostTable, device: str, seed: int) -> tuple[list[Row], str]:
    """Whether what the method chose reaches more on a device than as many that were drawn at random.

    Of either the first ones count; those that failed or are beyond a limit count, too, and reach nothing.
    """
    from paretofleet_analysis.search.statements import Measured, reaches_more

    costs, errors, numbers = within_limits(table, device)
    at_of = {number: at for at, number in enumerate(numbers)}
    decided = [each for each in table.trials if each.number in at_of or table.failure(each.number, device)]
    chosen = [each.number for each in decided if each.kind in ("best", "mutant")]
    drawn = [each.number for each in decided if each.kind in RANDOM]
    count = min(len(chosen), len(drawn))
    of_use = [[at_of[number] for number in side[:count] if number in at_of] for side in (chosen, drawn)]
    if count < TRIALS_MIN or not any(of_use):
        return [], (
            f"{device}: {len(chosen)} trials of the method and {len(drawn)} at random came to an end there, "
            f"of at least {TRIALS_MIN} each"
            if count < TRIALS_MIN
            else f"{device}: no trial is within the limits"
        )
    names = (f"the search on {device}", "its random control")
    sides = [
        Measured(name, costs[rows], _without_nan(errors[rows]))
        for name, rows in zip(names, of_use, strict=True)
    ]
    return [_row(table, reaches_more(*sides, seed=seed), (device, ""), "", count)], ""


def _on_both(table: CostTable, pair: Sequence[str]) -> tuple[dict[str, Measured], int]:
    """What was measured of the same trials on each of a `pair` of devices, and of how many."""
    import numpy as np
    from paretofleet_analysis.search.statements import Measured

    search = table.search(0, pair[0])
    trials = table.costs(search.space, pair[0])
    columns = {device: list(search.devices[device]) for device in pair}
    both = np.logical_and.reduce(
        [np.isfinite(trials.costs[:, columns[device]]).all(axis=1) for device in pair]
    )
    sides = {
        device: Measured(
            device,
            trials.costs[both][:, columns[device]],
            _without_nan(trials.errors[both][:, columns[device]]),
        )
        for device in pair
    }
    return sides, int(both.sum())


def _row(table: CostTable, statement: Statement, devices: tuple[str, str], column: str, count: int) -> Row:
    """A `statement` as a row; `lo` and `hi` are the ends of its interval of 95 %."""
    values = asdict(statement)
    device, other = devices
    return {
        "statement": values["sentence"],
        "verdict": values["verdict"],
        "value": values["value"],
        "lo": values["lo"],
        "hi": values["hi"],
        "of": values["of"],
        "column": column,
        "device": device,
        "other_device": other,
        "trials": count,
        "simulated": device in table.simulated,
    }


def _without_nan(errors: Any) -> Any:
    import numpy as np

    return np.nan_to_num(errors)


def _array(values: Sequence[float]) -> Any:
    import numpy as np

    return np.array(values)
