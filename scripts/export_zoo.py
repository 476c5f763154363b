#!/usr/bin/env python3
"""Writes the zoo's structure files. A developer's tool: nothing at run time needs it or torch.

It takes the architectures from torchvision, timm or `zoo_builders`, drops every weight and keeps the
graph as text, which `paretofleet_collector.models.zoo` fills with seeded weights. In an environment of
its own:

    python3 -m venv /tmp/torchenv
    /tmp/torchenv/bin/pip install torch==2.13.0 numpy onnx
    /tmp/torchenv/bin/pip install --no-deps torchvision==0.28.0 pillow
    /tmp/torchenv/bin/pip install --no-deps timm==1.0.31 safetensors huggingface_hub pyyaml
    PYTHONPATH=collector /tmp/torchenv/bin/python scripts/export_zoo.py [--fill] [NAME ...]

It writes what torch counts of each network, with the versions that counted, to
`tests/fixtures/zoo/counted.csv`, against which the tests hold the catalogue; and parameters, MACs, size
and SHA-256 of the filled file to the network's line of `models/zoo/networks.csv`. What is published of a
network stands in the same line and is written by hand.
"""

import csv
import hashlib
import logging
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from paretofleet_collector.libraries.export import OPSET, import_torchvision, write_onnx
from zoo_constants import folded

ROOT = Path(__file__).parent.parent
ZOO = ROOT / "collector/paretofleet_collector/models/zoo"
COUNTED = ROOT / "tests/fixtures/zoo/counted.csv"
IR_VERSION = 8  # that of OPSET
KEPT_ELEMENTS = 8  # smaller initializers that are no parameters are arguments of operators

# Name in the zoo: where it is from, its name there, what its builder gets, pixels of a side.
NETWORKS: dict[str, tuple[str, str, dict[str, Any], int]] = {
    **{
        name: ("torchvision", name, {}, 224)
        for name in (
            *("alexnet", "squeezenet1_0", "squeezenet1_1", "vgg16", "vgg19"),
            *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
            *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0"),
            *("densenet121", "shufflenet_v2_x1_0", "mnasnet1_0", "convnext_tiny"),
        )
    },
    # The auxiliary heads are not executed, and the published parameter count leaves them out.
    "googlenet": ("torchvision", "googlenet", {"aux_logits": False, "init_weights": False}, 224),
    "inception_v3": ("torchvision", "inception_v3", {"aux_logits": False, "init_weights": False}, 299),
    "inception_v4": ("timm", "inception_v4", {}, 299),
    "mobilenet_v1": ("timm", "mobilenetv1_100", {}, 224),
    "efficientnet_lite0": ("timm", "efficientnet_lite0", {}, 224),
    "efficientnet_lite1": ("timm", "efficientnet_lite1", {}, 240),
    "efficientnet_lite2": ("timm", "efficientnet_lite2", {}, 260),
    "vit_s_16": ("timm", "vit_small_patch16_224", {}, 224),
    **{name: ("own", name, {}, 224) for name in ("bn_alexnet", "bn_nin", "enet")},
}

logger = logging.getLogger(__name__)


def untrained(name: str) -> Any:
    """The network `name` of the zoo as its source builds it, without trained weights."""
    source, there, options, _ = NETWORKS[name]
    if source == "own":
        import zoo_builders

        return getattr(zoo_builders, there)()
    torchvision = import_torchvision()
    if source == "torchvision":
        return torchvision.models.get_model_builder(there)(weights=None, **options)
    import timm

    timm.layers.set_fused_attn(False)  # the products of the attention as nodes of their own
    return timm.create_model(there, pretrained=False, **options)


def network(name: str) -> Any:
    """The network in evaluation mode with every parameter and statistic different from every other.

    The exporter merges equal initializers (all biases that are zero become one), so a network as
    torchvision initialises it would lose parameters.
    """
    import torch

    torch.manual_seed(1)
    net = untrained(name).eval()
    with torch.no_grad():
        for _, tensor in [*net.named_parameters(), *net.named_buffers()]:
            if tensor.dtype.is_floating_point:
                tensor.uniform_(0.5, 1.5)
    return net


def exported(net: Any, side: int) -> Any:
    """The network as an ONNX model whose batch normalisations are nodes of their own.

    It takes images of `side` x `side` pixels. PRESERVE keeps the normalisations: folded into the
    convolutions the parameters would no longer be those published. ONNX Runtime folds them when it loads
    the file, so the speed is the same.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        write_onnx(net, side, str(path))
        return onnx.load(path)


def identifier(name: str) -> str:
    """`name` as every version of the ONNX text parser reads it: letters, digits, underscores.

    "/features/features.0/Conv_output_0" becomes "features_0_Conv".
    """
    parts = re.sub(r"_output_0$", "", name).split("/")
    last = [p for p, after in zip(parts, [*parts[1:], ""], strict=True) if not after.startswith(p + ".")]
    plain = re.sub(r"[^0-9A-Za-z]+", "_", "_".join(last)).strip("_")
    return plain if plain[:1].isalpha() else "v" + plain


def stripped(model: Any, name: str, parameters: set[str]) -> Any:
    """The model with plain names and with its weights turned into inputs, which have no values.

    `parameters`: the names of the network's parameters and statistics in torch.
    """
    import onnx

    graph, side = model.graph, NETWORKS[name][3]
    names = {n for node in graph.node for n in [*node.input, *node.output]} - {""}
    renamed = {old: identifier(old) for old in names}
    if len(set(renamed.values())) != len(renamed):
        raise ValueError(f"{name}: two values have one name after renaming")
    for node in graph.node:
        node.name = ""
        node.doc_string = ""
        node.input[:] = [renamed.get(n, n) for n in node.input]
        node.output[:] = [renamed.get(n, n) for n in node.output]
    kept = []
    weights = []
    for tensor in graph.initializer:
        shape = list(tensor.dims)
        size = onnx.numpy_helper.to_array(tensor).size
        is_weight = tensor.data_type == onnx.TensorProto.FLOAT and (
            size > KEPT_ELEMENTS or tensor.name in parameters
        )
        tensor.name = renamed[tensor.name]
        if is_weight:
            weights.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, shape))
        else:
            kept.append(tensor)
    image = onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["N", 3, side, side])
    logits = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", 1000])
    bare = onnx.helper.make_graph(list(graph.node), name, [image, *weights], [logits], kept)
    opset = onnx.helper.make_opsetid("", OPSET)
    return folded(onnx.helper.make_model(bare, ir_version=IR_VERSION, opset_imports=[opset]))


def readable(text: str) -> str:
    """The printer's text with one input per line and without the empty node names.

    Whole floats get a decimal point: the parser of ONNX 1.17 takes `float = 1` for an integer.
    """
    text = re.sub(r"(: float = -?\d+)(?=[,>])", r"\1.0", text)
    return text.replace(", float[", ",\n   float[").replace('[""] ', "") + "\n"


def macs_by_torch(net: Any, side: int) -> int:
    """Multiply-accumulates of one image by torch's own counter (it counts two operations for each)."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.rand(1, 3, side, side))
    return int(counter.get_total_flops()) // 2


def versions(source: str) -> str:
    """What counted, such as "torch 2.13.0+cpu, timm 1.0.31"."""
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("torch", *([] if source == "own" else [source])))


def keep(path: Path, name: str, row: dict[str, Any]) -> None:
    """Puts the values of `row` into the line of the network `name` in the table at `path`."""
    rows: dict[str, dict[str, Any]] = {}
    columns = list(row)
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(dict.fromkeys([*(reader.fieldnames or []), *row]))
            rows = {line["name"]: line for line in reader}
    rows[name] = {**rows.get(name, {}), **row}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows.values())


def filled(text: str) -> tuple[str, int]:
    """SHA-256 and bytes of the file that the zoo makes from the structure `text`."""
    import onnx
    from paretofleet_collector.models.zoo import write

    digest, size = hashlib.sha256(), 0
    for chunk in write.chunks(onnx.parser.parse_model(text)):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def export(name: str) -> None:
    """Writes the structure of the network `name` and its lines in the two tables."""
    import onnx

    source, _, _, side = NETWORKS[name]
    net = network(name)
    model = stripped(exported(net, side), name, set(net.state_dict()))
    onnx.checker.check_model(model, full_check=True)
    text = readable(onnx.printer.to_text(model))
    (ZOO / "structures" / f"{name}.onnxtxt").write_text(text, encoding="utf-8")
    parameters, macs = sum(p.numel() for p in net.parameters()), macs_by_torch(net, side)
    counted = {"name": name, "parameters": parameters, "macs": macs, "side": side}
    keep(COUNTED, name, {**counted, "counted_by": versions(source)})
    logger.info("%s: %d parameters, %d MACs, %d characters", name, parameters, macs, len(text))


def fill(name: str) -> None:
    """Writes what torch counted, size and SHA-256 of the filled network `name` to the catalogue."""
    with COUNTED.open(encoding="utf-8", newline="") as file:
        counted = next(line for line in csv.DictReader(file) if line["name"] == name)
    del counted["counted_by"]
    sha256, size = filled((ZOO / "structures" / f"{name}.onnxtxt").read_text(encoding="utf-8"))
    keep(ZOO / "networks.csv", name, {**counted, "size_bytes": size, "sha256": sha256})


def main() -> int:
    """Exports the networks named on the command line, or all; with --fill only fills them anew."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    names = [name for name in sys.argv[1:] if name != "--fill"] or list(NETWORKS)
    unknown = sorted(set(names) - set(NETWORKS))
    if unknown:
        logger.error("unknown network %s: choose from %s", ", ".join(unknown), ", ".join(NETWORKS))
        return 2
    COUNTED.parent.mkdir(parents=True, exist_ok=True)
    for name in names:
        if "--fill" not in sys.argv[1:]:
            export(name)
        fill(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
