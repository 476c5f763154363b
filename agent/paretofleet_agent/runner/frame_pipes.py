"""The first act of a child: its frame pipes leave descriptors 0 and 1. Imports nothing but `os`."""

import os
from typing import Tuple


def take_pipes() -> Tuple[int, int]:
    """Moves the frame pipes off descriptors 0 and 1 and returns them as (input, output).

    Afterwards 0 reads nothing and 1 is standard error, so that whatever a library prints harms no frame.
    """
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink
