"""The page of the zoo: what is published of each network, and what its graph counts."""

from __future__ import annotations

import math

import onnx
from paretofleet_collector.models import zoo
from paretofleet_collector.models.onnxfile import counting

from reference.markdown import origin, page, paragraph, table

_HEADS = (
    *("network", "side", "parameters", "counted", "MACs", "counted", "FLOPs", "MB", "top-1 %", "top-5 %"),
    *("accuracy of", "structure from", "licence"),
)


def zoo_page() -> str:
    """The page docs/reference/zoo.md."""
    intro = (
        f"{len(zoo.NAMES)} networks that `zoo:NAME` builds without a download: the structure is in the "
        "package, the weights are drawn from a seed, and the file has the same SHA-256 on every machine."
    )
    meaning = (
        "Parameters and MACs are torch's count of the network that was exported, without auxiliary heads; "
        "behind each stands what this page counts in the structure. A MAC is one multiply-accumulate of a "
        "convolution or a matrix product for one image; FLOPs are two for each. The side is that of the "
        "square image, in pixels; MB are 10^6 bytes of the file in fp32."
    )
    accuracy = (
        "The weights are not trained, so the accuracy is the architecture's "
        "(`published-same-architecture`), of 50,000 images of ImageNet's validation set, one centre crop, "
        "reached by the weights that are named. The figures of torchvision and timm are from their own "
        "tables, which have the licence of the structure; imagenet-validation.torch is the table whose "
        "figures Canziani et al. used."
    )
    own = (
        "No library has three of the networks; `scripts/zoo_builders.py` makes them. BN-AlexNet and BN-NIN "
        "have the layers of soumith/imagenet-multiGPU.torch, where the weights of the table were trained. "
        "The layers of the ImageNet classifier that Canziani et al. call ENet were not published: `enet` is "
        "the encoder of Paszke et al. (arXiv 1606.02147) with a linear classifier, and has no accuracy. "
        "Together with the decoder of that paper, for 19 classes, the encoder has 0.364 million parameters; "
        "the paper prints 0.37."
    )
    return page(
        "# The zoo",
        origin("collector/paretofleet_collector/models/zoo/networks.csv", "scripts/reference/zoo.py"),
        *map(paragraph, (intro, meaning, accuracy)),
        table(_HEADS, (_row(zoo.facts(name)) for name in zoo.NAMES)),
        paragraph(own),
    )


def _row(facts: zoo.ZooFacts) -> list[str]:
    parameters, macs = _counted(facts)
    return [
        f"`{facts.name}`",
        str(facts.input_shape[1]),
        f"{facts.parameters:,}",
        f"{parameters:,}",
        f"{facts.macs:,}",
        f"{macs:,}" if macs is not None else "unknown",
        f"{facts.flops:,}",
        f"{facts.size_bytes / 1e6:.1f}",
        "-" if facts.top1 is None else f"{facts.top1:.2f}",
        "-" if facts.top5 is None else f"{facts.top5:.2f}",
        facts.accuracy_group or "-",
        facts.origin,
        facts.licence,
    ]


def _counted(facts: zoo.ZooFacts) -> tuple[int, int | None]:
    """Parameters and MACs of one image, counted in the structure of a network."""
    model = onnx.parser.parse_model(zoo.structure_text(facts.name))
    statistics = {
        name for node in model.graph.node if node.op_type == "BatchNormalization" for name in node.input[3:]
    }
    weights = [value for value in model.graph.input[1:] if value.name not in statistics]
    parameters = sum(math.prod(d.dim_value for d in v.type.tensor_type.shape.dim) for v in weights)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return parameters, counting.macs(onnx.shape_inference.infer_shapes(model, data_prop=True))
