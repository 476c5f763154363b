"""The client's side of architecture searches: plain calls, plain errors, as in `rpc.client`."""

from __future__ import annotations

from paretofleet_proto.v1 import control_pb2 as pb

from paretofleet_collector.model.searches import NewSearch, SearchDetail, SearchRecord, SearchView
from paretofleet_collector.rpc.client import CALL_S, Client
from paretofleet_collector.rpc.convert import searches as convert


class SearchClient(Client):
    """A connection to the collector at `address`; a context manager."""

    def create_search(self, new: NewSearch, request_id: str) -> SearchView:
        """Makes a `new` search, or returns the one that the same `request_id` has made."""
        request = convert.new_search_to_proto(new, request_id)
        return convert.search_from_proto(self._call(lambda: self._stub.CreateSearch(request, timeout=CALL_S)))

    def list_searches(self) -> tuple[SearchView, ...]:
        """Every search, the oldest first."""
        reply = self._call(lambda: self._stub.ListSearches(pb.ListSearchesRequest(), timeout=CALL_S))
        return tuple(convert.search_from_proto(each) for each in reply.searches)

    def show_search(self, search: str) -> SearchDetail:
        """A search with its trials, batches and trainings."""
        request = pb.SearchRequest(search=search)
        return convert.search_detail_from_proto(
            self._call(lambda: self._stub.ShowSearch(request, timeout=CALL_S))
        )

    def change_search(self, search: str, state: str, reason: str = "") -> SearchView:
        """Puts a search in a `state` for a `reason`; its driver hears of it at its next look."""
        request = pb.ChangeSearchRequest(search=search, state=state, reason=reason)
        return convert.search_from_proto(self._call(lambda: self._stub.ChangeSearch(request, timeout=CALL_S)))

    def record_trials(self, search: str, record: SearchRecord) -> SearchView:
        """Appends a `record` to a search; the same again changes nothing, something else raises Taken."""
        request = convert.record_to_proto(search, record)
        return convert.search_from_proto(self._call(lambda: self._stub.RecordTrials(request, timeout=CALL_S)))

    def delete_search(self, search: str) -> SearchView:
        """Deletes a search, not its sweeps; returns it as it was."""
        request = pb.SearchRequest(search=search)
        return convert.search_from_proto(self._call(lambda: self._stub.DeleteSearch(request, timeout=CALL_S)))
