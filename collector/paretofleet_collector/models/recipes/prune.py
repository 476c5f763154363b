"""Magnitude pruning: the smallest weights of each layer become zero.

Han, Mao, Dally: Deep Compression (arXiv 1510.00149), section 2, without the training in between, so that
accuracy is what is left of it. The file keeps its size, for zeros are stored too; counted is the sparse one.
"""

from __future__ import annotations

import numpy as np

#: Bits of an index difference in a sparse layer (section 2): 8 of a convolution, 5 of a dense layer.
CONVOLUTION_INDEX_BITS, DENSE_INDEX_BITS = 8, 5
_VALUE_BITS = 32


def pruned(values: np.ndarray, sparsity: float) -> np.ndarray:
    """`values`, of any shape, with the share `sparsity` of them set to zero: those of least magnitude.

    Of `n` values floor(sparsity x n) are set; of equal magnitudes those that stand first. What was zero
    before counts among them.

    >>> pruned(np.array([0.5, -0.1, 0.2, -3.0]), 0.5)
    array([ 0.5,  0. ,  0. , -3. ])
    """
    flat = np.ravel(values).copy()
    count = int(np.floor(sparsity * flat.size + 1e-9))
    flat[np.argsort(np.abs(flat), kind="stable")[:count]] = 0
    return flat.reshape(np.shape(values))


def sparse_bytes(values: np.ndarray, index_bits: int) -> int:
    """Bytes of a layer's `values` where zeros are left out: each other value with an index difference.

    A difference has `index_bits` and is 1 to 2^index_bits; in a longer gap zeros are stored as fillers
    (Deep Compression, section 2 and figure 2): ceil(entries x (32 + index_bits) / 8).
    """
    places = np.flatnonzero(values)
    gaps = np.diff(places, prepend=-1)
    fillers = int(np.sum((gaps - 1) // 2**index_bits)) if places.size else 0
    return -(-(int(places.size) + fillers) * (_VALUE_BITS + index_bits) // 8)
