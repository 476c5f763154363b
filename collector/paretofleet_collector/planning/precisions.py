"""Which variant of a model runs at a precision. Weights are never converted behind the user's back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paretofleet_collector.model.entities import Refusal, Variant
from paretofleet_collector.model.recipes import recipe_in
from paretofleet_collector.planning.placements import Placement, target_kind
from paretofleet_collector.planning.recipes import MADE, suited, unmade

#: (runtime, kind of target) -> the precisions in which it executes weights that the file keeps in fp32.
EXECUTED_FROM_FP32: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("torch", "cpu"): ("bf16", "fp16"),
    ("openvino", "cpu"): ("bf16", "fp16"),
    ("onnxruntime", "cuda"): ("tf32", "fp16"),
    ("torch", "cuda"): ("tf32", "bf16", "fp16"),
    ("trtexec", "cuda"): ("tf32", "bf16", "fp16"),
}
#: Runtimes that take nothing but a file's fp32 weights.
FP32_FILES_ONLY = ("torch",)
#: Runtimes that read no ONNX file, to the format of the files that they read.
OTHER_FORMATS: Mapping[str, str] = {"litert": "tflite"}


@dataclass(frozen=True)
class ExecutedVariant:
    """A variant to be executed at a precision."""

    variant: Variant
    precision: str


def executed_variants(
    models: Sequence[Sequence[Variant]], precisions: Sequence[str], placement: Placement
) -> Iterator[ExecutedVariant | Refusal]:
    """The variant of each of `models`, a list of its variants each, at each of `precisions`, or why none.

    `placement`: where it shall run.
    """
    runtime = placement.runtime.name
    read = OTHER_FORMATS.get(runtime, "onnx")
    for variants in models:
        readable = [each for each in variants if each.format == read]
        if not readable:
            yield Refusal(f"{variants[0].model} with {runtime}", _no_format(variants[0], runtime, read))
            continue
        for precision in precisions:
            yield _executed(readable, precision, placement)


def _executed(variants: Sequence[Variant], precision: str, placement: Placement) -> ExecutedVariant | Refusal:
    """A file of that precision where there is one; else the fp32 file where the runtime executes it so."""
    name, runtime, kind = variants[0].model, placement.runtime.name, target_kind(placement.target)
    executed = EXECUTED_FROM_FP32.get((runtime, kind), ())
    if precision == "tf32" and kind != "cuda":
        return Refusal(
            f"{name} at tf32 on {placement.device.name} {placement.target.alias}",
            "tf32 is a mode of CUDA targets only.",
        )
    if precision == "native":
        fitting = _originals(variants)
    else:
        fitting = _of_precision(variants, precision, placement)
        if runtime in FP32_FILES_ONLY or (precision in executed and not fitting):
            fitting = _originals([each for each in variants if each.weights_precision == "fp32"])
            if precision not in ("fp32", *executed):
                alias, able = placement.target.alias, ", ".join(("fp32", *executed))
                return Refusal(
                    f"{name} at {precision} with {runtime}",
                    f"{runtime} on {alias} takes fp32 files only and executes them in {able}.",
                )
    kind_made = MADE.get((runtime, kind), {}).get(precision)
    parents = _originals([each for each in variants if each.weights_precision == "fp32"])
    if not fitting and kind_made is not None and len(parents) == 1:
        return ExecutedVariant(unmade(parents[0], kind_made, placement.device.inventory, variants), precision)
    if not fitting:
        return Refusal(f"{name} at {precision} with {runtime}", _no_variant(name, precision, runtime, kind))
    if len(fitting) > 1:
        names = ", ".join(each.variant for each in fitting)
        return Refusal(
            f"{name} at {precision}",
            f"{name} has {len(fitting)} such variants ({names}): "
            f"name one, as in `{name}@{fitting[0].variant}`.",
        )
    return ExecutedVariant(fitting[0], precision)


def _originals(variants: Sequence[Variant]) -> list[Variant]:
    """Those of `variants` that were made from none of them; all where there is no such."""
    return [each for each in variants if each.parent is None] or list(variants)


def _of_precision(variants: Sequence[Variant], precision: str, placement: Placement) -> list[Variant]:
    """Those of `variants` whose files have the `precision`, of several the one that a sweep would make.

    Where a model is named without a variant, what was pruned or clustered takes the place of no other, and
    int8 is what suits the processor.
    """
    fitting = [each for each in variants if _precision_of(each) == precision]
    if precision == "fp32":
        return _originals(fitting)
    if any(each.parent is None for each in variants):
        fitting = suited(fitting, placement.device.inventory)
    usual = MADE.get((placement.runtime.name, target_kind(placement.target)), {}).get(precision)
    recipes = [(each, recipe_in(each.record)) for each in fitting]
    chosen = [each for each, recipe in recipes if recipe is not None and recipe.kind == usual]
    return chosen if len(chosen) == 1 else fitting


def _precision_of(variant: Variant) -> str:
    """What a variant is chosen by: LiteRT widens weights that a tflite file only keeps in less."""
    return variant.weights_precision if variant.format == "onnx" else str(variant.graph["precision"])


def _no_format(variant: Variant, runtime: str, read: str) -> str:
    able = " or ".join(name for name, form in OTHER_FORMATS.items() if form == variant.format)
    other = f"run it with {able}, or " if able else ""
    return (
        f"{runtime} reads {read} files, and {variant.model} has only {variant.format} files: {other}add the "
        f"{read} file of the model with `paretofleet models add FILE.{read} --variant-of {variant.model}`."
    )


def _no_variant(name: str, precision: str, runtime: str, kind: str) -> str:
    able = [
        other
        for (other, other_kind), executed in EXECUTED_FROM_FP32.items()
        if precision in executed and other_kind == kind
    ]
    hint = f"; {', '.join(able)} can execute the fp32 one so" if able and runtime not in able else ""
    return (
        f"{name} has no {precision} variant: add one with "
        f"`paretofleet models add FILE --variant-of {name} --precision {precision}`{hint}."
    )
