"""What a ranking asks of the exact kernel: whom nobody beats by the margins, and whom nobody dominates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import FrontQuestion, Shared
from paretofleet_analysis.ranking.common_factors import Factors
from paretofleet_analysis.ranking.verdicts import tolerances


@dataclass(frozen=True)
class FrontQuery:
    """What is asked about N configurations in d objectives, by default of their true means.

    `question`: "mean" (of true means) or "run" (of one more run of each). `shared`: accuracies as random,
    each model's by itself; `joint`: draws of all at once, where they hang together.
    `factors`: what is unknown but common to a device's configurations. `noise_groups`: whole numbers (N,) of
    what may share its noise, the finest first. `limits` (l,): upper limits of further
    columns of the samples, which are no objectives; who is above one is on no frontier and beats nobody.
    """

    maximize: Sequence[bool]
    margins: Sequence[Margin]
    question: str = "mean"
    seed: int = 1
    shared: Shared | None = None
    factors: Factors | None = None
    noise_groups: Sequence[np.ndarray] = ()
    limits: Sequence[float] = ()
    joint: Sequence[Shared] = ()

    @property
    def front_question(self) -> FrontQuestion:
        """What the kernel is asked: by the margins, and without."""
        return FrontQuestion(
            self.maximize, tolerances(self.margins), self.shared, self.noise_groups, self.limits
        )

    def subset(self, chosen: np.ndarray) -> FrontQuery:
        """The same of the configurations numbered in `chosen`."""
        return replace(
            self,
            shared=None if self.shared is None else _subset(self.shared, chosen),
            joint=[_subset(draw, chosen) for draw in self.joint],
            factors=None if self.factors is None else self.factors.subset(chosen),
            noise_groups=[np.unique(x[chosen], return_inverse=True)[1] for x in self.noise_groups],
        )


@dataclass(frozen=True)
class FrontProbabilities:
    """Of N configurations (N,): `front`, that nobody beats it by the margins; `pareto`, that nobody
    dominates it.
    """

    front: np.ndarray
    pareto: np.ndarray


def exact_front(
    points: Sequence[np.ndarray], query: FrontQuery, *, fleets: np.ndarray | None = None
) -> FrontProbabilities:
    """What the kernel says of (m_i, d) `points` under the objectives of `query`; its factors are left out.

    `fleets` (N,): whole numbers of fleets that never meet, asked in one pass; one fleet if None.
    """
    front, pareto = (part.ask(points, fleets=fleets) for part in query.front_question.parts)
    return FrontProbabilities(front, pareto)


def _subset(shared: Shared, chosen: np.ndarray) -> Shared:
    return replace(shared, groups=np.asarray(shared.groups)[chosen])
