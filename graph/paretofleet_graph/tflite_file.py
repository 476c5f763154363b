"""A tflite file as it lies on the disk: tensors and operators, read without LiteRT. Weights stay there."""

import mmap
import os
from typing import Dict, List, NamedTuple, Optional, Tuple

from .errors import GraphRefused
from .flatbuffer import Table, root
from .onnx_file import DAMAGED

INFINITY = float("inf")
MAGIC, MAGIC_AT = b"TFL3", 4
#: TensorType -> the words of ONNX Runtime.
TYPES = dict(
    enumerate(
        "float float16 int32 uint8 int64 string bool int16 complex64 int8 double complex128 uint64 resource "
        "variant uint32 uint16 int4 bfloat16 int2 uint4 float8e4m3fn float8e5m2".split()
    )
)
#: BuiltinOperator -> its name.
OPERATORS = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH
SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN
GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM
STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM
CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN
TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN
FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV
REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE
MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG
QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND
SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO
RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE
RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX
UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC
STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP
STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL
STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR
STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER
STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE
STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA
STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER
STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT
STABLEHLO_CBRT STABLEHLO_CASE
""".split()


class Tensor(NamedTuple):
    """A tensor. `signature`: its shape with -1 for axes of any size. `buffer`: where its values are, if any.

    `scale` and `zero`: integers are those of (value - zero) x scale; 0 where they stand for themselves, and
    where every channel has its own.
    """

    name: str
    type: str
    shape: Tuple[int, ...]
    signature: Tuple[int, ...]
    buffer: Optional[int]
    is_quantised: bool
    scale: float
    zero: int

    @property
    def elements(self) -> int:
        """How many values it has, in the file's own shape."""
        count = 1
        for size in self.shape:
            count *= size
        return count


class Operator(NamedTuple):
    """An operator: the numbers of its tensors, -1 for one left out, and the table of its settings."""

    op: str
    inputs: Tuple[int, ...]
    outputs: Tuple[int, ...]
    options: Optional[Table]


class Part(NamedTuple):
    """A graph: the main one, or the body of a WHILE or an IF."""

    name: str
    tensors: Tuple[Tensor, ...]
    operators: Tuple[Operator, ...]
    inputs: Tuple[int, ...]
    outputs: Tuple[int, ...]


class TfliteFile(object):
    """The graphs of the file at a path: `parts`, the main one first; and what it says of its `maker`.

    Raises GraphRefused, with one sentence, where it cannot be read.
    """

    def __init__(self, path: str) -> None:
        name = os.path.basename(path)
        try:
            with open(path, "rb") as handle:
                data = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
            model = root(data)
            self.maker = model.text(3)
            self._sizes = [_size_of(each) for each in model.tables(4)]
            self._codes = [_code(each) for each in model.tables(1)]
            self.parts = tuple(self._part(each) for each in model.tables(2))
        except OSError as error:
            raise GraphRefused("cannot read the model %s: %s" % (name, error.strerror)) from error
        except DAMAGED:
            raise GraphRefused("%s is damaged or cut short: export or copy it again" % name) from None
        if not self.parts:
            raise GraphRefused("%s holds no graph: export it again" % name)

    @property
    def main(self) -> Part:
        """The graph that is executed."""
        return self.parts[0]

    def _part(self, graph: Table) -> Part:
        tensors = tuple(self._tensor(at, each) for at, each in enumerate(graph.tables(0)))
        operators = tuple(self._operator(each) for each in graph.tables(3))
        inputs, outputs = tuple(graph.numbers(1, "i")), tuple(graph.numbers(2, "i"))
        used = [*inputs, *outputs]
        for operator in operators:
            used += [*operator.inputs, *operator.outputs]
        if any(not -1 <= each < len(tensors) for each in used) or -1 in (*inputs, *outputs):
            raise ValueError("a tensor that is not there")
        return Part(graph.text(4), tensors, operators, inputs, outputs)

    def _tensor(self, at: int, table: Table) -> Tensor:
        shape, signature = table.numbers(0, "i"), table.numbers(7, "i")
        if any(size < 0 for size in shape):
            raise ValueError("a shape below zero")
        if table.number(10, "I"):
            raise GraphRefused("tensor %s has its values in another file: save one file" % table.text(3))
        buffer, quantised = table.number(2, "I"), table.table(4)
        channels = 0 if quantised is None else quantised.length(2, 4)
        scale, zero = _quantum(quantised) if channels == 1 else (0.0, 0)
        return Tensor(
            name=table.text(3) or "tensor%d" % at,
            type=TYPES.get(table.number(1, "b"), "type %d" % table.number(1, "b")),
            shape=tuple(shape),
            signature=tuple(signature if len(signature) == len(shape) else shape),
            buffer=buffer if self._sizes[buffer] else None,
            is_quantised=channels > 0,
            scale=scale,
            zero=zero,
        )

    def _operator(self, table: Table) -> Operator:
        code = self._codes[table.number(0, "I")]
        return Operator(code, tuple(table.numbers(1, "i")), tuple(table.numbers(2, "i")), table.table(4))


def is_tflite(path: str) -> bool:
    """Whether the file at `path` has the mark of a tflite file. Raises OSError."""
    with open(path, "rb") as handle:
        return handle.read(MAGIC_AT + len(MAGIC))[MAGIC_AT:] == MAGIC


def counts_of(file: TfliteFile) -> Dict[str, int]:
    """How many operators of each name the `file` has."""
    counts: Dict[str, int] = {}
    for part in file.parts:
        for operator in part.operators:
            counts[operator.op] = counts.get(operator.op, 0) + 1
    return counts


def _size_of(buffer: Table) -> int:
    """The bytes of a buffer, also of one that lies behind the flatbuffer, as large files have them."""
    return buffer.length(0) or (buffer.number(2, "Q") if buffer.number(1, "Q") > 1 else 0)


def _quantum(quantised: Table) -> Tuple[float, int]:
    """The scale and the zero point of all values alike; 0 where there is no scale."""
    scale, zeros = quantised.numbers(2, "f")[0], quantised.numbers(3, "q")
    return (scale, zeros[0] if zeros else 0) if 0 < scale < INFINITY else (0.0, 0)


def _code(table: Table) -> str:
    number = max(table.number(0, "b"), table.number(3, "i"))
    if 0 <= number < len(OPERATORS):
        return table.text(1) or "CUSTOM" if OPERATORS[number] == "CUSTOM" else OPERATORS[number]
    return "operator %d" % number


def inputs_of(operator: Operator, part: Part) -> List[Optional[Tensor]]:
    """The tensors that an `operator` of `part` takes; None for one left out."""
    return [None if at < 0 else part.tensors[at] for at in operator.inputs]
