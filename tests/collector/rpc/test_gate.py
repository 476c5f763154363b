"""The gate over a real store; the calls at it are the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from paretofleet_collector.errors import StorageUnavailable
from paretofleet_collector.identity import authority
from paretofleet_collector.model.messages import Enrolment
from paretofleet_collector.model.views import TokenView
from paretofleet_collector.rpc import gate as gate_module
from paretofleet_collector.rpc.gate import Gate
from paretofleet_collector.service import access, enrolment
from rig import Rig


class Call:
    """A call by a certificate; `hangs`: its client reads nothing, and no abort ends."""

    def __init__(self, certificate_id: str, *, hangs: bool = False) -> None:
        self._names = {"peer_uri": [f"{authority.URI}{certificate_id}".encode()]}
        self._hangs = hangs
        self.ended: list[str] = []

    def peer(self) -> str:
        return "ipv4:192.0.2.1:1"

    def auth_context(self) -> dict[str, list[bytes]]:
        return self._names

    def add_done_callback(self, _: Callable[[Any], None]) -> None:
        """It lasts as long as the test."""

    async def abort(self, _: grpc.StatusCode, sentence: str) -> None:
        self.ended.append(sentence)
        if self._hangs:
            await asyncio.Event().wait()
        raise grpc.aio.AbortError


@pytest.fixture
def gate(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The gate of a collector with an identity, which looks at open streams often."""
    authority.add(rig.home, authority.make_authority("c"))
    rig.context.authorities = authority.load(rig.home)
    monkeypatch.setattr(gate_module, "WATCH_S", 0.02)
    return Gate(rig.context)


def person(rig: Rig, name: str, role: str = "admin") -> str:
    """The id of the certificate of somebody who has joined."""
    view = TokenView(role, name, "", approve=False, uses=1)
    text = rig.do(access.create_token(rig.context, view, 60.0))[1]
    rig.do(enrolment.enrol(rig.context, Enrolment(text, authority.make_request()[1], "", name, "", {})))
    rows = rig.context.store.read_now(lambda c: c.execute(enrolment.certificates.CERTIFICATES.select()).all())
    return str(next(row.certificate_id for row in rows if row.subject == name))


async def for_ever(*_: Any) -> AsyncIterator[str]:
    yield "open"
    await asyncio.Event().wait()


async def add_all(*_: Any) -> str:
    await asyncio.Event().wait()
    return "added"


async def watching(gate: Gate, work: Callable[[], Any]) -> None:
    """Does `work` while the gate watches, and lets it look a few times."""
    watch = asyncio.create_task(gate.watch())
    await work()
    await asyncio.sleep(0.3)
    assert not watch.done(), "it watches on"
    watch.cancel()


class TestRevocation:
    def test_a_client_that_reads_nothing_holds_up_no_other_that_was_revoked(
        self, rig: Rig, gate: Gate
    ) -> None:
        behind = gate._behind("Control", "PullSamples", grpc.unary_stream_rpc_method_handler(for_ever))
        calls = [Call(person(rig, name), hangs=name == "mallory") for name in ("mallory", "eve")]

        async def work() -> None:
            for call in calls:
                await anext(behind.unary_stream(object(), call))
            for name in ("mallory", "eve"):
                await access.revoke_user(rig.context, name)

        rig.do(watching(gate, work))
        assert ["was revoked" in " ".join(call.ended) for call in calls] == [True, True]

    def test_an_upload_of_a_model_ends_too(self, rig: Rig, gate: Gate) -> None:
        behind = gate._behind("Control", "AddModel", grpc.stream_unary_rpc_method_handler(add_all))
        call = Call(person(rig, "eve"))

        async def work() -> None:
            task = asyncio.create_task(behind.stream_unary(object(), call))
            await asyncio.sleep(0.1)
            await access.revoke_user(rig.context, "eve")
            await asyncio.sleep(0.1)
            task.cancel()

        rig.do(watching(gate, work))
        assert "was revoked" in " ".join(call.ended)

    def test_what_was_read_before_a_revocation_is_not_kept_after_it(
        self, rig: Rig, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate_id, read = person(rig, "eve"), access.certificate

        async def slow(context: Any, of: str) -> Any:
            row = await read(context, of)
            await asyncio.sleep(0.1)
            return row

        monkeypatch.setattr(access, "certificate", slow)

        async def work() -> None:
            early = asyncio.create_task(gate._row(certificate_id))
            await asyncio.sleep(0.05)
            await access.revoke_user(rig.context, "eve")
            await early

        rig.do(watching(gate, work))
        assert rig.do(gate._row(certificate_id)).revoked_unix_s is not None

    def test_a_store_that_cannot_be_read_for_a_while_ends_no_watch(
        self, rig: Rig, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        behind = gate._behind("Control", "WatchSweep", grpc.unary_stream_rpc_method_handler(for_ever))
        call = Call(person(rig, "eve"))

        async def unreadable(*_: Any) -> Any:
            raise StorageUnavailable("The disk is gone.")

        async def work() -> None:
            await anext(behind.unary_stream(object(), call))
            monkeypatch.setattr(access, "certificate", unreadable)
            rig.context.certificates_changed.set()
            await asyncio.sleep(0.1)

        rig.do(watching(gate, work))
        assert call.ended == []


def test_an_open_connection_of_a_retired_authority_is_refused(rig: Rig, gate: Gate) -> None:
    call = Call(person(rig, "eve"))
    rig.do(gate._peer_of(call, late=False))
    rig.do(access.rotate(rig.context, finish=False, force=False))
    rig.do(gate._peer_of(call, late=False))
    rig.do(access.rotate(rig.context, finish=True, force=True))
    with pytest.raises(gate_module.SessionRefused, match="was retired"):
        rig.do(gate._peer_of(call, late=True))
