"""A model that is too slow for the time limit of its run: known after its first inference, and final."""

import math
from typing import Any, Mapping, Optional

from .failure import RunFailed

#: The fact by which a collector knows that another try would end in the same way.
TOO_SLOW = "too_slow"
#: Cold and checked inferences come before a window: beyond this share of the limit no window is left.
SHARE_MAX = 1.0 / 3.0
#: Inferences beside warm-up and window: two cold ones, a check of the inputs, the reference, the last.
OTHER_INFERENCES = 6


def check_first(request: Mapping[str, Any], first_ns: int) -> None:
    """Raises RunFailed with `timeout` where the first inference, `first_ns`, took too much of its limit.

    `request` has the limit. One that compiles first says nothing of the next.
    """
    limit = request.get("time_limit")
    if (
        limit is not None
        and not request["options"].get("compile")
        and first_ns / 1e9 > SHARE_MAX * limit["timeout_s"]
    ):
        raise RunFailed(
            "timeout",
            sentence(first_ns / 1e9, limit["timeout_s"], limit["iterations"]),
            facts(first_ns / 1e9, limit["timeout_s"]),
        )


def facts(iteration_s: Optional[float], timeout_s: float) -> Mapping[str, Any]:
    """What a failed attempt records: `iteration_s`, None where none ended, and `timeout_s` of a run."""
    return {TOO_SLOW: {"iteration_s": iteration_s, "timeout_s": timeout_s}}


def sentence(iteration_s: float, timeout_s: float, iterations: int) -> str:
    """Why a run cannot be: an iteration of `iteration_s`, in a run of `timeout_s` of so many `iterations`."""
    needed_s = iteration_s * (iterations + OTHER_INFERENCES)
    step_s = 10 ** max(0, int(math.log10(max(needed_s, 1.0))) - 1)
    return (
        "one iteration takes %.3g s, so that too few fit into the time limit of a run, %g s; give it more, "
        "as with --timeout %d (`timeout_s` in a specification)"
        % (iteration_s, timeout_s, math.ceil(needed_s / step_s) * step_s)
    )
