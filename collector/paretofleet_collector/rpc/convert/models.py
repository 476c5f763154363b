"""The messages about models and files of samples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from paretofleet_proto.v1 import control_pb2 as pb

from paretofleet_collector.model.canonical import canonical_json
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.inputs import InputArray, InputFile, NewInputs
from paretofleet_collector.model.messages import GivenFacts, NewModel
from paretofleet_collector.model.views import Evaluation


def _optional(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def _json(value: Mapping[str, Any]) -> str:
    """A JSON object as a field holds it, empty for an empty one."""
    return canonical_json(value) if value else ""


def variant_to_proto(variant: Variant) -> pb.Variant:
    """`variant` as a message."""
    return pb.Variant(
        model=variant.model,
        variant=variant.variant,
        sha256=variant.sha256,
        recipe=variant.recipe,
        weights_precision=variant.weights_precision,
        parameters=variant.parameters,
        macs=variant.macs,
        size_bytes=variant.size_bytes,
        top1=variant.top1,
        top1_n=variant.top1_n,
        top1_source=variant.top1_source or "",
        accuracy_group=variant.accuracy_group or "",
        fixed_batch_size=variant.fixed_batch_size,
        stored=variant.stored,
        sizes=dict(variant.sizes),
        inputs_json=_json(variant.inputs),
        graph_json=_json(variant.graph),
        top5=variant.top5,
        licence=variant.licence or "",
        weights_source=variant.weights_source or "",
        parent=variant.parent or "",
        record=variant.record,
        compressed_bytes=variant.compressed_bytes,
        is_private=variant.is_private,
        training_json=_json(variant.training),
    )


def variant_from_proto(message: pb.Variant) -> Variant:
    """The variant in a `message`."""
    return Variant(
        model=message.model,
        variant=message.variant,
        sha256=message.sha256,
        size_bytes=message.size_bytes,
        recipe=message.recipe,
        weights_precision=message.weights_precision,
        parameters=_optional(message, "parameters"),
        macs=_optional(message, "macs"),
        top1=_optional(message, "top1"),
        top1_n=_optional(message, "top1_n"),
        top1_source=message.top1_source or None,
        accuracy_group=message.accuracy_group or None,
        fixed_batch_size=_optional(message, "fixed_batch_size"),
        stored=message.stored,
        sizes=dict(message.sizes),
        inputs=json.loads(message.inputs_json or "{}"),
        graph=json.loads(message.graph_json or "{}"),
        top5=_optional(message, "top5"),
        licence=message.licence or None,
        weights_source=message.weights_source or None,
        parent=message.parent or None,
        record=message.record,
        compressed_bytes=_optional(message, "compressed_bytes"),
        is_private=message.is_private,
        training=json.loads(message.training_json or "{}"),
    )


_OF_EVALUATION = ("sha256", "device", "runtime", "precision", "top1", "top1_n", "top5", "correct_items")


def evaluation_to_proto(evaluation: Evaluation) -> pb.Evaluation:
    """`evaluation` as a message."""
    fields = {name: getattr(evaluation, name) for name in _OF_EVALUATION}
    return pb.Evaluation(accuracy_data_json=evaluation.accuracy_data, **fields)


def evaluation_from_proto(message: pb.Evaluation) -> Evaluation:
    """The evaluation in a `message`."""
    fields = {name: getattr(message, name) for name in _OF_EVALUATION if name != "top5"}
    return Evaluation(accuracy_data=message.accuracy_data_json, top5=_optional(message, "top5"), **fields)


def new_model_to_proto(new: NewModel) -> pb.AddModelHeader:
    """The header that announces the file of a `new` model."""
    return pb.AddModelHeader(
        model=new.model,
        variant_of=new.variant_of,
        precision=new.precision,
        size_bytes=new.size_bytes,
        sha256=new.sha256,
        top1=new.top1,
        top1_n=new.top1_n,
        sizes=dict(new.sizes),
        inputs_json=new.inputs_json,
        top5=new.top5,
        licence=new.licence,
        weights_source=new.weights_source,
        is_private=new.is_private,
        top1_source=new.top1_source,
        training_json=new.training_json,
    )


def new_model_from_proto(message: pb.AddModelHeader) -> NewModel:
    """The announcement of a model file in a `message`."""
    return NewModel(
        model=message.model,
        variant_of=message.variant_of,
        precision=message.precision,
        size_bytes=message.size_bytes,
        sha256=message.sha256,
        top1=_optional(message, "top1"),
        top1_n=_optional(message, "top1_n"),
        sizes=dict(message.sizes),
        inputs_json=message.inputs_json,
        top5=_optional(message, "top5"),
        licence=message.licence,
        weights_source=message.weights_source,
        is_private=message.is_private,
        top1_source=message.top1_source,
        training_json=message.training_json,
    )


_GIVEN = ("top1", "top1_n", "top5", "licence", "weights_source", "training_json")


def given_facts_to_proto(model: str, action: str, given: GivenFacts) -> pb.ChangeModelRequest:
    """What is `given` of a stored `model` as the request for an `action`."""
    said = {name: getattr(given, name) for name in _GIVEN}
    return pb.ChangeModelRequest(model=model, action=action, **said)


def given_facts_from_proto(message: pb.ChangeModelRequest) -> GivenFacts:
    """What is given of a stored model in a `message`."""
    return GivenFacts(**{name: _optional(message, name) for name in _GIVEN})


def new_inputs_from_proto(message: pb.AddInputsHeader) -> NewInputs:
    """The announcement of a file of samples in a `message`."""
    return NewInputs(message.name, message.size_bytes, message.sha256)


def input_file_to_proto(file: InputFile) -> pb.InputFile:
    """`file` of samples as a message."""
    arrays = [pb.InputArray(name=each.name, type=each.type, shape=each.shape) for each in file.arrays]
    return pb.InputFile(sha256=file.sha256, size_bytes=file.size_bytes, name=file.name, arrays=arrays)


def input_file_from_proto(message: pb.InputFile) -> InputFile:
    """The file of samples in a `message`, without the ranges of its values."""
    arrays = tuple(InputArray(each.name, each.type, tuple(each.shape)) for each in message.arrays)
    return InputFile(message.sha256, message.size_bytes, message.name, arrays)
