"""Which blocks of a device are comparable: those that share configurations, directly or through others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def connected_blocks(fitted: Sequence[list[int]], blocks: Iterable[Iterable[int]]) -> list[list[int]]:
    """The `fitted` components, and after them the other blocks, together where a row has runs in both.

    `blocks`: of each row those of its runs. What a row connects to a fitted component is left out.

    >>> connected_blocks([[1, 2]], [[1, 2], [2, 3], [7, 8], [8, 9], [5]])
    [[1, 2], [7, 8, 9], [5]]
    """
    groups: list[tuple[int, set[int]]] = []
    for row in blocks:
        numbers = {int(block) for block in row}
        joined = [group for group in groups if group[1] & numbers]
        groups = [group for group in groups if not group[1] & numbers]
        rows = 1 + sum(count for count, _ in joined)
        groups.append((rows, numbers.union(*(others for _, others in joined))))
    in_fit = {block for component in fitted for block in component}
    left = sorted((-rows, sorted(group)) for rows, group in groups if not group & in_fit)
    return [*map(list, fitted), *(group for _, group in left)]


def block_spans(blocks: Sequence[int]) -> str:
    """Ascending numbers of `blocks` as a sentence holds them.

    >>> block_spans([1, 2, 3, 5, 7, 8])
    '1-3, 5, 7-8'
    """
    starts = [k for k, n in enumerate(blocks) if k == 0 or n != blocks[k - 1] + 1]
    ends = [*(k - 1 for k in starts[1:]), len(blocks) - 1]
    pairs = [(blocks[a], blocks[b]) for a, b in zip(starts, ends, strict=True)]
    return ", ".join(f"{a}-{b}" if a < b else f"{a}" for a, b in pairs)
