"""What operators do with the values of their inputs, by the position of the input."""

#: Operator -> positions whose values are a size, a number of steps or a branch, and what they decide.
DECIDES = {
    "If": ((0,), "the branch of an If"),
    "Loop": ((0, 1), "the steps of a Loop"),
    "Range": ((0, 1, 2), "the length of a Range"),
    "Slice": ((1, 2, 4), "the bounds of a Slice"),
    "Reshape": ((1,), "the shape of a Reshape"),
    "Expand": ((1,), "the shape of an Expand"),
    "Tile": ((1,), "the repeats of a Tile"),
    "ConstantOfShape": ((0,), "the shape of a ConstantOfShape"),
    "Resize": ((1, 2, 3), "the size of a Resize"),
    "Upsample": ((1,), "the size of an Upsample"),
    "TopK": ((1,), "the k of a TopK"),
    "Pad": ((1,), "the size of a Pad"),
    "Split": ((1,), "the sizes of a Split"),
    "SplitToSequence": ((1,), "the sizes of a SplitToSequence"),
    "OneHot": ((1,), "the depth of a OneHot"),
    "NonMaxSuppression": ((2,), "the boxes of a NonMaxSuppression"),
    "CenterCropPad": ((1,), "the size of a CenterCropPad"),
    "AffineGrid": ((1,), "the size of an AffineGrid"),
    "Col2Im": ((1, 2), "the size of a Col2Im"),
    "DFT": ((1,), "the length of a DFT"),
    "STFT": ((1, 3), "the frames of an STFT"),
    "HannWindow": ((0,), "the size of a window"),
    "HammingWindow": ((0,), "the size of a window"),
    "BlackmanWindow": ((0,), "the size of a window"),
    "MelWeightMatrix": ((0, 1), "the size of a MelWeightMatrix"),
    "MaxUnpool": ((2,), "the shape of a MaxUnpool"),
    "SequenceAt": ((1,), "the element of a sequence"),
    "Dropout": ((2,), "the mode of a Dropout"),
}
#: Operators whose output holds values of the inputs at these positions (None: of all), as they are.
SAME = {
    "Identity": (0,),
    "Cast": (0,),
    "CastLike": (0,),
    "Reshape": (0,),
    "Squeeze": (0,),
    "Unsqueeze": (0,),
    "Transpose": (0,),
    "Expand": (0,),
    "Tile": (0,),
    "Flatten": (0,),
    "Slice": (0,),
    "Split": (0,),
    "Gather": (0,),
    "GatherElements": (0,),
    "GatherND": (0,),
    "Pad": (0,),
    "Dropout": (0,),
    "Clip": (0,),
    "ReverseSequence": (0,),
    "Compress": (0,),
    "Resize": (0,),
    "DepthToSpace": (0,),
    "SpaceToDepth": (0,),
    "Concat": None,
    "Min": None,
    "Max": None,
    "Where": (1, 2),
    "SequenceConstruct": None,
    "SequenceAt": (0,),
    "SequenceInsert": (0, 1),
    "ConcatFromSequence": (0,),
    "SplitToSequence": (0,),
    "Optional": (0,),
    "OptionalGetElement": (0,),
}
#: Operators of which a size may still follow from the values: small arithmetic. What goes through any other
#: operator, a product of matrices say, has become the network's own content.
ARITHMETIC = frozenset(
    (
        "Add Sub Mul Div Mod Neg Abs Sign Floor Ceil Round Sqrt Reciprocal Exp Log Pow Sum Mean Min "
        "Max Clip Relu ReduceSum ReduceMax ReduceMin ReduceMean ReduceProd CumSum ArgMax ArgMin "
        "TopK NonZero Not And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual IsNaN IsInf "
        "Where Compress Unique OneHot ScatterND ScatterElements Scatter Trilu BitShift BitwiseAnd "
        "BitwiseOr BitwiseXor BitwiseNot LabelEncoder CategoryMapper ArrayFeatureExtractor"
    ).split()
)
#: Operators that look only at the shape of their input.
SHAPE_ONLY = ("Shape", "Size", "EyeLike", "RandomNormalLike", "RandomUniformLike", "ConstantOfShape", "Range")
COMPARES = ("Less", "LessOrEqual", "Greater", "GreaterOrEqual")
#: Operator -> (position of the indices, of the table).
LOOKS_UP = {
    "Gather": (1, 0),
    "GatherElements": (1, 0),
    "GatherND": (1, 0),
    "GatherBlockQuantized": (1, 0),
    "ArrayFeatureExtractor": (1, 0),
    "ScatterElements": (1, 0),
    "Scatter": (1, 0),
    "ScatterND": (1, 0),
}
#: EmbedLayerNormalization: position of the ids -> of their table.
EMBEDS = {0: 2, 1: 4, 8: 3}
#: Recurrent operators, whose input 4 holds the lengths of sequences.
RECURRENT = ("LSTM", "GRU", "RNN")
#: Operator -> position of a mask: ones for what counts, or a bias that is added.
MASKS = {"Attention": (3,), "MultiHeadAttention": (4,), "EmbedLayerNormalization": (7,), "QAttention": (5,)}
BIASES = {"Attention": (5,), "MultiHeadAttention": (5,), "DecoderMaskedMultiHeadAttention": (4,)}
SOFTMAX = ("Softmax", "LogSoftmax", "MaskedSoftmax")
RANDOM = (
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
)
#: Attribute of ai.onnx.ml operators that lists the codes which they take.
CODES = {
    "LabelEncoder": ("keys_int64s",),
    "OneHotEncoder": ("cats_int64s",),
    "CategoryMapper": ("cats_int64s",),
}
