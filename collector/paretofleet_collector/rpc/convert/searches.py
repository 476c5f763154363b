"""The messages about architecture searches."""

from __future__ import annotations

from typing import Any

from paretofleet_proto.v1 import control_pb2 as pb

from paretofleet_collector.model.searches import (
    NewSearch,
    SearchBatch,
    SearchDetail,
    SearchRecord,
    SearchTraining,
    SearchTrial,
    SearchView,
)

_NEW = ("name", "spec_json", "digest", "seed", "budget_s", "trials_max")
_VIEW = ("search_id", "state", "reason", "spent_s", "created_unix_s", "changed_unix_s", "trials", "trainings")
_MEASURED = ("top1", "top1_n", "wall_s", "cpu_s", "memory_peak_bytes")


def new_search_to_proto(new: NewSearch, request_id: str) -> pb.CreateSearchRequest:
    """A `new` search as the request `request_id` for it."""
    return pb.CreateSearchRequest(request_id=request_id, **{name: getattr(new, name) for name in _NEW})


def new_search_from_proto(message: pb.CreateSearchRequest) -> NewSearch:
    """The new search in a `message`."""
    return NewSearch(**{name: getattr(message, name) for name in _NEW})


def search_to_proto(view: SearchView) -> pb.Search:
    """The `view` of a search as a message."""
    fields = {name: getattr(view, name) for name in (*_NEW, *_VIEW)}
    return pb.Search(ended_unix_s=view.ended_unix_s or 0.0, **fields)


def search_from_proto(message: pb.Search) -> SearchView:
    """The view of a search in a `message`."""
    fields = {name: getattr(message, name) for name in (*_NEW, *_VIEW)}
    return SearchView(ended_unix_s=message.ended_unix_s or None, **fields)


def record_to_proto(search: str, record: SearchRecord) -> pb.RecordTrialsRequest:
    """The `record` that is appended to a `search`, a name or an id, as a message."""
    return pb.RecordTrialsRequest(search=search, spent_s=record.spent_s, **_parts_to_proto(record))


def record_from_proto(message: pb.RecordTrialsRequest) -> SearchRecord:
    """What is appended to a search by a `message`."""
    return SearchRecord(*_parts_from_proto(message), message.spent_s)


def search_detail_to_proto(detail: SearchDetail) -> pb.ShowSearchReply:
    """The `detail` of a search as a message."""
    return pb.ShowSearchReply(search=search_to_proto(detail.search), **_parts_to_proto(detail))


def search_detail_from_proto(message: pb.ShowSearchReply) -> SearchDetail:
    """The detail of a search in a `message`."""
    return SearchDetail(search_from_proto(message.search), *_parts_from_proto(message))


def _parts_to_proto(parts: SearchRecord | SearchDetail) -> dict[str, Any]:
    return {
        "trials": [pb.SearchTrial(**vars(each)) for each in parts.trials],
        "batches": [pb.SearchBatch(**vars(each)) for each in parts.batches],
        "trainings": [pb.SearchTraining(**vars(each)) for each in parts.trainings],
    }


def _parts_from_proto(
    message: Any,
) -> tuple[tuple[SearchTrial, ...], tuple[SearchBatch, ...], tuple[SearchTraining, ...]]:
    return (
        tuple(
            SearchTrial(each.number, tuple(each.codes), each.graph, each.model, each.device, each.kind)
            for each in message.trials
        ),
        tuple(
            SearchBatch(each.number, tuple(each.trials), tuple(each.devices), each.sweep)
            for each in message.batches
        ),
        tuple(
            SearchTraining(each.trial, each.seed, each.split, each.reason, **_measured(each))
            for each in message.trainings
        ),
    )


def _measured(message: pb.SearchTraining) -> dict[str, Any]:
    return {name: getattr(message, name) if message.HasField(name) else None for name in _MEASURED}
