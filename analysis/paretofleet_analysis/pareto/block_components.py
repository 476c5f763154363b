"""Which blocks are comparable: those that share configurations, directly or through others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .samples import Ints


def connected_blocks(configurations: npt.ArrayLike, blocks: npt.ArrayLike) -> list[list[int]]:
    """The blocks of each connected component of the graph of configurations and blocks, ascending.

    `configurations`, `blocks`: (n,) whole numbers, of each run whose it is and in which block it was. The
    component with most configurations comes first, of equals the one with the lowest block.

    >>> connected_blocks([0, 0, 1, 2, 2, 3], [7, 8, 5, 1, 2, 2])
    [[1, 2], [5], [7, 8]]
    """
    i = np.unique(np.asarray(configurations), return_inverse=True)[1]
    names, b = np.unique(np.asarray(blocks), return_inverse=True)
    label = _components(i, b, len(names))
    members = [names[label == component].tolist() for component in np.unique(label)]
    sizes = np.bincount(label[b[np.unique(i, return_index=True)[1]]], minlength=len(names))[np.unique(label)]
    return [members[k] for k in sorted(range(len(members)), key=lambda k: (-sizes[k], members[k][0]))]


def _components(owners: Ints, blocks: Ints, size: int) -> Ints:
    """(size,) the lowest block that each one is connected with, through the `owners` (n,) of runs in the
    `blocks` (n,): labels spread from run to run until none falls any more.
    """
    label = np.arange(size)
    while True:
        lowest = np.full(int(owners.max(initial=-1)) + 1, size)
        np.minimum.at(lowest, owners, label[blocks])
        after = label.copy()
        np.minimum.at(after, blocks, lowest[owners])
        after = after[after]
        if (after == label).all():
            return label
        label = after
