"""The torchvision network that an ONNX file holds, with the file's weights: the same variant, no pickle."""

import array
import inspect
import sys
import types
from typing import Any, Dict, Set

from paretofleet_graph import OnnxFile, Weight, operators_of

from ..failure import RunFailed
from ..run import missing

#: Arguments of builders beside `weights`: heads that are not executed have no weights in the file.
ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}
PACKAGE = "torchvision.models."
#: What a wheel of torchvision lacks when it was built for another torch: detection operators only.
META = "torchvision._meta_registrations"


def network(torch: Any, file: OnnxFile) -> Any:
    """The network of `file` in evaluation mode, by the module `torch`.

    Raises RunFailed where the file is not one of torchvision's.
    """
    quantised = sorted(name for name in operators_of(file) if "Quant" in name or "Integer" in name)
    if quantised:
        raise RunFailed("unsupported", "torch does not run quantised ONNX files (%s)" % ", ".join(quantised))
    models = import_models()
    name = file.graph.name
    builder = getattr(models, name, None)
    home = getattr(builder, "__module__", "")
    if not inspect.isfunction(builder) or not home.startswith(PACKAGE) or home.endswith("._api"):
        raise RunFailed(
            "unsupported",
            "torch runs ONNX files of torchvision's classifiers by the name of their graph; %r is none: "
            "use onnxruntime or openvino for this model" % name,
        )
    net = builder(**ARGUMENTS.get(name, {}))  # without trained weights, in every version
    load_weights(torch, net, file)
    return net.train(False)


def load_weights(torch: Any, net: Any, file: OnnxFile) -> None:
    """Copies every weight of `file` into `net` of the module `torch` by its name, with dots for underscores.

    Raises RunFailed where one has no place, no value or another shape, and where one is left over.
    """
    used: Set[str] = set()
    with torch.no_grad():
        for dotted, tensor in net.state_dict().items():
            if dotted.endswith("num_batches_tracked"):
                continue
            name = next(
                (name for name in (dotted, dotted.replace(".", "_")) if name in file.graph.weights), None
            )
            if name is None:
                raise _differs(file, "it has no weight %s" % dotted)
            weight = file.graph.weights[name]
            if weight.shape != tuple(tensor.shape) or weight.type != "float":
                raise _differs(file, "weight %s is %s %s" % (name, weight.type, list(weight.shape)))
            tensor.copy_(_tensor(torch, file, weight))
            used.add(name)
    left = [name for name in file.graph.weights if name not in used and file.graph.weights[name].elements > 8]
    if left:
        raise _differs(file, "its weight %s has no place" % left[0])


def import_models() -> Any:
    """torchvision.models, also where torchvision's compiled operators do not load."""
    try:
        return _models()
    except RuntimeError:
        for loaded in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[loaded]
        sys.modules[META] = types.ModuleType(META)
        try:
            return _models()
        except Exception as error:
            raise missing("torchvision", error) from error
    except ImportError as error:
        raise missing("torchvision", error) from error


def _models() -> Any:
    from torchvision import models

    return models


def _tensor(torch: Any, file: OnnxFile, weight: Weight) -> Any:
    values = array.array("f")
    values.frombytes(file.data(weight))
    if sys.byteorder == "big":
        values.byteswap()
    return torch.frombuffer(values, dtype=torch.float32).reshape(weight.shape)


def _differs(file: OnnxFile, how: str) -> RunFailed:
    return RunFailed(
        "unsupported", "the file is not torchvision's %s as torch would run it: %s" % (file.graph.name, how)
    )
