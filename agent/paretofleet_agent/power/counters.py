"""What an energy counter counted: the rule by which a fall is a wrap or a reset, as the analysis has it."""

from __future__ import annotations

from typing import Sequence


def counted_uj(values_uj: Sequence[int], max_range_uj: int | None) -> int | None:
    """Microjoules from the first to the last of a counter's `values_uj` in their order; None after a reset.

    A counter that falls has wrapped if its `max_range_uj` is known and the step is then at most half of it.
    Any longer step, and every fall without a known range, is a reset.

    >>> counted_uj([900, 100, 150], 1000), counted_uj([900, 100], None), counted_uj([900, 800], 1000)
    (250, None, None)
    """
    total_uj = 0
    for before_uj, after_uj in zip(values_uj, values_uj[1:]):
        step_uj = after_uj - before_uj
        if step_uj < 0 and max_range_uj is not None:
            step_uj += max_range_uj
        if step_uj < 0 or (max_range_uj is not None and 2 * step_uj > max_range_uj):
            return None
        total_uj += step_uj
    return total_uj
