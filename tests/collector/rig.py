"""A collector without its network: real store, real lake, a clock that the test moves."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_worker import KeptWorker
from paretofleet_collector.config import SQLITE, Config
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.lake.files import model_file
from paretofleet_collector.lifecycle import chunk_faults
from paretofleet_collector.model.entities import (
    AttemptEnd,
    AttemptKey,
    Chunk,
    Grant,
    Inventory,
    RuntimeInfo,
    Target,
    Variant,
)
from paretofleet_collector.model.messages import Hello, Join, Session, UploadReply, Welcome
from paretofleet_collector.model.views import SweepView
from paretofleet_collector.service import agents, leases, submission, sweeps, uploads
from paretofleet_collector.service.context import Changes, Context
from paretofleet_collector.service.sealing import Sealer
from paretofleet_collector.store import Store, models, runs
from paretofleet_collector.store.engine import FILE_NAME

INVENTORY = Inventory(
    targets=(Target("cpu", "cpu"),),
    runtimes=(RuntimeInfo("onnxruntime", "1.19.2", ("cpu",)),),
    cpus=(0, 1),
    architecture="x86_64",
)
TINY = Variant(
    model="tiny", variant="file", sha256=hashlib.sha256(b"onnx").hexdigest(), size_bytes=4, parameters=1
)


def chunk(
    key: AttemptKey, stream: str, seq: int, first: Any, second: Any, *, schema: str = "", texts: bytes = b""
) -> Chunk:
    columns = np.asarray(first, "<i8").tobytes() + np.asarray(second, "<i8").tobytes() + texts
    schema = schema or {"power": "power/1"}.get(stream.partition(":")[0], f"{stream}/1")
    made = Chunk(key, stream, seq, schema, len(first), columns, 0)
    return Chunk(key, stream, seq, schema, len(first), columns, chunk_faults.crc32_of(made))


def samples_of(key: AttemptKey, *, seconds: float = 0.01, chunks: int = 2, each: int = 10) -> list[Chunk]:
    """Iterations of equal length, all measured, with marks around them."""
    step = int(seconds * 1e9)
    made = [chunk(key, "marks", 0, [0, chunks * each * step + 1], [4, 5])]
    for seq in range(chunks):
        starts = np.arange(seq * each, (seq + 1) * each) * step
        made.append(chunk(key, "iterations", seq, starts, np.full(each, step)))
    return made


def end_of(
    key: AttemptKey, chunks: list[Chunk], reason: str = "", facts: Mapping[str, Any] | None = None
) -> AttemptEnd:
    counts: dict[str, int] = {}
    for one in chunks:
        counts[one.stream] = counts.get(one.stream, 0) + 1
    known = {"boot_id": "b", "started_unix_s": 1.0, "environment": {"kernel": "6"}, **(facts or {})}
    return AttemptEnd(
        key, counts, not reason, reason, f"it was {reason}" if reason else "", json.dumps(known)
    )


@dataclass
class Rig:
    """A collector in this process. Every method is one call of an agent or of the command."""

    home: Path
    loop: asyncio.AbstractEventLoop
    context: Context
    clock: list[float] = field(default_factory=lambda: [1000.0])

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def joined(self, name: str = "box", instance: int = 1, inventory: Inventory = INVENTORY) -> Session:
        session = Session(f"id-{name}", instance, secrets.token_hex(4))
        self.do(agents.join(self.context, Join(session.device_id, name, "cpu", {})))
        self.hello(session, inventory=inventory)
        return session

    def hello(
        self, session: Session, *held: AttemptKey, inventory: Inventory = INVENTORY, machine: str = "board"
    ) -> Welcome:
        said = Hello(session, "boot", "0.1.0", 1, inventory, held, {"room": "lab"}, "cpu", machine=machine)
        return self.do(agents.hello(self.context, said))

    def submit(
        self, *, batch_sizes: tuple[int, ...] = (1,), runs_min: int = 1, runs_max: int = 1, **spec: Any
    ) -> SweepView:
        repeats = {"min": runs_min, "max": runs_max, "relative_half_width": spec.pop("half_width", 0.02)}
        text = {
            "models": ["tiny"],
            "batch_sizes": list(batch_sizes),
            "repeats": repeats,
            "protocol": "quick",
            **spec,
        }
        request_id = secrets.token_hex(8)
        return self.do(submission.submit(self.context, request_id, json.dumps(text)))[0]

    def sweep(self, name: str) -> SweepView:
        return self.do(sweeps.show(self.context, name)).sweep

    def lease(self, session: Session) -> Grant | None:
        return self.do(leases.lease(self.context, session)).grant

    def send(self, session: Session, one: Chunk) -> UploadReply:
        return self.do(
            asyncio.wrap_future(uploads.upload_chunks(self.context, session, (one,)), loop=self.loop)
        )

    def end(self, session: Session, one: AttemptEnd) -> UploadReply:
        return self.do(asyncio.wrap_future(uploads.upload_end(self.context, session, one), loop=self.loop))

    def upload(self, session: Session, grant: Grant, **samples: Any) -> list[Chunk]:
        """All of a good attempt."""
        made = samples_of(grant.key, **samples)
        for one in made:
            self.send(session, one)
        self.end(session, end_of(grant.key, made))
        return made

    def fail(self, session: Session, grant: Grant, reason: str) -> UploadReply:
        return self.end(session, end_of(grant.key, [], reason))

    def stop(self) -> Config:
        """Ends this collector; returns its configuration."""
        self.do(self.context.worker.close())
        self.context.store.close()
        return self.context.config

    def start(self, **config: str) -> None:
        """A collector over the same home, store and lake again, or over others by `config`."""
        old = self.context.config
        places = {"store": old.store, "lake": old.lake, **config}
        kind = type(self.context.worker)
        self.context = build(self.home, self.loop, self.clock, worker=kind(), **places).context

    def state(self, key: AttemptKey) -> str:
        run = self.context.store.read_now(lambda connection: runs.get(connection, key.run_id))
        return run.state if run else "deleted"

    def measure(self, name: str) -> None:
        """A sweep of 3 runs with that name, from its submission to its last seal."""
        session = self.joined(instance=int(self.clock[0]))
        self.clock[0] += 1
        self.submit(batch_sizes=(1, 2, 4), name=name)
        for _ in range(3):
            self.upload(session, self.lease(session))
        self.seal()
        assert self.sweep(name).state == "finished"

    def seal(self, patience_s: float = 120.0) -> None:
        """Seals what is uploaded, as the collector's background task would."""

        async def once() -> None:
            sealer = Sealer(self.context, self.context.worker)
            task = asyncio.create_task(sealer.run())
            for _ in range(int(patience_s / 0.05)):
                await asyncio.sleep(0.05)
                if not await self.context.store.read(
                    lambda connection: runs.in_state(connection, "uploaded")
                ):
                    break
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.do(once())


def build(
    home: Path,
    loop: asyncio.AbstractEventLoop,
    clock: list[float],
    *,
    worker: Worker | None = None,
    shared: bool = False,
    **config: Any,
) -> Rig:
    changes = Changes(loop)
    settings = Config(home=home, disk_low_bytes=1, **config)
    store = Store.at(home, changes.bump, settings.store, shared=shared)
    store.end_start()
    context = Context(
        settings,
        store,
        open_lake(address_of(home, settings.lake)),
        worker or Worker(),
        changes,
        "c",
        now=lambda: clock[0],
    )
    rig = Rig(home, loop, context, clock)
    if not store.read_now(models.listing):
        rig.do(store.write(lambda connection: models.add(connection, TINY)))
        context.lake.put(model_file(TINY.sha256), lambda path: path.write_bytes(b"onnx"))
    return rig


@cache
def new_file() -> bytes:
    """An empty store of today's schema."""
    with tempfile.TemporaryDirectory() as home:
        Store.at(Path(home)).close()
        return (Path(home) / FILE_NAME).read_bytes()


@pytest.fixture
def rig(request: pytest.FixtureRequest, lake_address: str) -> Iterator[Rig]:
    memory = Path("/dev/shm")  # noqa: S108 - thousands of syncs; what they are for is tested elsewhere
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as home:
        kind = getattr(request, "param", SQLITE)
        store = SQLITE if kind == SQLITE else request.getfixturevalue(kind).new_store()
        if store == SQLITE:
            (Path(home) / FILE_NAME).write_bytes(new_file())
        made = build(Path(home), loop, [1000.0], worker=KeptWorker(), store=store, lake=lake_address)
        yield made
        loop.run_until_complete(made.context.worker.close())
        made.context.store.close()
    loop.close()
