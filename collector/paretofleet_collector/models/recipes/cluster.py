"""Weight clustering: the weights of each layer share a few values, so that an index tells each of them.

Han, Mao, Dally: Deep Compression (arXiv 1510.00149), section 3, without the training of centroids.
"""

from __future__ import annotations

import math

import numpy as np

_ROUNDS_MAX = 300
_VALUE_BITS = 32


def clustered(values: np.ndarray, centroids: int) -> np.ndarray:
    """`values`, of any shape, each replaced by the nearest of at most `centroids` shared ones.

    The shared values are those of Lloyd's k-means in one dimension, begun at equal distances between the
    least and the largest value, which keeps large weights apart (section 3.2). Sorted values and their sums
    make a round cost one search for each centroid. Float32 comes back.
    """
    flat = np.ravel(np.asarray(values, np.float32))
    distinct = np.unique(flat)
    if distinct.size <= centroids:
        return np.asarray(values, np.float32).copy()
    ordered = np.sort(flat).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    centres = np.linspace(ordered[0], ordered[-1], centroids)
    for _ in range(_ROUNDS_MAX):
        edges = np.concatenate([[0], np.searchsorted(ordered, (centres[1:] + centres[:-1]) / 2), [flat.size]])
        counts = np.diff(edges)
        kept = counts > 0  # an empty cluster is left out: at most so many values are promised
        moved = np.diff(sums[edges])[kept] / counts[kept]
        if moved.size == centres.size and np.array_equal(moved, centres):
            break
        centres = moved
    shared = np.unique(centres.astype(np.float32))
    between = (shared[1:].astype(np.float64) + shared[:-1]) / 2
    return shared[np.searchsorted(between, flat)].reshape(np.shape(values))


def clustered_bytes(values: np.ndarray) -> int:
    """Bytes of a layer's `values` as a table of its distinct ones in float32 and an index for each.

    ceil(n x ceil(log2 k) / 8) + 4 k, for k distinct of n values: formula 1 of Deep Compression (n log2 k +
    k b bits) with whole bits an index, without Huffman coding.
    """
    flat = np.ravel(values)
    count = np.unique(flat).size
    bits = max(1, math.ceil(math.log2(count))) if flat.size else 0
    return -(-flat.size * bits // 8) + count * _VALUE_BITS // 8
