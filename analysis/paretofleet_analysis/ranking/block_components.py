"""Which blocks of a device are comparable: those that share configurations, directly or through others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretofleet_analysis.pareto.block_components import connected_blocks
from paretofleet_analysis.statistics.flat_runs import flat


def with_unfitted_blocks(fitted: Sequence[list[int]], blocks: Sequence[np.ndarray]) -> list[list[int]]:
    """The `fitted` components, and after them those of the other blocks that hold runs.

    `blocks`: of each row those of its runs. What a row connects to a fitted component is left out.

    >>> rows = [np.array(row) for row in ([1, 2], [2, 3], [7, 8], [8, 9], [5])]
    >>> with_unfitted_blocks([[1, 2]], rows)
    [[1, 2], [7, 8, 9], [5]]
    """
    runs = flat(blocks)
    components = connected_blocks(runs.owner, runs.values)
    in_fit = {block for component in fitted for block in component}
    return [*map(list, fitted), *(component for component in components if not in_fit & set(component))]


def block_spans(blocks: Sequence[int]) -> str:
    """Ascending numbers of `blocks` as a sentence holds them.

    >>> block_spans([1, 2, 3, 5, 7, 8])
    '1-3, 5, 7-8'
    """
    starts = [k for k, n in enumerate(blocks) if k == 0 or n != blocks[k - 1] + 1]
    ends = [*(k - 1 for k in starts[1:]), len(blocks) - 1]
    pairs = [(blocks[a], blocks[b]) for a, b in zip(starts, ends, strict=True)]
    return ", ".join(f"{a}-{b}" if a < b else f"{a}" for a, b in pairs)
