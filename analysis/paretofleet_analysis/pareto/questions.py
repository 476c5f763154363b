"""A part of a question about the frontier, asked alike of replicates, of simulated fleets and of truths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .front_probabilities import front_probability
from .samples import Flags, Floats, Ints
from .shared_costs import Shared


@dataclass(frozen=True)
class FrontPart:
    """What `front_probability` is asked: the directions `maximize` (d,), the `margin` and what is `shared`.

    `limits` (l,): upper limits of the last l columns of the samples, which are no objectives: who is above
    one is on nobody's frontier and beats nobody.
    """

    maximize: Sequence[bool]
    margin: Sequence[float] | None = None
    shared: Shared | None = None
    limits: Sequence[float] = ()

    def ask(
        self, samples: Sequence[Floats], *, fleets: npt.ArrayLike | None = None, threads: int = 1
    ) -> Floats:
        """(N,) the probabilities of (m_i, d + l) `samples`; `fleets` and `threads` as for
        `front_probability`.
        """
        chosen, admitted = samples, None
        if self.limits:
            chosen = [values[:, : len(self.maximize)] for values in samples]
            admitted = self.admitted(samples)
        return front_probability(
            chosen,
            maximize=self.maximize,
            margin=self.margin,
            shared=self.shared,
            fleets=fleets,
            threads=threads,
            admitted=admitted,
        )

    def admitted(self, samples: Sequence[Floats]) -> list[Flags]:
        """N arrays (m_i,): which of the (m_i, d + l) `samples` keep the limits."""
        d = len(self.maximize)
        return [np.asarray((values[:, d:] <= np.asarray(self.limits)).all(axis=1)) for values in samples]

    def of(self, chosen: Ints) -> FrontPart:
        """The same of the configurations numbered in `chosen`."""
        if self.shared is None:
            return self
        return replace(self, shared=replace(self.shared, groups=np.asarray(self.shared.groups)[chosen]))
