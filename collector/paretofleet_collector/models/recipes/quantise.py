"""Quantisation by onnxruntime.quantization: static to int8, dynamic to int8, weights to int4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models.recipes.calibration import feeds

if TYPE_CHECKING:
    import numpy as np

    from paretofleet_collector.model.recipes import Recipe


class _Feeds:
    """The calibrator's view of an iterator."""

    def __init__(self, items: Iterator[dict[str, np.ndarray]]) -> None:
        self._items = items

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next feed, None behind the last."""
        return next(self._items, None)


def folded(parent: Path, folder: Path, called: str) -> Path:
    """The file at `parent` as ONNX Runtime's quantiser wants it, in `folder`.

    Batch normalisation is folded and shapes are inferred; without that int8 is no faster than fp32 (decision
    0069). `called` names the parent where the file cannot be optimised: ModelRefused.
    """
    import onnxruntime
    from onnxruntime.quantization.shape_inference import quant_pre_process

    path = folder / "folded.onnx"
    try:
        # What cannot be loaded would be left unfolded, and that is only logged.
        onnxruntime.InferenceSession(str(parent), providers=["CPUExecutionProvider"])
        quant_pre_process(str(parent), str(path), skip_symbolic_shape=True)
    except Exception as error:  # noqa: BLE001 - whatever the runtime raises of a stranger's graph
        raise ModelRefused(
            f"{called}: ONNX Runtime cannot prepare it for quantisation ({_first(error)}): its operators are "
            "unknown there, or the file is damaged."
        ) from None
    return path


def static(parent: Path, target: Path, recipe: Recipe, task: Mapping[str, Any]) -> None:
    """Writes `parent` to `target` in int8: ranges of activations found by calibration, QDQ nodes.

    `recipe`: per_channel, reduce_range (7 bits, for x86 processors without VNNI, whose sums of products of 8
    bits overflow), calibration. `task`: what the calibration needs. Raises ModelRefused.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    called, given, calibration = task["called"], recipe.parameters, recipe.calibration
    if calibration is None:
        raise ModelRefused(f"{called}: a static quantisation needs a calibration.")
    prepared = folded(parent, target.parent, called)
    try:
        quantize_static(
            str(prepared),
            str(target),
            _Feeds(feeds(task, calibration)),
            quant_format=QuantFormat.QDQ,
            per_channel=given["per_channel"],
            reduce_range=given["reduce_range"],
            activation_type=QuantType.QUInt8 if given["reduce_range"] else QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
    except ModelRefused:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        raise ModelRefused(f"{called} cannot be quantised ({_first(error)}).") from None
    _check_changed(target, called, ("QuantizeLinear",), "nothing in it can be quantised to int8")


def dynamic(parent: Path, target: Path, recipe: Recipe, task: Mapping[str, Any]) -> None:
    """Writes `parent` to `target` with weights in int8 and activations quantised while it runs.

    `recipe`: reduce_range. `task`: what the parent is called. Convolutions too, whose weights are unsigned,
    for ONNX Runtime has no others on CPUs. Raises ModelRefused.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    called = task["called"]
    prepared = folded(parent, target.parent, called)
    try:
        quantize_dynamic(
            str(prepared),
            str(target),
            weight_type=QuantType.QUInt8,
            reduce_range=recipe.parameters["reduce_range"],
        )
    except Exception as error:  # noqa: BLE001 - see above
        raise ModelRefused(f"{called} cannot be quantised ({_first(error)}).") from None
    _check_changed(
        target,
        called,
        ("DynamicQuantizeLinear", "DynamicQuantizeLSTM"),
        "it has no product or convolution of weights",
    )


def int4(parent: Path, target: Path, recipe: Recipe, task: Mapping[str, Any]) -> None:
    """Writes `parent` to `target` with the weights of its MatMul nodes in 4 bits, in blocks, symmetric.

    `recipe`: block_size. `task`: what the parent is called. Raises ModelRefused.
    """
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    called = task["called"]
    try:
        quantiser = MatMulNBitsQuantizer(
            onnx.load(str(parent)), block_size=recipe.parameters["block_size"], is_symmetric=True
        )
        quantiser.process()
        quantiser.model.save_model_to_file(str(target), use_external_data_format=False)
    except Exception as error:  # noqa: BLE001 - see above
        raise ModelRefused(f"{called} cannot be quantised to int4 ({_first(error)}).") from None
    _check_changed(target, called, ("MatMulNBits",), "it has no MatMul with constant weights")


def _check_changed(target: Path, called: str, operators: tuple[str, ...], why: str) -> None:
    """Raises ModelRefused where what was written has none of the `operators`."""
    model = onnx.load(str(target), load_external_data=False)
    if not any(node.op_type in operators for node in model.graph.node):
        raise ModelRefused(f"{called} cannot be changed by that recipe: {why}.")


def _first(error: Exception) -> str:
    lines = [line.strip(" .") for line in str(error).splitlines() if line.strip()]
    return "".join(c if c.isprintable() else "?" for c in (lines or [type(error).__name__])[0])[:160]
