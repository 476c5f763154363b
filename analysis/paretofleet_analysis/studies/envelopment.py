"""The linear programs of data envelopment analysis, many units at a time.

The programs of different units share nothing, so that a block of them is one sparse program whose optimum
holds each unit's: HiGHS then starts once for a block, not once for a unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from paretofleet_analysis.errors import AnalysisError

Floats = np.ndarray
#: Columns of a block: beyond this HiGHS gains nothing by more.
_COLUMNS = 8_000
#: What a slack may be off by, as a share of the unit's own value.
TOLERANCE = 1e-9


class SolverError(AnalysisError):
    """A linear program came to no end; the solver's words say why."""


@dataclass(frozen=True)
class Technology:
    """What can be done, spanned by the `costs` (K, m) and `gains` (K, s) of units that do it, all positive.

    Or one for each of n units that are asked about: (n, K, m) and (n, K, s). With constant returns a unit may
    also be scaled; with variable ones only mixed.
    """

    costs: Floats
    gains: Floats
    has_constant_returns: bool

    def of(self, chosen: slice) -> Technology:
        """That of the units `chosen`, of those that are asked about."""
        if self.costs.ndim == 2:
            return self
        return Technology(self.costs[chosen], self.gains[chosen], self.has_constant_returns)


def radial(
    technology: Technology, costs: Floats, gains: Floats, *, of_costs: bool, left_out: Floats | None = None
) -> Floats:
    """(n,): how far all costs can be multiplied by one number (or all gains, where `of_costs` is false).

    `costs` (n, m) and `gains` (n, s) are those of the units asked about. `left_out` (n,) names for each the
    unit of the technology that it is held against the others of, or -1. NaN where nothing in the technology
    reaches the unit at all. SolverError where the solver gives up.
    """
    out = np.empty(len(costs))
    for chosen in _blocks(len(costs), technology.costs.shape[-2]):
        excluded = None if left_out is None else left_out[chosen]
        program = _program(technology.of(chosen), costs[chosen], gains[chosen], excluded)
        n, m = len(costs[chosen]), costs.shape[1]
        move = np.zeros((n, m + gains.shape[1]))
        if of_costs:
            move[:, :m] = -1.0
            program.upper[:, :m] = 0.0
        else:
            move[:, m:] = 1.0
            program.upper[:, m:] = 0.0
        out[chosen] = _solve_radial(program, move, sign=1.0 if of_costs else -1.0)
    return out


def slacks(technology: Technology, costs: Floats, gains: Floats) -> Floats:
    """(n, m + s): what is left of each cost and lacks of each gain at most, as a share of the unit's own.

    The sum of shares is maximised among the mixtures that reach the points `costs` (n, m), `gains` (n, s);
    all zero means that nothing in the `technology` is better in any of them. SolverError where the solver
    gives up.
    """
    out = np.empty((len(costs), costs.shape[1] + gains.shape[1]))
    for chosen in _blocks(len(costs), technology.costs.shape[-2]):
        program = _program(technology.of(chosen), costs[chosen], gains[chosen], None)
        n, width = program.upper.shape
        every = sparse.hstack([program.mixtures, sparse.eye(n * width)], format="csr")
        weights = np.r_[np.zeros(program.mixtures.shape[1]), -np.ones(n * width)]
        relaxed = program.upper.ravel() + TOLERANCE
        result = linprog(
            weights,
            A_eq=sparse.vstack([every, _padded(program.sums, n * width)]) if program.has_sums else every,
            b_eq=np.r_[relaxed, np.ones(n)] if program.has_sums else relaxed,
            method="highs",
        )
        if result.status != 0:
            raise SolverError(f"the slacks were not found: {result.message}")
        out[chosen] = result.x[-n * width :].reshape(n, width)
    return np.where(out > 10 * TOLERANCE, out, 0.0)


@dataclass
class _Program:
    """Constraints `mixtures @ lambda <= upper`, row by row of each unit, and the sums of lambda."""

    mixtures: sparse.csr_matrix
    upper: Floats
    sums: sparse.csr_matrix
    has_sums: bool
    bounds: Floats


def _program(technology: Technology, costs: Floats, gains: Floats, left_out: Floats | None) -> _Program:
    n, size = len(costs), technology.costs.shape[-2]
    shares = np.concatenate(
        [
            np.swapaxes(technology.costs, -1, -2) / costs[:, :, None],
            -np.swapaxes(technology.gains, -1, -2) / gains[:, :, None],
        ],
        axis=1,
    )
    upper = np.concatenate([np.ones_like(costs), -np.ones_like(gains)], axis=1)
    bounds = np.full((n, size), np.inf)
    if left_out is not None:
        rows = np.flatnonzero(left_out >= 0)
        bounds[rows, left_out[rows]] = 0.0
    return _Program(
        _diagonal(shares),
        upper,
        sparse.kron(sparse.eye(n), np.ones((1, size)), format="csr"),
        not technology.has_constant_returns,
        bounds.ravel(),
    )


def _diagonal(blocks: Floats) -> sparse.csr_matrix:
    """The `blocks` (n, width, size) along a diagonal; scipy's own takes longer than the solver."""
    n, width, size = blocks.shape
    columns = np.broadcast_to(np.arange(n * size).reshape(n, 1, size), blocks.shape)
    starts = np.arange(0, blocks.size + 1, size)
    return sparse.csr_matrix((blocks.ravel(), columns.ravel(), starts), shape=(n * width, n * size))


def _solve_radial(program: _Program, move: Floats, *, sign: float) -> Floats:
    """The least (`sign` 1) or largest (-1) factor of each unit of a block; NaN where none is reached."""
    n, width = program.upper.shape
    columns = sparse.csr_matrix(
        (move.ravel(), (np.arange(n * width), np.repeat(np.arange(n), width))), shape=(n * width, n)
    )
    result = linprog(
        np.r_[np.full(n, sign), np.zeros(program.mixtures.shape[1])],
        A_ub=sparse.hstack([columns, program.mixtures], format="csr"),
        b_ub=program.upper.ravel(),
        A_eq=sparse.hstack([sparse.csr_matrix((n, n)), program.sums]) if program.has_sums else None,
        b_eq=np.ones(n) if program.has_sums else None,
        bounds=np.c_[np.zeros(n + len(program.bounds)), np.r_[np.full(n, np.inf), program.bounds]],
        method="highs",
    )
    if result.status == 0:
        return np.asarray(result.x[:n])
    if n == 1 and result.status == 2:
        return np.array([np.nan])
    if n == 1:
        raise SolverError(f"an efficiency was not found: {result.message}")
    return np.concatenate(
        [_solve_radial(_unit_of(program, at), move[at : at + 1], sign=sign) for at in range(n)]
    )


def _unit_of(program: _Program, at: int) -> _Program:
    """The program of one unit of a block."""
    n, width = program.upper.shape
    size = program.mixtures.shape[1] // n
    rows, columns = slice(at * width, (at + 1) * width), slice(at * size, (at + 1) * size)
    return _Program(
        program.mixtures[rows, columns],
        program.upper[at : at + 1],
        program.sums[at : at + 1, columns],
        program.has_sums,
        program.bounds[columns],
    )


def _padded(matrix: sparse.csr_matrix, columns: int) -> sparse.csr_matrix:
    return sparse.hstack([matrix, sparse.csr_matrix((matrix.shape[0], columns))], format="csr")


def _blocks(count: int, size: int) -> Iterator[slice]:
    step = max(1, _COLUMNS // max(size, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
