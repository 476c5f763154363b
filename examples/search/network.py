"""A member as a network of torch that learns, and its weights as the ONNX file names them."""

from space import CLASSES, layers
from torch import nn


class Network(nn.Module):
    """The layers of a member, each with a batch normalisation, which is folded into it afterwards."""

    def __init__(self, member):
        super().__init__()
        self.plan = list(layers(member))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False) for _, i, o, k, s, g, _, _ in self.plan
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(each.out_channels) for each in self.convolutions)
        self.head = nn.Linear(self.convolutions[-1].out_channels, CLASSES)

    def forward(self, x):
        entered = x
        for (name, *_, relu, adds), convolution, norm in zip(
            self.plan, self.convolutions, self.norms, strict=True
        ):
            entered = x if name.endswith("expand") else entered
            x = norm(convolution(x)) + (entered if adds else 0)
            x = x.relu() if relu else x
        return self.head(x.mean((2, 3)))

    def weights(self):
        """By the names of the ONNX file, normalisations folded in."""
        for (name, *_), convolution, norm in zip(self.plan, self.convolutions, self.norms, strict=True):
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            yield f"{name}.weight", convolution.weight * factor[:, None, None, None]
            yield f"{name}.bias", norm.bias - norm.running_mean * factor
        yield from {"head.weight": self.head.weight, "head.bias": self.head.bias}.items()
