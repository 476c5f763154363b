"""Ten small networks for images of a few pixels, each a sequence of layers that ends in its head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Shape:
    """What a network is built for: an item's `channels`, `height` and `width`, and how many `classes`."""

    channels: int
    height: int
    width: int
    classes: int


class Normalise(nn.Module):  # type: ignore[misc]
    """Takes the mean from values and divides by their spread, so that the file takes items as they are."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.scale = mean, 1.0 / std

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The `values`, of any shape, normalised."""
        return (values - self.mean) * self.scale


class Residual(nn.Module):  # type: ignore[misc]
    """Two convolutions of `width` channels around which their input goes (He et al. 2015)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of `values` (N, width, height, width of the image) and what the body makes of them."""
        return torch.relu(values + self.body(values))


def _mlp(width: int, shape: Shape) -> list[Any]:
    inputs = shape.channels * shape.height * shape.width
    return [nn.Flatten(), nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, shape.classes)]


def _lenet(width: int, shape: Shape) -> list[Any]:
    left = 2 * width * (shape.height // 2) * (shape.width // 2)
    return [
        *(nn.Conv2d(shape.channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(left, 8 * width), nn.ReLU(), nn.Linear(8 * width, shape.classes)),
    ]


def _nin(width: int, shape: Shape) -> list[Any]:
    return [
        *(nn.Conv2d(shape.channels, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU()),
        *(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, shape.classes, 1)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    ]


def _mobile(width: int, shape: Shape) -> list[Any]:
    layers: list[Any] = [nn.Conv2d(shape.channels, width, 3, padding=1), nn.ReLU()]
    for inputs in (width, 2 * width):
        layers += [
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            nn.Conv2d(inputs, 2 * inputs, 1, bias=False),
            nn.BatchNorm2d(2 * inputs),
            nn.ReLU(),
        ]
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, shape.classes)]


def _residual(width: int, blocks: int, shape: Shape) -> list[Any]:
    return [
        *(nn.Conv2d(shape.channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()),
        *(Residual(width) for _ in range(blocks)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, shape.classes)),
    ]


_BUILDERS: dict[str, Callable[[Shape], list[Any]]] = {
    "mlp16": lambda shape: _mlp(16, shape),
    "mlp128": lambda shape: _mlp(128, shape),
    "lenet4": lambda shape: _lenet(4, shape),
    "lenet16": lambda shape: _lenet(16, shape),
    "nin16": lambda shape: _nin(16, shape),
    "nin48": lambda shape: _nin(48, shape),
    "mobile8": lambda shape: _mobile(8, shape),
    "mobile16": lambda shape: _mobile(16, shape),
    "res16x2": lambda shape: _residual(16, 2, shape),
    "res32x4": lambda shape: _residual(32, 4, shape),
}


def build(name: str, shape: Shape, mean: float, std: float) -> nn.Sequential:
    """The network called `name` for a `shape`, of weights by torch's seed; `mean` and `std` of its items."""
    return nn.Sequential(Normalise(mean, std), *_BUILDERS[name](shape))


def layers(net: nn.Sequential) -> list[list[str]]:
    """The names of the layers of a `net`, first to last: each a module with weights, with its normalisation.

    The last is the head.
    """
    grouped: list[list[str]] = []
    for name, module in net.named_children():
        if isinstance(module, nn.BatchNorm2d):
            grouped[-1].append(name)
        elif any(True for _ in module.parameters()):
            grouped.append([name])
    return grouped
