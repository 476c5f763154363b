"""What the interpreter of a process of ours spends its time on."""

from __future__ import annotations

import atexit
import gc

#: So many new objects between two looks for garbage; Python's own 700 have it look hundreds of times while
#: libraries are loaded, all of whose objects stay.
_BETWEEN_LOOKS = 20_000


def collect_seldom() -> None:
    """From now on this process looks for cycles of garbage seldom, and for none when it ends.

    What is not in a cycle is freed at once, as ever.
    """
    gc.set_threshold(_BETWEEN_LOOKS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)
