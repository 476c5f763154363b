"""What is published about the networks of the zoo, and which bytes their files must have.

Parameters, MACs and top-1 are torchvision's, for its IMAGENET1K_V1 weights. The zoo's own weights are seeded
and not trained, so the accuracy is the architecture's, never this file's: `published-same-architecture`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ZooFacts:
    """A network of the zoo.

    `parameters`: weights, biases, scales and shifts of batch normalisations; not their running statistics.
    `macs`: multiply-accumulates of convolutions and fully connected layers for one image.
    `top1`: percent of `top1_n` images (ImageNet's validation set, one centre crop).
    `accuracy_group`: networks of one group share one published accuracy.
    `sha256`, `size_bytes`: of the file that `build` writes, on every machine.
    `input`: name of the input; `input_shape`: of one item, without the batch axis, float32.
    """

    name: str
    parameters: int
    macs: int
    top1: float
    accuracy_group: str
    sha256: str
    size_bytes: int
    top1_n: int = 50_000
    top1_source: str = "published-same-architecture"
    weights_precision: str = "fp32"
    input: str = "input"
    input_shape: tuple[int, ...] = (3, 224, 224)


CATALOGUE = {
    facts.name: facts
    for facts in (
        ZooFacts(
            name="alexnet",
            parameters=61_100_840,
            macs=714_188_480,
            top1=56.522,
            accuracy_group="torchvision AlexNet_Weights.IMAGENET1K_V1",
            sha256="301a5e968253c4372e006a4720166c0dcd011bedf80e442f564fd07421d3ab3d",
            size_bytes=244_406_183,
        ),
        ZooFacts(
            name="squeezenet1_1",
            parameters=1_235_496,
            macs=349_151_936,
            top1=58.178,
            accuracy_group="torchvision SqueezeNet1_1_Weights.IMAGENET1K_V1",
            sha256="aade8039501543ae7aaf8841bbad8839c31ab082db159ccfecd177865e7ea92b",
            size_bytes=4_953_249,
        ),
        ZooFacts(
            name="googlenet",
            parameters=6_624_904,
            macs=1_498_376_192,
            top1=69.778,
            accuracy_group="torchvision GoogLeNet_Weights.IMAGENET1K_V1",
            sha256="8b2c4dfe6334f5ca322ec9392f6ccb624215c1cc911057f558abdefb28a75009",
            size_bytes=26_607_501,
        ),
        ZooFacts(
            name="resnet18",
            parameters=11_689_512,
            macs=1_814_073_344,
            top1=69.758,
            accuracy_group="torchvision ResNet18_Weights.IMAGENET1K_V1",
            sha256="89d1fc3d03c5c99b304671448408c6d9d9477c7fd767ccbeef30e7cbbde86dbc",
            size_bytes=46_810_385,
        ),
        ZooFacts(
            name="mobilenet_v2",
            parameters=3_504_872,
            macs=300_774_272,
            top1=71.878,
            accuracy_group="torchvision MobileNet_V2_Weights.IMAGENET1K_V1",
            sha256="560bcc10d0c7f348870ded4d76bdb8db20454c7e55073b62b22a9c5e0ca016cd",
            size_bytes=14_201_372,
        ),
        ZooFacts(
            name="resnet50",
            parameters=25_557_032,
            macs=4_089_184_256,
            top1=76.13,
            accuracy_group="torchvision ResNet50_Weights.IMAGENET1K_V1",
            sha256="efe22b19404d024b833d8836780dfea78b253d1e088c47ae1c4f4fed2e0736de",
            size_bytes=102_476_476,
        ),
    )
}
