"""Networks of the zoo that neither torchvision nor timm has, written after what their authors published.

BN-AlexNet and BN-NIN are those whose accuracy Canziani et al. (arXiv 1605.07678) used: their layers are
those of `models/alexnetowtbn_cudnn.lua` and `models/ninbn.lua` of soumith/imagenet-multiGPU.torch, which
szagoruyko trained. ENet is the encoder of Paszke et al. (arXiv 1606.02147, table 1) with a global average
and a linear classifier, for the layers of the ImageNet classifier in Canziani et al. were not published.
"""

from typing import Any

from torch import Tensor, cat, nn
from torch.nn import functional

CLASSES = 1000


def bn_alexnet() -> nn.Module:
    """AlexNet of one column (Krizhevsky, arXiv 1404.5997), normalised behind each layer but the last."""
    features = nn.Sequential(
        *_conv_bn_relu(3, 64, 11, stride=4, padding=2),
        nn.MaxPool2d(3, 2),
        *_conv_bn_relu(64, 192, 5, padding=2),
        nn.MaxPool2d(3, 2),
        *_conv_bn_relu(192, 384, 3, padding=1),
        *_conv_bn_relu(384, 256, 3, padding=1),
        *_conv_bn_relu(256, 256, 3, padding=1),
        nn.MaxPool2d(3, 2),
    )
    classifier = nn.Sequential(
        nn.Linear(256 * 6 * 6, 4096),
        nn.BatchNorm1d(4096, eps=1e-3),
        nn.ReLU(),
        nn.Linear(4096, 4096),
        nn.BatchNorm1d(4096, eps=1e-3),
        nn.ReLU(),
        nn.Linear(4096, CLASSES),
    )
    return nn.Sequential(features, nn.Flatten(), classifier)


def bn_nin() -> nn.Module:
    """Network in Network (Lin et al., arXiv 1312.4400) with batch normalisation and a linear classifier."""
    return nn.Sequential(
        *_nin_block(3, 96, 11, stride=4, padding=5),
        nn.MaxPool2d(3, 2, 1),
        *_nin_block(96, 256, 5, padding=2),
        nn.MaxPool2d(3, 2, 1),
        *_nin_block(256, 384, 3, padding=1),
        nn.MaxPool2d(3, 2, 1),
        *_nin_block(384, 1024, 3, padding=1),
        nn.AvgPool2d(7, 1),
        nn.Flatten(),
        nn.Linear(1024, CLASSES),
    )


def enet() -> nn.Module:
    """ENet's encoder, stages 0 to 3, with a global average and a linear classifier."""
    return nn.Sequential(enet_encoder(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, CLASSES))


def enet_encoder() -> nn.Module:
    """Stages 0 to 3 of ENet's table 1: 16, 64, 128 and 128 channels at 1/2, 1/4, 1/8 and 1/8 of the size."""
    stage: list[nn.Module] = [EnetInitial(), EnetBottleneck(16, 64, downsample=True)]
    stage += [EnetBottleneck(64, 64) for _ in range(4)]
    stage.append(EnetBottleneck(64, 128, downsample=True))
    for _ in range(2):
        for dilation, asymmetric in ((1, 0), (2, 0), (1, 5), (4, 0), (1, 0), (8, 0), (1, 5), (16, 0)):
            stage.append(EnetBottleneck(128, 128, dilation=dilation, asymmetric=asymmetric))
    return nn.Sequential(*stage)


class EnetInitial(nn.Module):
    """ENet's initial block: 13 filters of 3x3 beside a pooled copy of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 13, 3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(16, eps=1e-3)
        self.act = nn.PReLU(16)

    def forward(self, image: Tensor) -> Any:
        """The 16 channels at half the size of `image` (n, 3, height, width)."""
        return self.act(self.bn(cat([self.conv(image), functional.max_pool2d(image, 2)], dim=1)))


class EnetBottleneck(nn.Module):
    """ENet's bottleneck: 1x1 (2x2 where it halves the size), 3x3 of a kind, 1x1, added to what came in.

    `dilation` of the 3x3 convolution, or `asymmetric` k: k x 1 and 1 x k in its place.
    """

    def __init__(
        self, inputs: int, outputs: int, *, downsample: bool = False, dilation: int = 1, asymmetric: int = 0
    ) -> None:
        super().__init__()
        inner, step = outputs // 4, 2 if downsample else 1
        self.reduce = nn.Conv2d(inputs, inner, step, stride=step, bias=False)
        self.reduce_bn, self.reduce_act = nn.BatchNorm2d(inner, eps=1e-3), nn.PReLU(inner)
        self.conv: nn.Module = nn.Conv2d(inner, inner, 3, padding=dilation, dilation=dilation)
        if asymmetric:
            pad = asymmetric // 2
            self.conv = nn.Sequential(
                nn.Conv2d(inner, inner, (asymmetric, 1), padding=(pad, 0), bias=False),
                nn.Conv2d(inner, inner, (1, asymmetric), padding=(0, pad)),
            )
        self.conv_bn, self.conv_act = nn.BatchNorm2d(inner, eps=1e-3), nn.PReLU(inner)
        self.expand = nn.Conv2d(inner, outputs, 1, bias=False)
        self.expand_bn, self.act = nn.BatchNorm2d(outputs, eps=1e-3), nn.PReLU(outputs)
        self.downsample, self.missing = downsample, outputs - inputs

    def forward(self, x: Tensor) -> Any:
        """The block's answer to `x` (n, inputs, height, width)."""
        main = self.reduce_act(self.reduce_bn(self.reduce(x)))
        main = self.conv_act(self.conv_bn(self.conv(main)))
        main = self.expand_bn(self.expand(main))
        if self.downsample:
            x = functional.max_pool2d(x, 2)
        if self.missing:
            x = functional.pad(x, (0, 0, 0, 0, 0, self.missing))
        return self.act(main + x)


def _conv_bn_relu(inputs: int, outputs: int, kernel: int, **how: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, **how), nn.BatchNorm2d(outputs, eps=1e-3), nn.ReLU()]


def _nin_block(inputs: int, outputs: int, kernel: int, **how: int) -> list[nn.Module]:
    return [
        *_conv_bn_relu(inputs, outputs, kernel, **how),
        *_conv_bn_relu(outputs, outputs, 1),
        *_conv_bn_relu(outputs, outputs, 1),
    ]
