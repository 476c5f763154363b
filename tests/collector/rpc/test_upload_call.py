"""One upload: what is malformed is answered by itself, and no agent can have much in flight."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from paretofleet_collector.errors import Refused, SessionRefused
from paretofleet_collector.model.entities import Chunk
from paretofleet_collector.model.limits import IN_FLIGHT_BYTES_MAX
from paretofleet_collector.model.messages import Session, UploadReply, UploadVerdict
from paretofleet_collector.rpc.upload_call import UploadCall
from paretofleet_proto.v1 import fleet_pb2 as pb
from rig import Rig, chunk, samples_of


def message(chunk: Chunk, session: Session | None = None, **changed: Any) -> pb.UploadRequest:
    ref = pb.AttemptRef(run_id=chunk.key.run_id, attempt=chunk.key.attempt)
    names = ("stream", "seq", "schema", "n", "columns", "crc32")
    fields = {"attempt": ref, **{name: getattr(chunk, name) for name in names}, **changed}
    made = pb.UploadRequest(chunk=pb.Chunk(**fields))
    if session is not None:
        made.session.CopyFrom(
            pb.Session(device_id=session.device_id, instance=session.instance, session_id=session.session_id)
        )
    return made


class Requests:
    """What a client sends; `read` counts how many of them the collector took, the end is never reached."""

    def __init__(self, messages: Sequence[pb.UploadRequest], *, ends: bool = True) -> None:
        self.messages = messages
        self.read = 0
        self.ends = ends

    async def __aiter__(self) -> AsyncIterator[pb.UploadRequest]:
        for each in self.messages:
            self.read += 1
            yield each
        if not self.ends:
            await asyncio.Event().wait()


def replies(rig: Rig, requests: Requests) -> list[UploadReply]:
    async def gather() -> list[UploadReply]:
        async with aclosing(UploadCall(rig.context, aiter(requests)).replies()) as stream:
            return [reply async for reply in stream]

    return rig.do(gather())


def granted(rig: Rig) -> tuple[Session, list[Chunk]]:
    session = rig.joined()
    rig.submit()
    grant = rig.lease(session)
    return session, samples_of(grant.key, chunks=4)


def test_what_exceeds_its_limit_is_answered_by_itself_and_the_rest_is_stored(rig):
    session, made = granted(rig)
    wrong = [
        message(made[1], columns=bytes((1 << 20) + 1)),
        message(made[1], stream="x" * 4000),
        message(made[1], seq=-1),
        message(made[1], attempt=pb.AttemptRef(run_id="\x1b" * 65, attempt=1)),
    ]
    answers = replies(rig, Requests([message(made[0], session), *wrong, message(made[1])]))
    assert [answer.verdict for answer in answers] == [
        UploadVerdict.COMMITTED,
        *[UploadVerdict.MALFORMED] * 4,
        UploadVerdict.COMMITTED,
    ]
    assert answers[1].message == "Chunk.columns has 1,048,577 bytes; at most 1,048,576 are accepted."
    assert answers[2].message == "Chunk.stream has 4,000 bytes; at most 128 are accepted."
    assert answers[2].stream == "x" * 128
    assert answers[4].key.run_id == "?" * 64


def test_a_session_that_exceeds_its_limits_is_refused(rig):
    session, made = granted(rig)
    named = Session("x" * 65, session.instance, session.session_id)
    with pytest.raises(Refused, match=r"Session\.device_id has 65 bytes; at most 64"):
        replies(rig, Requests([message(made[0], named)]))


def test_no_more_is_read_than_may_be_unanswered(rig):
    session, made = granted(rig)
    size = 400_000
    each = message(chunk(made[0].key, "iterations", 0, [0] * (size // 16), [1] * (size // 16)), session)
    requests = Requests([each] * 30)
    held, entered = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        entered.set()
        held.wait(200)

    async def stalled() -> None:
        blocked = rig.context.store.submit(hold)
        async with aclosing(UploadCall(rig.context, aiter(requests)).replies()) as stream:
            first = asyncio.ensure_future(anext(stream))
            await asyncio.to_thread(entered.wait)
            # One more than fits is read, and waits.
            most = IN_FLIGHT_BYTES_MAX // each.ByteSize() + 1
            try:
                async with asyncio.timeout(60):
                    while requests.read < most:  # noqa: ASYNC110 - of what is read nobody tells
                        await asyncio.sleep(0.02)
                await asyncio.sleep(0.3)
                assert requests.read == most
            finally:
                held.set()
            await first
            assert len([reply async for reply in stream]) == 29
        await asyncio.wrap_future(blocked)

    rig.do(stalled())


def test_a_newer_upload_of_a_session_ends_the_older(rig):
    session, made = granted(rig)

    async def twice() -> None:
        older = UploadCall(rig.context, aiter(Requests([message(made[0], session)], ends=False))).replies()
        assert (await anext(older)).verdict is UploadVerdict.COMMITTED
        newer = UploadCall(rig.context, aiter(Requests([message(made[1], session)]))).replies()
        assert (await anext(newer)).verdict is UploadVerdict.COMMITTED
        with pytest.raises(SessionRefused, match="newer upload"):
            await anext(older)
        with pytest.raises(StopAsyncIteration):
            await anext(newer)
        assert len(rig.context.uploads) == 0

    rig.do(twice())
