"""What LiteRT tells of a tflite file: its inputs, what is fed to them, what its operators compute in."""

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ..failure import RunFailed
from ..input_dependence import LAWS, Law

#: Where a tflite file has its identifier.
MAGIC, MAGIC_AT = b"TFL3", 4
BUFFERS = 8
#: All buffers together; a model with larger inputs gets fewer of them.
BUFFERS_BYTES_MAX = 128 * 1024 * 1024
#: The operators that hold a network's work; the precision of most of them is the run's.
WORK = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "FULLY_CONNECTED", "BATCH_MATMUL"),
    *("UNIDIRECTIONAL_SEQUENCE_LSTM", "LSTM"),
)
PRECISION_OF_TYPE = {"float32": "fp32", "float16": "fp16", "float64": "fp64", "int8": "int8", "uint8": "int8"}
PRECISION_OF_TYPE.update({"int16": "int16", "int4": "int4"})
#: Feeds are lists of (index of the tensor, array).
Feed = List[Tuple[int, Any]]


def is_tflite(path: str) -> bool:
    """Whether the file at `path` has the identifier of a tflite file."""
    with open(path, "rb") as handle:
        return handle.read(MAGIC_AT + len(MAGIC))[MAGIC_AT:] == MAGIC


def shapes(
    details: Sequence[Mapping[str, Any]], batch_size: int, sizes: Mapping[str, int]
) -> List[List[int]]:
    """The shapes of the inputs `details` at a `batch_size`: the first axis where it is free.

    `sizes`: those of other free axes, as INPUT.AXIS. A fixed batch stays fixed: resizing one mixes the items
    of files whose shapes are written into them. Raises RunFailed.
    """
    known = {"%s.%d" % (item["name"], at) for item in details for at in range(len(item["shape"]))}
    for key in sizes:
        if key not in known:
            raise RunFailed("unsupported", "there is no axis %s; a tflite file has %s" % (key, sorted(known)))
    filled = []
    for item in details:
        axes = list(_signature(item))
        for at, axis in enumerate(axes):
            key = "%s.%d" % (item["name"], at)
            if axis < 0 and at:
                if key not in sizes:
                    raise RunFailed(
                        "unsupported",
                        "input %s has a free axis %d; give it a size, as in %s=128" % (item["name"], at, key),
                    )
                axes[at] = int(sizes[key])
            elif axis < 0:
                axes[0] = batch_size
        filled.append(axes)
    fixed = next((shape[0] for shape in filled if shape), None)
    if fixed is None:
        raise RunFailed("unsupported", "the model has no input with a batch axis")
    if fixed != batch_size:
        raise RunFailed(
            "unsupported", "the file has the fixed batch size %d; %d was asked for" % (fixed, batch_size)
        )
    return filled


def _signature(item: Mapping[str, Any]) -> Sequence[int]:
    signature = item.get("shape_signature")
    if signature is None or len(signature) != len(item["shape"]):  # a file from before there were any
        signature = item["shape"]
    return [int(axis) for axis in signature]


def refuse_unfed(details: Sequence[Mapping[str, Any]]) -> None:
    """Raises RunFailed for one of the inputs `details` whose values nobody can draw.

    A tflite file says of a whole number neither what it indexes nor what it bounds.
    """
    import numpy as np

    for item in details:
        dtype = np.dtype(item["dtype"])
        if dtype.kind != "f" and not _scale(item) and dtype != np.uint8:
            raise RunFailed(
                "unsupported",
                "input %s holds values of the type %s, whose meaning a tflite file does not say; measure the "
                "model from an ONNX file" % (item["name"], dtype),
            )


def feeds(details: Sequence[Mapping[str, Any]], filled: Sequence[Sequence[int]], seed: int) -> List[Feed]:
    """Feeds of the inputs `details`, whose shapes are `filled`, to rotate over, drawn with `seed`.

    Real numbers are standard normal, quantised ones are the same by the file's scale, bytes are uniform.
    """
    import numpy as np

    total = sum(
        int(np.prod(shape)) * np.dtype(item["dtype"]).itemsize for item, shape in zip(details, filled)
    )
    count = max(1, min(BUFFERS, BUFFERS_BYTES_MAX // max(1, total)))
    return [
        [
            (item["index"], draw(np.random.RandomState((seed + at) % 2**32), item, shape))
            for item, shape in zip(details, filled)
        ]
        for at in range(count)
    ]


def draw(random: Any, item: Mapping[str, Any], shape: Sequence[int], law: Law = LAWS[0]) -> Any:
    """Values of one input `item` of this `shape` from numpy's `random`, real numbers by the `law`."""
    import numpy as np

    dtype = np.dtype(item["dtype"])
    quantum, zero = _scale(item), item["quantization"][1]
    if dtype.kind == "f":
        return (random.standard_normal(shape) * law.scale + law.shift).astype(dtype)
    if not quantum:
        return random.randint(0, 256, size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    values = np.round((random.standard_normal(shape) * law.scale + law.shift) / quantum) + zero
    return np.clip(values, limits.min, limits.max).astype(dtype)


def _scale(item: Mapping[str, Any]) -> float:
    return float(item["quantization"][0])


def check_outputs(details: Sequence[Mapping[str, Any]], outputs: Sequence[Any]) -> None:
    """Raises RunFailed with `wrong_output` when one of `outputs`, with their `details`, is not all finite."""
    import numpy as np

    for item, output in zip(details, outputs):
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            wrong = int(output.size - np.isfinite(output).sum())
            text = "output %s has %d of %d values that are not finite"
            raise RunFailed("wrong_output", text % (item["name"], wrong, output.size))


def executed(interpreter: Any) -> Dict[str, int]:
    """How many operators of `interpreter` that work compute in each precision, by their inputs' types.

    Weights that are kept in less and widened before they are used count by what is computed in.
    """
    import numpy as np

    types = {each["index"]: np.dtype(each["dtype"]).name for each in interpreter.get_tensor_details()}
    counts: Dict[str, int] = {}
    for operator in _operators(interpreter):
        if operator["op_name"] in WORK:
            inputs = [types.get(int(at), "") for at in operator["inputs"][:2] if int(at) >= 0]
            precisions: List[str] = [PRECISION_OF_TYPE.get(each, each) for each in inputs]
            # Quantised weights under real inputs: the inputs are quantised as they come.
            low = [each for each in precisions if each.startswith("int")]
            name = next(iter(low or precisions), "fp32")
            counts[name] = counts.get(name, 0) + 1
    return counts


def partitions(interpreter: Any) -> int:
    """How many parts of the graph of `interpreter` a delegate executes."""
    return sum(operator["op_name"] == "DELEGATE" for operator in _operators(interpreter))


def _operators(interpreter: Any) -> Sequence[Mapping[str, Any]]:
    """Nothing public lists them."""
    return interpreter._get_ops_details()  # type: ignore[no-any-return]  # noqa: SLF001
