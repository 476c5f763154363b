"""Drift that all configurations of a device share in a block, found by a two-way fit and taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paretofleet_analysis.statistics.flat_runs import FlatRuns
from paretofleet_analysis.statistics.variance_prior import fit_variance_prior

from .block_components import connected_blocks
from .fleet import Fleet, check_magnitude
from .moderated_means import Scale
from .samples import Flags, Floats, Ints, Samples
from .validation import check_groups

#: In fewer, what a block does to all and what chance does to one cannot be told apart.
CONFIGURATIONS_MIN = 3
#: Fits of the blocks, each by the scatter that the one before left.
_PASSES = 3
#: The square of a larger value, or of one below its inverse, is not a number any more.
_MOST = 1e150


@dataclass(frozen=True)
class BlockCorrection:
    """What `remove_block_effects` found. N configurations, D devices, d objectives.

    `samples`: the corrected runs, as they came in. `corrected` (N,): whose device was corrected.
    `block_share` (D, d): the share of the variance of repeats that blocks explain, NaN without a correction.
    `effects`: per device a mapping from block to its (d,) effects, as log factors where values are positive.
    `components`: per device lists of corrected blocks that share configurations, directly or through others,
    the list with most configurations first; what drifted between components is not known and stays. `notes`:
    a sentence for each device or block that was left as it was, and for each device in several components.
    """

    samples: Sequence[Floats]
    corrected: Flags
    block_share: Floats
    effects: list[dict[int, Floats]]
    components: list[list[list[int]]]
    notes: tuple[str, ...]


def remove_block_effects(
    samples: Samples, *, blocks: Sequence[npt.ArrayLike], devices: npt.ArrayLike | None = None
) -> BlockCorrection:
    """Fit run = configuration + block for each device and objective, and take the blocks out.

    `samples`: N arrays (m_i, d). `blocks`: N arrays (m_i,) of whole numbers, the block of each run.
    `devices`: (N,) whole numbers from 0, one device if None. Blocks may be incomplete. On the log scale
    where an objective is positive throughout. Comparisons between the means of configurations that share
    their blocks do not change; the spread of repeats is widened again by what the fit itself took away.
    Blocks with fewer than 3 configurations are left alone, blocks that share no configuration are not made
    comparable, and the notes say so. Raises ValueError naming
    the configuration whose blocks do not match its runs.
    Source: the intra-block analysis of Yates 1936, Incomplete randomized blocks.

    >>> runs = [[[1.0], [1.21]], [[2.0], [2.42]], [[3.0], [3.63]]]
    >>> [x.round(2).ravel().tolist() for x in remove_block_effects(runs, blocks=[[1, 2]] * 3).samples]
    [[1.1, 1.1], [2.2, 2.2], [3.3, 3.3]]
    """
    fleet = Fleet.from_values(samples)
    block_of = _check_blocks(fleet, blocks)
    check_magnitude(fleet, _MOST)
    device_of = np.zeros(fleet.size, dtype=np.int64)
    if devices is not None:
        device_of = check_groups("devices", devices, fleet.size)
    scale = Scale(np.all(fleet.costs > 0, axis=0))
    rows = scale.forward(fleet.costs)
    count = int(device_of.max()) + 1
    share = np.full((count, fleet.dimensions), np.nan)
    effects: list[dict[int, Floats]] = [{} for _ in range(count)]
    corrected = np.zeros(fleet.size, dtype=np.bool_)
    components: list[list[list[int]]] = [[] for _ in range(count)]
    notes: list[str] = []
    for device in range(count):
        of_device = device_of[fleet.owner] == device
        usable = of_device & _in_full_blocks(fleet.owner, block_of, of_device, device, notes)
        if len(np.unique(block_of[usable])) < 2:
            few = f"fewer than 2 blocks hold {CONFIGURATIONS_MIN} configurations"
            notes.append(f"device {device}: no correction, {few}")
            continue
        rows[usable], share[device], effects[device] = _fit(
            rows[usable], fleet.owner[usable], block_of[usable]
        )
        corrected[device_of == device] = True
        components[device] = connected_blocks(fleet.owner[usable], block_of[usable])
        notes += _component_note(device, components[device])
    values = scale.back(rows)
    values[~np.isin(fleet.owner, np.flatnonzero(corrected))] = fleet.costs[~corrected[fleet.owner]]
    split = np.split(values, fleet.starts[1:-1]) if not isinstance(samples, FlatRuns) else None
    of_rows = FlatRuns(values, fleet.starts) if split is None else split
    return BlockCorrection(of_rows, corrected, share, effects, components, tuple(notes))


def _component_note(device: int, components: list[list[int]]) -> list[str]:
    """That drift between the components of a device stays; nothing where there is one."""
    if len(components) < 2:
        return []
    named = " and ".join(f"blocks {', '.join(map(str, blocks))}" for blocks in components)
    return [f"device {device}: {named} share no configuration, so what drifted between them stays"]


def _check_blocks(fleet: Fleet, blocks: Sequence[npt.ArrayLike]) -> Ints:
    if isinstance(blocks, FlatRuns) and np.array_equal(blocks.starts, fleet.starts):
        return np.asarray(blocks.values, dtype=np.int64)
    if len(blocks) != fleet.size:
        raise ValueError(f"blocks has {len(blocks)} entries for {fleet.size} configurations")
    numbers = [np.asarray(b) for b in blocks]
    for i, (each, runs) in enumerate(zip(numbers, fleet.runs, strict=True)):
        if each.shape != (runs,) or each.dtype.kind not in "iu":
            raise ValueError(f"configuration {i} has {runs} runs; its blocks must be as many whole numbers")
    return np.concatenate(numbers).astype(np.int64)


def _in_full_blocks(owner: Ints, block_of: Ints, of_device: Flags, device: int, notes: list[str]) -> Flags:
    """Which runs are in a block of this device with configurations enough."""
    full = np.zeros(len(owner), dtype=np.bool_)
    for block in np.unique(block_of[of_device]):
        there = of_device & (block_of == block)
        present = len(np.unique(owner[there]))
        if present >= CONFIGURATIONS_MIN:
            full |= there
        else:
            notes.append(
                f"device {device}, block {block}: no correction, {present} of the {CONFIGURATIONS_MIN} "
                "configurations that it takes"
            )
    return full


@dataclass(frozen=True)
class _Layout:
    """Which of n runs is whose: `i` (n,) of R configurations with so many `runs` (R,), `b` (n,) of B blocks,
    and how often they `met` (R, B); `constants` (B, C) as `_components` has them.
    """

    i: Ints
    b: Ints
    runs: Ints
    met: Floats
    constants: Floats


def _fit(rows: Floats, owner: Ints, block_of: Ints) -> tuple[Floats, Floats, dict[int, Floats]]:
    """Least squares of rows (n, d) on configurations and blocks: corrected rows, block shares (d,),
    effects.

    The first fit takes all configurations alike and says how they scatter; the next weigh each by that.
    """
    i = np.cumsum(np.diff(owner, prepend=owner[:1]) != 0)  # they ascend
    names, b = np.unique(block_of, return_inverse=True)
    runs = np.bincount(i)
    met = np.bincount(i * len(names) + b, minlength=len(runs) * len(names)).astype(np.float64)
    met = met.reshape(len(runs), len(names))
    layout = _Layout(i, b, runs, met, _components(i, b, len(names)))
    means = _sum_by(rows, i, len(runs)) / runs[:, None]
    deviations = rows - means[i]
    total = (deviations**2).sum(axis=0)
    freedom = len(rows) - len(runs)
    left = freedom - len(names) + layout.constants.shape[1]
    weights = np.ones((len(runs), rows.shape[1]))
    for _ in range(_PASSES):
        effects = _solve(deviations, layout, weights)
        residuals, level = _without(deviations, layout, effects)
        weights = 1.0 / _scatter(residuals, layout, freedom / max(left, 1))
    variance = (residuals**2).sum(axis=0) / max(left, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip(1.0 - variance / (total / max(freedom, 1)), 0.0, 1.0)
    widened = residuals * np.sqrt(freedom / max(left, 1))
    corrected = means[i] - level[i] + widened
    return corrected, np.where(total > 0, share, 0.0), dict(zip(names.tolist(), effects, strict=True))


def _components(i: Ints, b: Ints, blocks: int) -> Floats:
    """(B, C): of each of the components the constant by which its blocks' effects are not determined."""
    parts = connected_blocks(i, b)
    constants = np.zeros((blocks, len(parts)))
    for k, part in enumerate(parts):
        constants[part, k] = 1.0 / np.sqrt(len(part))
    return constants


def _solve(deviations: Floats, layout: _Layout, weights: Floats) -> Floats:
    """The effects (B, d) of blocks on `deviations` (n, d) with the `weights` (R, d) of configurations."""
    effects = np.zeros((len(layout.met.T), deviations.shape[1]))
    # objectives with the same weights are solved at once
    alike: dict[bytes, list[int]] = {}
    for k, each in enumerate(weights.T):
        alike.setdefault(each.tobytes(), []).append(k)
    for same in alike.values():
        column = np.ascontiguousarray(weights[:, same[0]])
        weight = column / column.mean()
        # configurations eliminated, what is left is a small system in the blocks, singular by constants
        weighted = layout.met * weight[:, None]
        system = np.diag(weighted.sum(axis=0)) - layout.met.T @ (weighted / layout.runs[:, None])
        system += layout.constants @ layout.constants.T * np.trace(system) / len(system)
        right = _sum_by(deviations[:, same] * weight[layout.i, None], layout.b, len(effects))
        effects[:, same] = np.linalg.solve(system, right)
    return effects


def _without(deviations: Floats, layout: _Layout, effects: Floats) -> tuple[Floats, Floats]:
    """The `deviations` (n, d) without block `effects` (B, d), and the level (R, d) that these had for each
    configuration.
    """
    level = (layout.met @ effects) / layout.runs[:, None]
    return deviations - (effects[layout.b] - level[layout.i]), level


def _scatter(residuals: Floats, layout: _Layout, widening: float) -> Floats:
    """(R, d) the variances of the configurations' runs around the fit, moderated over the device."""
    freedom = np.maximum(layout.runs - 1.0, 0.0)
    seen = _sum_by(residuals**2, layout.i, len(layout.runs)) * widening / np.maximum(freedom, 1.0)[:, None]
    columns = [fit_variance_prior(column, freedom).moderated(column, freedom)[0] for column in seen.T]
    scatter = np.column_stack(columns)
    usual = np.where(scatter.any(axis=0), scatter.mean(axis=0), 1.0)
    return np.where(scatter > 0, scatter, usual)


def _sum_by(rows: Floats, group: Ints, count: int) -> Floats:
    # in the order of the rows, as np.add.at does at many times the price
    return np.column_stack([np.bincount(group, column, minlength=count) for column in rows.T])
