"""A fleet's runs as the kernel looks them up."""

from __future__ import annotations

from dataclasses import dataclass

from .fleet import Fleet
from .kernel.index import Index, build
from .kernel.rank_codes import Codes, RankCodes


@dataclass(frozen=True)
class IndexedFleet:
    """The n runs of a fleet in rank codes, the index of its configurations, and whose `places` (n,) in it the
    runs are.
    """

    fleet: Fleet
    ranks: RankCodes
    index: Index
    places: Codes

    @classmethod
    def of(cls, fleet: Fleet) -> IndexedFleet:
        """Code and index the runs of `fleet`."""
        ranks = RankCodes(fleet.costs)
        index = build(ranks.codes, fleet.owner, fleet.runs)
        return cls(fleet, ranks, index, index.positions(fleet.size)[fleet.owner])
