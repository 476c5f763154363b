"""One training: AdamW under one cycle of the learning rate, timed, and what it came to on the test items."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from paretofleet_collector.training.torchside.energy import PackageEnergy
from paretofleet_collector.training.torchside.networks import layers

#: Items that are evaluated at once.
_AT_ONCE = 1000


@dataclass(frozen=True)
class Schedule:
    """How long and how fast is learnt: `epochs`, items in a batch, the highest learning rate."""

    epochs: int
    batch_size: int
    learning_rate: float


@dataclass(frozen=True)
class Examples:
    """Items (n, channels, height, width) and the numbers of their classes (n,)."""

    values: torch.Tensor
    labels: torch.Tensor


def take_over(net: nn.Sequential, donor: dict[str, Any], count: int) -> None:
    """Copies the first `count` layers of the weights of a `donor`, of the same structure, to `net`."""
    taken = {name for layer in layers(net)[:count] for name in layer}
    chosen = {name: value for name, value in donor.items() if name.partition(".")[0] in taken}
    net.load_state_dict({**net.state_dict(), **chosen})


def learn(
    net: nn.Sequential,
    items: Examples,
    schedule: Schedule,
    seed: int,
    *,
    is_frozen: bool = False,
    on_epoch: Callable[[int, float], None] | None = None,
) -> dict[str, Any]:
    """Trains `net` on `items` by a `schedule`; returns what it cost: `s`, `cpu_s`, `energy_j`, `images_s`.

    `seed`: of the order of the items. `is_frozen`: only the head learns, and what is before it stays as it
    is, running means included. `on_epoch(epoch, loss)` is called after each epoch. Raises FloatingPointError
    where the loss is no finite number any more.
    """
    head = int(layers(net)[-1][0])
    base, trained = (net[:head], net[head:]) if is_frozen else (net[:0], net)
    base.train(False)
    trained.train()
    optimiser = torch.optim.AdamW(trained.parameters(), lr=schedule.learning_rate, fused=True)
    batches = -(-len(items.labels) // schedule.batch_size)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=schedule.learning_rate, total_steps=schedule.epochs * batches
    )
    order = torch.Generator().manual_seed(seed)
    energy = PackageEnergy()
    joules = energy.add_up()
    started, cpu_started = time.perf_counter(), time.process_time()
    for epoch in range(1, schedule.epochs + 1):
        total = 0.0
        for chosen in torch.randperm(len(items.labels), generator=order).split(schedule.batch_size):
            with torch.no_grad():
                values = base(items.values[chosen])
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(trained(values), items.labels[chosen])
            loss.backward()
            optimiser.step()
            cycle.step()
            total += loss.item()
        joules = energy.add_up()
        if on_epoch is not None:
            on_epoch(epoch, total / batches)
        if not total < float("inf"):
            raise FloatingPointError(f"the loss is no finite number any more in epoch {epoch}")
    wall_s = time.perf_counter() - started
    return {
        "s": wall_s,
        "cpu_s": time.process_time() - cpu_started,
        "energy_j": joules,
        "images_s": schedule.epochs * len(items.labels) / wall_s,
    }


def correct(net: nn.Sequential, items: Examples) -> list[bool]:
    """Of each of the `items` whether `net` gives its class the highest score."""
    net.train(False)
    with torch.inference_mode():
        scores = torch.cat([net(values) for values in items.values.split(_AT_ONCE)])
    right: list[bool] = (scores.argmax(dim=1) == items.labels).tolist()
    return right
