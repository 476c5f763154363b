"""What a tflite file asks for, in the words in which ONNX files are described."""

from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from .axes import axes_of
from .laws import laws_of
from .lookups import Use
from .model import TFLITE, Description, Input, Law, Output
from .precision import PRECISIONS, precision_of
from .tflite_file import Operator, Part, Tensor, TfliteFile, counts_of, inputs_of

#: Operators that hold a network's work -> the inputs whose types say what they compute in.
WORK: Dict[str, Tuple[int, ...]] = dict.fromkeys(
    (
        "CONV_2D DEPTHWISE_CONV_2D CONV_3D FULLY_CONNECTED BATCH_MATMUL UNIDIRECTIONAL_SEQUENCE_LSTM "
        "BIDIRECTIONAL_SEQUENCE_LSTM LSTM UNIDIRECTIONAL_SEQUENCE_RNN BIDIRECTIONAL_SEQUENCE_RNN RNN SVDF "
        "STABLEHLO_DOT_GENERAL STABLEHLO_CONVOLUTION"
    ).split(),
    (0, 1),
)
WORK.update(dict.fromkeys(("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"), (1, 2)))
#: Types of integers that stand for reals, the coarsest first -> the word for it.
LOW = (("int2", "int4"), ("int4", "int4"), ("uint4", "int4"), ("int8", "int8"), ("uint8", "int8"))
ORDER = ("int4", "int8", "bf16", "fp16", "fp32", "fp64")
RANDOM = ("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "STABLEHLO_RNG_BIT_GENERATOR")
#: Operators that pass values on as they are -> the inputs that they pass on. A converter selects between ids
#: and ids that count from the end.
SAME: Dict[str, Tuple[int, ...]] = dict.fromkeys(
    ("CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "QUANTIZE"), (0,)
)
SAME.update(dict.fromkeys(("SELECT", "SELECT_V2"), (1, 2)))
#: Whole numbers of one byte are pictures more often than not.
BYTES = ("uint8", "int8", "bool")
UNKNOWN = "a tflite file does not say what its values mean"


def described(file: TfliteFile) -> Description:
    """What the `file` asks for."""
    main = file.main
    names = _names(main)
    outputs = tuple(_value(main.tensors[at], main.tensors[at].name) for at in main.outputs)
    declared = [_value(main.tensors[at], name) for at, name in names.items()]
    axes = axes_of(declared, outputs)
    uses = {name: _uses(main, at) for at, name in names.items()}
    drawn = laws_of(declared, axes.shapes, uses, set(names.values()), axes.batch)
    inputs = tuple(_quantised(item, main.tensors[at]) for at, item in zip(names, drawn))
    operators = counts_of(file)
    precisions = _precisions(file)
    return Description(
        name=main.name,
        inputs=inputs,
        outputs=outputs,
        batch=axes.batch,
        candidates=axes.candidates,
        fixed_batch_size=axes.fixed_batch_size,
        free=axes.free,
        precision=precision_of(precisions),
        precisions=tuple(precisions),
        random=tuple(sorted(op for op in operators if op in RANDOM)),
        mixes=(),
        operators=operators,
        format=TFLITE,
    )


def _names(main: Part) -> Dict[int, str]:
    """The inputs by the numbers of their tensors, each with a name of its own."""
    names: Dict[int, str] = {}
    for at in main.inputs:
        name = main.tensors[at].name
        names[at] = "%s#%d" % (name, at) if name in names.values() else name
    return names


def _value(tensor: Tensor, name: str) -> Output:
    axes = tuple(None if size < 0 else size for size in tensor.signature)
    return Output(name, "tensor(%s)" % tensor.type, axes)


def _uses(main: Part, start: int) -> List[Use]:
    """What the graph does with the values of the input that is the tensor `start`."""
    tensor = main.tensors[start]
    if tensor.scale or not tensor.type.startswith(("int", "uint")):
        return []
    looked_up = list(_looked_up(main, start))
    if looked_up or tensor.type in BYTES:
        return looked_up
    return [Use("decides", why=UNKNOWN)]


def _looked_up(main: Part, start: int) -> Iterator[Use]:
    """The tables from which the values of the tensor `start` pick rows."""
    same = {start}
    for operator in main.operators:  # in the order of execution
        if any(operator.inputs[at] in same for at in SAME.get(operator.op, ())):
            same.update(operator.outputs)
        elif operator.op == "GATHER" and operator.inputs[1] in same:
            yield Use("ids", _rows(main, operator, 0), operator.op)
        elif operator.op == "EMBEDDING_LOOKUP" and operator.inputs[0] in same:
            yield Use("ids", _rows(main, operator, 1), operator.op)


def _rows(main: Part, operator: Operator, at: int) -> Optional[int]:
    """How many rows the table has that is the `at`-th input of an `operator`."""
    axis = operator.options.number(0, "i") if operator.op == "GATHER" and operator.options else 0
    size = main.tensors[operator.inputs[at]].signature[axis]
    return size if size > 0 else None


def _quantised(item: Input, tensor: Tensor) -> Input:
    """The input with the law of reals, in the steps of the file, where its integers stand for reals."""
    if not tensor.scale or not tensor.type.startswith(("int", "uint")):
        return item
    return item._replace(law=Law("normal", quantised=(tensor.scale, tensor.zero)))


def _precisions(file: TfliteFile) -> Sequence[str]:
    """What the working operators compute in, the coarsest first; of a file without any its reals."""
    precisions = set()
    for part in file.parts:
        for operator in part.operators:
            if operator.op in WORK:
                taken = inputs_of(operator, part)
                types = [each.type for each in (taken[at] for at in WORK[operator.op]) if each is not None]
                precisions.add(_computed_in(types))
    if not precisions:
        types = [each.type for each in file.main.tensors]
        precisions.add(
            next((PRECISIONS[each] for each in types if each in PRECISIONS), "int8" if types else "fp32")
        )
    return [each for each in ORDER if each in precisions]


def _computed_in(types: Sequence[str]) -> str:
    """The precision of an operator by the `types` that it takes.

    Reals are quantised as they come where the weights are; weights that were widened before are reals.
    """
    for low, word in LOW:
        if low in types:
            return word
    return next((PRECISIONS[each] for each in types if each in PRECISIONS), "fp32")
