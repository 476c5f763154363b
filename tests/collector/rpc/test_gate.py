"""The gate over a real store; the calls at it are the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from cryptography import x509
from paretofleet_collector.errors import StorageUnavailable
from paretofleet_collector.identity import authority
from paretofleet_collector.model.messages import Enrolment
from paretofleet_collector.model.views import TokenView
from paretofleet_collector.rpc import gate as gate_module
from paretofleet_collector.rpc.gate import Gate
from paretofleet_collector.service import access, doctor, enrolment
from paretofleet_collector.store import certificates, clock
from rig import Rig


class Call:
    """A call by a certificate in PEM; `hangs`: its client reads nothing, and no abort ends."""

    def __init__(self, pem: str, *, hangs: bool = False) -> None:
        names = x509.load_pem_x509_certificate(pem.encode()).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        (uri,) = names.value.get_values_for_type(x509.UniformResourceIdentifier)
        self._names = {"peer_uri": [uri.encode()], "x509_pem_cert": [pem.encode()]}
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
    """The certificate of somebody who joins, in PEM."""
    view = TokenView(role, name, "", approve=False, uses=1)
    text = rig.do(access.create_token(rig.context, view, 60.0))[1]
    asked = Enrolment(text, authority.make_request()[1], "", name, "", {})
    return str(rig.do(enrolment.enrol(rig.context, asked)).certificate_pem)


def id_of(rig: Rig, name: str) -> str:
    """What the store calls the newest certificate of somebody."""
    return str(rig.context.store.read_now(certificates.newest)[False, name].certificate_id)


async def for_ever(*_: Any) -> AsyncIterator[str]:
    yield "open"
    await asyncio.Event().wait()


async def add_all(*_: Any) -> str:
    await asyncio.Event().wait()
    return "added"


async def until(happened: Callable[[], bool]) -> None:
    """Waits for what the gate does by itself."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - of what is waited for nobody tells
            await asyncio.sleep(0.02)


async def watching(gate: Gate, work: Callable[[], Any], happened: Callable[[], bool] = lambda: True) -> None:
    """Does `work` while the gate watches, and lets it look a few times, and until that has happened."""
    watch = asyncio.create_task(gate.watch())
    await work()
    await asyncio.sleep(0.3)
    await until(happened)
    assert not watch.done(), "it watches on"
    watch.cancel()


def is_revoked(call: Call) -> bool:
    return "was revoked" in " ".join(call.ended)


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

        rig.do(watching(gate, work, lambda: all(map(is_revoked, calls))))
        assert [is_revoked(call) for call in calls] == [True, True]

    def test_an_upload_of_a_model_ends_too(self, rig: Rig, gate: Gate) -> None:
        behind = gate._behind("Control", "AddModel", grpc.stream_unary_rpc_method_handler(add_all))
        call = Call(person(rig, "eve"))

        async def work() -> None:
            task = asyncio.create_task(behind.stream_unary(object(), call))
            await asyncio.sleep(0.1)
            await access.revoke_user(rig.context, "eve")
            await until(lambda: is_revoked(call))
            task.cancel()

        rig.do(watching(gate, work))
        assert is_revoked(call)

    def test_what_was_read_before_a_revocation_is_not_kept_after_it(
        self, rig: Rig, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        person(rig, "eve")
        certificate_id, read = id_of(rig, "eve"), access.certificate

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


def test_a_certificate_that_the_authority_signed_for_somebody_else_is_refused(rig: Rig, gate: Gate) -> None:
    """Whoever stole the authority's key signs a certificate with an admin's id for a key of their own."""
    genuine = person(rig, "ada")
    rig.do(gate._peer_of(Call(genuine), late=False))
    key = authority.public_key_of(authority.make_request()[1])
    forged = authority.issue(rig.context.authorities[0], key, id_of(rig, "ada"))
    for late in (False, True):
        with pytest.raises(gate_module.SessionRefused, match="did not issue this certificate"):
            rig.do(gate._peer_of(Call(forged), late=late))


def test_a_persons_newest_token_gives_the_role_of_all_their_certificates(rig: Rig, gate: Gate) -> None:
    older = Call(person(rig, "ada", "admin"))
    other = Call(person(rig, "bob", "admin"))
    assert rig.do(gate._peer_of(older, late=False)).role == "admin"
    newer = Call(person(rig, "ada", "viewer"))
    assert rig.context.certificates_changed.is_set()
    gate._forget()
    roles = [rig.do(gate._peer_of(call, late=False)).role for call in (older, newer, other)]
    assert roles == ["viewer", "viewer", "admin"]


class TestClock:
    """What has expired stays so where the clock is set back, also over a restart of the collector."""

    @pytest.fixture
    def expired(self, rig: Rig, gate: Gate) -> Call:
        call = Call(person(rig, "ada"))
        rig.clock[0] += rig.context.config.certificate_s + 1.0
        with pytest.raises(gate_module.SessionRefused, match="expired at"):
            rig.do(gate._peer_of(call, late=False))
        return call

    def set_back(self, rig: Rig) -> None:
        rig.clock[0] -= 3600.0

    def test_in_the_same_process(self, rig: Rig, gate: Gate, expired: Call) -> None:
        self.set_back(rig)
        with pytest.raises(gate_module.SessionRefused, match="expired at"):
            rig.do(gate._peer_of(expired, late=False))

    def test_after_a_restart_until_an_operator_says_that_the_clock_was_wrong(
        self, rig: Rig, gate: Gate, expired: Call
    ) -> None:
        behind = gate._behind("Control", "ListDevices", grpc.unary_unary_rpc_method_handler(add_all))
        with pytest.raises(grpc.aio.AbortError):  # the refusal is what is remembered
            rig.do(behind.unary_unary(object(), expired))
        self.set_back(rig)
        authorities, config = rig.context.authorities, rig.stop()
        rig.start()
        rig.context.authorities = authorities
        with pytest.raises(gate_module.SessionRefused, match="--forget-clock"):
            rig.do(Gate(rig.context)._peer_of(expired, late=False))
        rig.stop()
        doctor.forget_clock(config)
        rig.start()
        rig.context.authorities = authorities
        assert rig.do(Gate(rig.context)._peer_of(expired, late=False)).subject == "ada"

    def test_the_time_is_kept_while_nobody_is_refused_too(self, rig: Rig, gate: Gate) -> None:
        rig.clock[0] += 3600.0

        async def nothing() -> None:
            await asyncio.sleep(0)

        def kept() -> float:
            return rig.context.store.read_now(clock.latest)

        assert kept() < rig.clock[0]
        rig.do(watching(gate, nothing, lambda: kept() == rig.clock[0]))
        assert kept() == rig.clock[0]


def test_an_open_connection_of_a_retired_authority_is_refused(rig: Rig, gate: Gate) -> None:
    call = Call(person(rig, "eve"))
    rig.do(gate._peer_of(call, late=False))
    rig.do(access.rotate(rig.context, finish=False, force=False))
    rig.do(gate._peer_of(call, late=False))
    rig.do(access.rotate(rig.context, finish=True, force=True))
    with pytest.raises(gate_module.SessionRefused, match="was retired"):
        rig.do(gate._peer_of(call, late=True))
