"""From probabilities to words: the verdict of a row, a plain sentence, and groups of equivalents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from paretofleet_analysis.objectives import OBJECTIVES, Margin

FRONT, NEAR_FRONT, UNDECIDED, DOMINATED = "front", "near front", "undecided", "dominated"
#: The printed order of verdicts.
ORDER = (FRONT, NEAR_FRONT, UNDECIDED, DOMINATED)
#: A verdict is given when its probability reaches this, or its opposite falls to the rest.
SURE = 0.95


def verdict(*, p_front: float, p_near_front: float) -> str:
    """The word for a row; what is neither sure enough nor excluded is undecided.

    >>> verdict(p_front=0.97, p_near_front=1.0), verdict(p_front=0.4, p_near_front=0.99)
    ('front', 'near front')
    >>> verdict(p_front=0.0, p_near_front=0.02), verdict(p_front=0.1, p_near_front=0.5)
    ('dominated', 'undecided')
    """
    if p_front >= SURE:
        return FRONT
    if p_near_front >= SURE:
        return NEAR_FRONT
    return DOMINATED if p_near_front <= 1 - SURE + 1e-12 else UNDECIDED


def groups(means: np.ndarray, margins: Sequence[Margin]) -> list[tuple[int, ...]]:
    """Two or more rows (numbered from 1 in the given order) that are within the margins of each other.

    Being within a margin is not transitive, so a row joins the first group all of whose members it is close
    to.

    >>> groups(np.array([[1.0], [1.01], [2.0]]), [Margin(0.02)])
    [(1, 2)]
    """
    found: list[list[int]] = []
    for i in range(len(means)):
        home = next(
            (group for group in found if all(_is_close(means[i], means[j], margins) for j in group)), None
        )
        if home is None:
            found.append([i])
        else:
            home.append(i)
    return [tuple(i + 1 for i in group) for group in found if len(group) > 1]


def _is_close(first: np.ndarray, second: np.ndarray, margins: Sequence[Margin]) -> bool:
    """Whether neither is better by more than the margin in any objective."""
    for a, b, margin in zip(first, second, margins, strict=True):
        reach = margin.value * (max(abs(a), abs(b)) if margin.relative else 1.0)
        if abs(a - b) > reach:
            return False
    return True


def sentence(
    word: str,
    i: int,
    means: np.ndarray,
    *,
    names: Sequence[str],
    numbers: Mapping[int, int],
    runs: int,
    p: float | None,
) -> str:
    """The verdict of row i in plain words; where it is dominated, by whom and by how much."""
    if p is None:
        return f"It has {runs} {'run' if runs == 1 else 'runs'}, too few to say: at least 3 are needed."
    sure = _percent(p)
    if word == FRONT:
        return f"No other is as good in everything and better in something ({sure} sure)."
    if word == NEAR_FRONT:
        return f"None is better by more than the margins in everything ({sure} sure)."
    if word == UNDECIDED:
        return f"Its runs do not decide ({sure} that it is near the front): more runs would help."
    best = _best_dominator(i, means, names)
    if best is None:
        return f"Together the others leave it behind ({sure} that it is near the front)."
    gains = [_gain(means[best, k], means[i, k], name) for k, name in enumerate(names)]
    return f"Row {numbers[best]} is better: {', '.join(gain for gain in gains if gain)}."


def _percent(p: float) -> str:
    """A probability in words that never claims certainty.

    >>> _percent(0.9999), _percent(0.984), _percent(0.0)
    ('more than 99 %', '98 %', 'less than 1 %')
    """
    if p > 0.99:
        return "more than 99 %"
    return "less than 1 %" if p < 0.01 else f"{100 * p:.0f} %"


def _best_dominator(i: int, means: np.ndarray, names: Sequence[str]) -> int | None:
    """Of the rows whose means dominate row i's, the one that is ahead furthest in all objectives together."""
    signs = np.array([-1.0 if OBJECTIVES[name].maximize else 1.0 for name in names])
    ahead = (means[i] - means) * signs
    dominates = (ahead >= 0).all(axis=1) & (ahead > 0).any(axis=1)
    if not dominates.any():
        return None
    ratios = np.log(means[i] / means) * signs
    return int(np.argmax(np.where(dominates, ratios.sum(axis=1), -np.inf)))


def _gain(better: float, worse: float, name: str) -> str:
    """How much better in one objective, in words; empty where equal."""
    known = OBJECTIVES[name]
    if better == worse:
        return ""
    if not known.margin.relative:
        return f"{known.short} {abs(better - worse):.2g} {'points ' if known.unit == 'percent' else ''}more"
    share = better / worse - 1 if known.maximize else 1 - better / worse
    if share >= 0.5 and not known.maximize:
        return f"{known.short} {worse / better:.1f} times less"
    if share >= 1:
        return f"{known.short} {better / worse:.1f} times more"
    return f"{known.short} {100 * share:.2g} % {'more' if known.maximize else 'less'}"
