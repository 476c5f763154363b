"""Which blocks are comparable: those that share configurations, directly or through others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def connected_blocks(configurations: npt.ArrayLike, blocks: npt.ArrayLike) -> list[list[int]]:
    """The blocks of each connected component of the graph of configurations and blocks, ascending.

    `configurations`, `blocks`: (n,) whole numbers, of each run whose it is and in which block it was. The
    component with most configurations comes first, of equals the one with the lowest block.

    >>> connected_blocks([0, 0, 1, 2, 2, 3], [7, 8, 5, 1, 2, 2])
    [[1, 2], [5], [7, 8]]
    """
    owners, i = np.unique(np.asarray(configurations), return_inverse=True)
    names, b = np.unique(np.asarray(blocks), return_inverse=True)
    size = len(owners) + len(names)
    graph = coo_array((np.ones(len(i)), (i, len(owners) + b)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    members = [names[label[len(owners) :] == component].tolist() for component in np.unique(label)]
    sizes = np.bincount(label[: len(owners)])
    return [members[k] for k in sorted(range(len(members)), key=lambda k: (-sizes[k], members[k][0]))]
