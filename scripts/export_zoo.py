#!/usr/bin/env python3
"""Writes the zoo's structure files. A developer's tool: nothing at run time needs it or torch.

It takes the architectures from torchvision, drops every weight and keeps the graph as text, which
`paretofleet_collector.models.zoo` fills with seeded weights. In an environment of its own:

    python3 -m venv /tmp/torchenv
    /tmp/torchenv/bin/pip install torch==2.13.0 numpy onnx
    /tmp/torchenv/bin/pip install --no-deps torchvision==0.28.0 pillow
    /tmp/torchenv/bin/python scripts/export_zoo.py [NAME ...]

It prints the parameters and the multiply-accumulates that torch counts, to be held against the
catalogue. A changed structure changes the golden SHA-256 of the network: build it and correct
`models/zoo/catalogue.py`, or the zoo refuses to use it.
"""

import io
import logging
import re
import sys
import types
import warnings
from pathlib import Path
from typing import Any

STRUCTURES = Path(__file__).parent.parent / "collector/paretofleet_collector/models/zoo/structures"
OPSET = 17  # ONNX Runtime 1.19 and older load it, and IR version 8 with it
IR_VERSION = 8
KEPT_ELEMENTS = 8  # smaller initializers are arguments of operators, not weights

NETWORKS: dict[str, dict[str, Any]] = {
    "alexnet": {},
    "squeezenet1_1": {},
    "resnet18": {},
    "resnet50": {},
    "mobilenet_v2": {},
    # The auxiliary heads are not executed, and the published parameter count leaves them out.
    "googlenet": {"aux_logits": False, "init_weights": False},
}

logger = logging.getLogger(__name__)


def builder(name: str) -> Any:
    """The torchvision builder of `name`, also where torchvision's compiled operators do not load."""
    try:
        from torchvision import models
    except RuntimeError:
        for loaded in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[loaded]
        meta = "torchvision._meta_registrations"
        sys.modules[meta] = types.ModuleType(meta)
        from torchvision import models
    return models.get_model_builder(name)


def network(name: str) -> Any:
    """The network in evaluation mode with every parameter and statistic different from every other.

    The exporter merges equal initializers (all biases that are zero become one), so a network as
    torchvision initialises it would lose parameters.
    """
    import torch

    torch.manual_seed(1)
    net = builder(name)(weights=None, **NETWORKS[name]).eval()
    with torch.no_grad():
        for _, tensor in [*net.named_parameters(), *net.named_buffers()]:
            if tensor.dtype.is_floating_point:
                tensor.uniform_(0.5, 1.5)
    return net


def exported(net: Any) -> Any:
    """The network as an ONNX model whose batch normalisations are nodes of their own.

    PRESERVE keeps them: folded into the convolutions the parameters would no longer be those
    published. ONNX Runtime folds them when it loads the file, so the speed is the same.
    """
    import onnx
    import torch

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (torch.rand(1, 3, 224, 224),),
            buffer,
            dynamo=False,
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}},
        )
    return onnx.load_from_string(buffer.getvalue())


def identifier(name: str) -> str:
    """`name` as every version of the ONNX text parser reads it: letters, digits, underscores.

    "/features/features.0/Conv_output_0" becomes "features_0_Conv".
    """
    parts = re.sub(r"_output_0$", "", name).split("/")
    last = [p for p, after in zip(parts, [*parts[1:], ""], strict=True) if not after.startswith(p + ".")]
    plain = re.sub(r"[^0-9A-Za-z]+", "_", "_".join(last)).strip("_")
    return plain if plain[:1].isalpha() else "v" + plain


def stripped(model: Any, name: str) -> Any:
    """The model with plain names and with its weights turned into inputs, which have no values."""
    import onnx

    graph = model.graph
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
        tensor.name = renamed[tensor.name]
        if (
            tensor.data_type == onnx.TensorProto.FLOAT
            and onnx.numpy_helper.to_array(tensor).size > KEPT_ELEMENTS
        ):
            weights.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, shape))
        else:
            kept.append(tensor)
    image = onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["N", 3, 224, 224])
    logits = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", 1000])
    bare = onnx.helper.make_graph(list(graph.node), name, [image, *weights], [logits], kept)
    return onnx.helper.make_model(
        bare, ir_version=IR_VERSION, opset_imports=[onnx.helper.make_opsetid("", OPSET)]
    )


def readable(text: str) -> str:
    """The printer's text with one input per line and without the empty node names.

    Whole floats get a decimal point: the parser of ONNX 1.17 takes `float = 1` for an integer.
    """
    text = re.sub(r"(: float = -?\d+)(?=[,>])", r"\1.0", text)
    return text.replace(", float[", ",\n   float[").replace('[""] ', "") + "\n"


def macs_by_torch(net: Any) -> int:
    """Multiply-accumulates of one image by torch's own counter (it counts two operations for each)."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.rand(1, 3, 224, 224))
    return int(counter.get_total_flops()) // 2


def main() -> int:
    """Exports the networks named on the command line, or all."""
    import onnx

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    names = sys.argv[1:] or list(NETWORKS)
    unknown = sorted(set(names) - set(NETWORKS))
    if unknown:
        logger.error("unknown network %s: choose from %s", ", ".join(unknown), ", ".join(NETWORKS))
        return 2
    STRUCTURES.mkdir(parents=True, exist_ok=True)
    for name in names:
        net = network(name)
        model = stripped(exported(net), name)
        onnx.checker.check_model(model, full_check=True)
        text = readable(onnx.printer.to_text(model))
        (STRUCTURES / f"{name}.onnxtxt").write_text(text, encoding="utf-8")
        parameters = sum(p.numel() for p in net.parameters())
        logger.info(
            "%s: %d parameters, %d MACs, %d characters", name, parameters, macs_by_torch(net), len(text)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
