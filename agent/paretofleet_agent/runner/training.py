"""Mode `training`: an iteration is one step of an optimiser, on labels that the seed draws."""

import random
from typing import Any, Dict, List, Mapping

from .failure import RunFailed

MODE = "training"
#: Runtimes that have gradients.
RUNTIMES = ("torch",)
#: Weights are trained as they are kept: what casts them needs a scaling that every recipe does differently.
PRECISIONS = ("fp32", "tf32")
#: Stochastic gradient descent with momentum. What a step takes does not depend on these two numbers.
LEARNING_RATE, MOMENTUM = 0.001, 0.9


def refuse(request: Mapping[str, Any]) -> None:
    """Raises RunFailed where the runtime of `request` cannot train, or not in its precision."""
    if request["runtime"] not in RUNTIMES:
        raise RunFailed(
            "unsupported",
            "%s runs a network and does not train it: mode training needs the runtime %s"
            % (request["runtime"], " or ".join(RUNTIMES)),
        )
    if request["precision"] not in ("native", *PRECISIONS):
        raise RunFailed(
            "unsupported",
            "mode training computes in %s, not in %s" % (" or ".join(PRECISIONS), request["precision"]),
        )


def labels(seed: int, size: int, classes: int) -> List[int]:
    """The classes of the `size` items of a batch, each below `classes`, by the `seed` of the run.

    >>> labels(1, 4, 10) == labels(1, 4, 10), labels(1, 64, 10) == labels(2, 64, 10)
    (True, False)
    """
    drawn = random.Random(seed)
    return [drawn.randrange(classes) for _ in range(size)]


def settings(classes: int) -> Dict[str, Any]:
    """What a run records of its steps, over so many `classes`."""
    return {
        "optimiser": "SGD",
        "learning_rate": LEARNING_RATE,
        "momentum": MOMENTUM,
        "loss": "cross-entropy",
        "classes": classes,
    }
