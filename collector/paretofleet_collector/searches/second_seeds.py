"""How far another seed ranks members alike: their accuracies in a search and in a second training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from paretofleet_collector.searches.specification import TOP1

if TYPE_CHECKING:
    from paretofleet_collector.searches.costs import CostTable

#: With fewer members nothing is said: an interval over so few is a guess.
MEMBERS_MIN = 5
#: From so many seeds a front is confirmed.
SEEDS = 3
Pairs = Sequence[tuple[float, float]]


def seed_sentences(table: CostTable, anew: CostTable | None, search: str) -> Iterator[str]:
    """Kendall's tau of the accuracies of a `search`, by its `table`, with those of a second seed.

    The second seed is the second of `train.seeds`, on the same items. After confirming, by the table of what
    was trained `anew` (None for nothing), it is the first one that the search did not use, on the test split;
    those members were chosen, and chosen ones differ less than all. Where there is no second seed, what
    gives one.
    """
    within = _of_search(table)
    if not within and all(table.accuracy(trial.number) is None for trial in table.trials):
        return
    has_new_seeds = anew is not None and _has_new_seeds(table, anew)
    if within:
        yield _sentence("another seed", within, "trained from two seeds")
    if anew is not None and has_new_seeds:
        yield _sentence(
            "another seed on the test split", _of_confirmed(table, anew), "chosen and trained anew"
        )
    if not within and not has_new_seeds:
        yield _what_gives_another(table, is_confirmed=anew is not None, search=search)


def _has_new_seeds(table: CostTable, anew: CostTable) -> bool:
    """Whether any training `anew` was from a seed that the search had not used for that trial."""
    used = {(each.trial, each.seed) for trial in table.trials for each in table.trained(trial.number)}
    again = (each for trial in table.trials for each in anew.trained(trial.number))
    return any((each.trial, each.seed) not in used for each in again)


def _what_gives_another(table: CostTable, *, is_confirmed: bool, search: str) -> str:
    """That no member has a second seed, and the command that trains one."""
    used = max(each.seed for trial in table.trials for each in table.trained(trial.number))
    why = "`confirm` trained from the search's own seed only" if is_confirmed else "members have one seed"
    return (
        f"whether another seed ranks {TOP1} alike is undecided: {why}; `paretofleet search confirm {search} "
        f"--seeds {max(used + 1, SEEDS)}` also trains the selected members from other seeds"
    )


def _of_search(table: CostTable) -> Pairs:
    """The accuracies of each trial that was trained from two seeds or more, by the first two."""
    pairs = []
    for trial in table.trials:
        done = sorted(table.trained(trial.number), key=lambda each: each.seed)
        values = [each.top1 for each in done if not each.reason and each.top1 is not None]
        if len(values) > 1:
            pairs.append((values[0], values[1]))
    return pairs


def _of_confirmed(table: CostTable, anew: CostTable) -> Pairs:
    """The accuracy of each trial in the search, and by the first seed of those `anew` that is new."""
    pairs = []
    for trial in table.trials:
        accuracy = table.accuracy(trial.number)
        used = {each.seed for each in table.trained(trial.number)}
        again = sorted(anew.trained(trial.number), key=lambda each: each.seed)
        values = [each.top1 for each in again if each.seed not in used and not each.reason]
        if accuracy is not None and values and values[0] is not None:
            pairs.append((accuracy[0], values[0]))
    return pairs


def _sentence(seed: str, pairs: Pairs, members: str) -> str:
    if len(pairs) < MEMBERS_MIN:
        count = "1 member is" if len(pairs) == 1 else f"{len(pairs)} members are"
        return f"whether {seed} ranks {TOP1} alike is undecided: {count} {members}, of at least {MEMBERS_MIN}"
    import numpy as np
    from paretofleet_analysis.studies.rank_agreement import agreement

    first, second = np.array(pairs, dtype=np.float64).T
    tau = agreement(first, second)
    if not math.isfinite(tau.estimate):
        return (
            f"whether {seed} ranks {TOP1} alike is undecided: {len(pairs)} members {members} have one {TOP1}"
        )
    return f"{TOP1} by {seed}: Kendall's tau {tau.text(2)}, of {len(pairs)} members {members}"
