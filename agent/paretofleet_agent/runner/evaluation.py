"""Mode `accuracy`: every item of a labelled set once, in its order, and the best classes of each.

The labels are not here; what is right is decided where they are.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

from . import outputs
from .failure import RunFailed
from .feeding import Feeding
from .inputs import sampled

MODE = "accuracy"
#: So many classes of an item are told, best first; all where the model has fewer.
BEST = 5

#: The output that scores classes: its place and name, and how many classes it has.
Scores = NamedTuple("Scores", [("place", int), ("name", str), ("classes", int)])


class Evaluation:
    """One pass over the samples of a `feeding`, in batches that `infer` takes, from the first item on.

    `arrays`: the inputs of one feed, which are filled anew for each batch. `scores`: the output to look at.
    """

    def __init__(
        self, feeding: Feeding, arrays: Dict[str, Any], infer: Callable[[], Sequence[Any]], scores: Scores
    ) -> None:
        self._feeding, self._arrays, self._infer, self._scores = feeding, arrays, infer, scores
        self._size = batch_of(feeding)
        self.items = items_of(feeding)
        self._done = 0

    @property
    def is_over(self) -> bool:
        """Whether every item was fed."""
        return self._done >= self.items

    def batches(self, seconds: float, clock: Callable[[], int]) -> Tuple[List[int], List[int]]:
        """At least one batch, until `seconds` are over by `clock` (ns), or the set is.

        Returns the number of an item and one of its classes, best first, as two columns. The last batch is
        filled up with the first items, of which nothing is told again. Raises RunFailed for a score that is
        not finite.
        """
        items, classes = [], []  # type: List[int], List[int]
        end = clock() + int(seconds * 1e9)
        while not self.is_over:
            best = self._best(self._done // self._size)
            for item, ranked in enumerate(best[: self.items - self._done], self._done):
                items.extend([item] * len(ranked))
                classes.extend(ranked)
            self._done += self._size
            if clock() >= end:
                break
        return items, classes

    def _best(self, number: int) -> List[List[int]]:
        """The best classes of each item of a batch; of equal scores the lower number comes first."""
        import numpy as np

        for name, array in self._arrays.items():
            array[...] = sampled(self._feeding, name, number, array.dtype)
        scored = np.asarray(self._infer()[self._scores.place])
        outputs.refuse(outputs.not_finite([self._scores.name], [scored]))
        table = scored.reshape(self._size, self._scores.classes)
        if table.dtype.kind in "iu":  # the lowest of a type has no negative: a class of -128 would win
            table = table.astype("int64")
        ordered = np.argsort(-table, axis=1, kind="mergesort")[:, :BEST]
        return [[int(each) for each in row] for row in ordered]


def items_of(feeding: Feeding) -> int:
    """How many items the samples of a `feeding` are. Raises RunFailed where they are not all that is fed."""
    if not feeding.batch_axes or set(feeding.batch_axes) != set(feeding.shapes):
        raise RunFailed(
            "unsupported", "an evaluation feeds samples to every input of the model, and only them"
        )
    return min(len(feeding.samples[name]) for name in feeding.batch_axes)


def batch_of(feeding: Feeding) -> int:
    """How many items one inference with a `feeding` takes; raises RunFailed as `items_of`."""
    items_of(feeding)
    name, axis = next(iter(feeding.batch_axes.items()))
    return 1 if axis is None else int(feeding.shapes[name][axis])


def scores_in(names: Sequence[str], inferred: Sequence[Any], size: int, classes: int) -> Scores:
    """The first of the outputs `inferred`, called `names`, with a score for each class of `size` items.

    Raises RunFailed where there is none, or where it has fewer classes than the labels speak of, `classes`.
    """
    import numpy as np

    for place, (name, output) in enumerate(zip(names, inferred)):
        if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiu" or output.size % size:
            continue
        shape = output.shape[1:] if output.shape and output.shape[0] == size else output.shape
        count = output.size // size
        if count < 2 or max(shape) != count:  # one axis of classes; others of one element beside it
            continue
        if count < classes:
            raise RunFailed(
                "unsupported",
                "the labels go up to %d, and output %s of the model has %d classes: the labels are of "
                "another task" % (classes - 1, name, count),
            )
        return Scores(place, name, count)
    raise RunFailed(
        "unsupported",
        "no output of the model has a score for each class of an item: %s"
        % ", ".join(
            "%s %s" % (name, list(getattr(each, "shape", ()))) for name, each in zip(names, inferred)
        ),
    )
