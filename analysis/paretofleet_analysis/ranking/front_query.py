"""What a ranking asks of the exact kernel: who is on the frontier, and who is near it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import Absolute, Shared, front_probability
from paretofleet_analysis.ranking.common_factors import Factors


@dataclass(frozen=True)
class FrontQuery:
    """What is asked about N configurations in d objectives, by default of their true means.

    `question`: "mean" (of true means) or "run" (of one more run of each). `shared`: accuracies as random.
    `factors`: what is unknown but common to a device's configurations.
    """

    maximize: Sequence[bool]
    margins: Sequence[Margin]
    question: str = "mean"
    seed: int = 1
    shared: Shared | None = None
    factors: Factors | None = None

    def subset(self, chosen: np.ndarray) -> FrontQuery:
        """The same of the configurations numbered in `chosen`."""
        return replace(
            self,
            shared=None if self.shared is None else _subset(self.shared, chosen),
            factors=None if self.factors is None else self.factors.subset(chosen),
        )


@dataclass(frozen=True)
class FrontProbabilities:
    """Of N configurations (N,): `front`, that nobody dominates it; `near_front`, that nobody is better by
    more than the margin in every objective that the two do not have exactly in common.
    """

    front: np.ndarray
    near_front: np.ndarray


def exact_front(
    points: Sequence[np.ndarray], query: FrontQuery, *, fleets: np.ndarray | None = None
) -> FrontProbabilities:
    """What the kernel says of (m_i, d) `points` under the objectives of `query`; its factors are left out.

    `fleets` (N,): whole numbers of fleets that never meet, asked in one pass; one fleet if None.
    """
    strict = None if query.shared is None else replace(query.shared, margin=None)
    front = front_probability(points, maximize=query.maximize, shared=strict, fleets=fleets)
    near = front_probability(
        points,
        maximize=query.maximize,
        margin=tolerances(query.margins),
        shared=query.shared,
        fleets=fleets,
    )
    return FrontProbabilities(front, np.maximum(front, near))


def tolerances(margins: Sequence[Margin]) -> list[float]:
    """The `margins` as the exact ranking takes them: shares, or `Absolute` amounts in an objective's unit."""
    return [margin.value if margin.relative else Absolute(margin.value) for margin in margins]


def _subset(shared: Shared, chosen: np.ndarray) -> Shared:
    return replace(shared, groups=np.asarray(shared.groups)[chosen])
