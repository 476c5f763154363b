"""What the kernel is asked, in the words that its native and its numpy form share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from .coding import Codes
from .index import Index
from .samples import Flags, Floats, Ints

#: A product below this is 0. It bounds the error of every probability, since each is a mean of such products.
FLOOR = 1e-9


class Rule(IntEnum):
    """When a run counts against a point."""

    AT_MOST = 0  # in every objective at most the point
    DOMINATES = 1  # and in one less
    MARGIN = 2  # in every objective equal to the point or at most its cut, and in one at most the cut


@dataclass(frozen=True)
class Points:
    """Query points `codes` (q, d), their `cuts` (q, d) under Rule.MARGIN, and `own` (q,): the place in the
    index that does not count against the point, or -1.
    """

    codes: Codes
    own: Codes
    rule: Rule
    cuts: Codes | None = None

    def part(self, start: int, stop: int) -> Points:
        """The points start:stop."""
        cuts = None if self.cuts is None else self.cuts[start:stop]
        return Points(self.codes[start:stop], self.own[start:stop], self.rule, cuts)


@dataclass(frozen=True)
class SharedCodes:
    """The shared vectors in codes: group g owns rows starts[g]:starts[g+1] of `values` (V, s), with `cuts`
    (V, s) below which another is better by more than the margin; `best` and `worst` (G, s); `groups` (P,)
    by place in the index.
    """

    values: Codes
    cuts: Codes
    starts: Ints
    best: Codes
    worst: Codes
    groups: Codes


class Engine(Protocol):
    """One form of the kernel. All forms give the same bits for any number of threads."""

    name: str

    def dominated(self, levels: tuple[Codes, ...], points: Codes, threads: int) -> Flags:
        """(q,) whether some corner of the lowest level is at most the point everywhere and less somewhere."""
        ...

    def products(self, index: Index, points: Points, orders: int, threads: int) -> Floats:
        """(q, orders): the probability that exactly k = 0, 1, ... configurations have a run that counts."""
        ...

    def shared_products(
        self, index: Index, points: Points, group: Codes, shared: SharedCodes, threads: int
    ) -> Floats:
        """(q,): the probability that nobody counts, over the shared values of the points' own groups
        `group` (q,).
        """
        ...

    def pairs(self, index: Index, points: Points, starts: Ints, threads: int) -> Floats:
        """(len(starts) - 1, P): how many pairs (run of place p, point of starts[j]:starts[j+1]) count."""
        ...
