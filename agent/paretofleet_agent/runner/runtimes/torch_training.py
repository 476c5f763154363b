"""Steps of an optimiser in torch, and the proof that they train: a finite loss, weights that change."""

import math
import zlib
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from .. import training
from ..failure import RunFailed


class Trainer(object):
    """Trains `net` of the module `torch`, whose weights lie on `kind` (cpu, cuda) in `layout`.

    `step(feed)` is what is timed: the input called `name` and the labels are copied to the device, then come
    forward, loss, backward and the step of the optimiser. Nothing is waited for on a GPU. `seed` draws the
    labels and what dropout leaves out.
    """

    def __init__(self, torch: Any, net: Any, name: str, *, kind: str, layout: Any, seed: int) -> None:
        self._torch, self._net, self._name = torch, net, name
        self._kind, self._layout, self._seed = kind, layout, seed
        self._labels: Any = None
        self._loss: Any = None
        self._first: Optional[float] = None
        self._before: List[int] = []
        self._optimiser: Any = None
        self.steps = 0

    def begin(self, inferred: Sequence[Any]) -> Dict[str, Any]:
        """Gets ready to train what gave the outputs `inferred`; returns what is recorded of it.

        Raises RunFailed where these are no scores of classes.
        """
        shape = [] if len(inferred) != 1 else list(inferred[0].shape)
        if len(shape) != 2 or shape[1] < 2:
            raise RunFailed(
                "unsupported",
                "mode training needs one output with a score for each class of an item, not %s"
                % [list(each.shape) for each in inferred],
            )
        torch = self._torch
        torch.manual_seed(self._seed % 2**63)
        self._labels = torch.tensor(training.labels(self._seed, shape[0], shape[1]), dtype=torch.int64)
        if self._kind != "cpu":
            self._labels = self._labels.pin_memory()
        self._net.requires_grad_(True)
        self._net.train(True)
        self._optimiser = torch.optim.SGD(
            self._net.parameters(), lr=training.LEARNING_RATE, momentum=training.MOMENTUM
        )
        self._before = self._checksums()
        return training.settings(shape[1])

    def step(self, feed: Mapping[str, Any]) -> None:
        """One step on the inputs in `feed`."""
        moved = feed[self._name].to(device=self._kind, non_blocking=True)
        target = self._labels.to(device=self._kind, non_blocking=True)
        self._optimiser.zero_grad()
        scores = self._net(moved.to(memory_format=self._layout))
        loss = self._torch.nn.functional.cross_entropy(scores, target)
        loss.backward()
        self._optimiser.step()
        self._loss = loss.detach()
        self.steps += 1

    def check(self) -> None:
        """Raises RunFailed where the loss of the last step is not finite. It waits for the device."""
        loss = float(self._loss)
        if self._first is None:
            self._first = loss
        if not math.isfinite(loss):
            raise RunFailed(
                "wrong_output",
                "the loss of training step %d is %s: the weights of this file do not train with SGD at "
                "learning rate %g" % (self.steps, loss, training.LEARNING_RATE),
            )

    def result(self) -> Dict[str, Any]:
        """What the steps came to. Raises RunFailed where no weight changed, or the loss is not finite."""
        self.check()
        pairs = list(zip(self._before, self._checksums()))
        moved = sum(before != after for before, after in pairs)
        if not moved:
            raise RunFailed(
                "wrong_output", "%d training steps changed none of the %d weights" % (self.steps, len(pairs))
            )
        return {
            "steps": self.steps,
            "loss_first": self._first,
            "loss_last": float(self._loss),
            "weights": len(pairs),
            "weights_changed": moved,
        }

    def _checksums(self) -> List[int]:
        """One number of each trained tensor, which tells any change of a bit in it."""
        parameters = self._net.parameters()
        return [zlib.crc32(each.detach().cpu().contiguous().numpy()) for each in parameters]


def inference(net: Any, infer: Callable[[], Any]) -> Any:
    """What `infer` gives while `net` is as it is when it is used, whether it is being trained or not."""
    is_training = net.training
    net.train(False)
    try:
        return infer()
    finally:
        net.train(is_training)
