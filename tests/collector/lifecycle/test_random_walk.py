"""Agents and collector stumble at random; in the end every run is sealed once, from one attempt, whole."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pyarrow.parquet as pq
import pytest
from paretofleet_collector.model.entities import AttemptKey, Chunk
from paretofleet_collector.model.messages import AttemptState, Session, UploadVerdict
from paretofleet_collector.store import Store, sealed
from rig import Rig, end_of, samples_of


@dataclass
class Agent:
    """An agent as the daemon is: sequential, with a spool that survives it."""

    rig: Rig
    session: Session
    spool: dict[AttemptKey, list[Chunk]] = field(default_factory=dict)
    running: AttemptKey | None = None

    def greet(self) -> None:
        held = [*self.spool, *([self.running] if self.running else [])]
        for word in self.rig.hello(self.session, *held).held:
            if word.state is AttemptState.UNKNOWN:
                self.spool.pop(word.key, None)

    def restart(self) -> None:
        """The process dies: what ran is lost, the spool stays."""
        self.running = None
        self.session = Session(self.session.device_id, self.session.instance + 1, "again")
        self.greet()

    def measure(self, rng: random.Random) -> None:
        if self.running is None and not self.spool:
            grant = self.rig.lease(self.session)
            self.running = grant.key if grant else None
        elif self.running is not None and rng.random() < 0.6:
            # The duration of every iteration says which attempt it is from.
            self.spool[self.running] = samples_of(
                self.running, seconds=self.running.attempt * 1e-3, chunks=rng.randint(1, 4), each=5
            )
            self.running = None

    def upload(self, rng: random.Random) -> None:
        """Sends some of the spool, in any order, twice, with or without its end."""
        for key, made in list(self.spool.items()):
            for one in rng.sample(made, rng.randint(0, len(made))) + made[: rng.randint(0, len(made))]:
                verdict = self.rig.send(self.session, one).verdict
                assert verdict in {UploadVerdict.COMMITTED, UploadVerdict.GAP, UploadVerdict.UNKNOWN_ATTEMPT}
            if rng.random() < 0.7:
                verdict = self.rig.end(self.session, end_of(key, made)).verdict
                assert verdict in {UploadVerdict.COMMITTED, UploadVerdict.GAP, UploadVerdict.UNKNOWN_ATTEMPT}
                if verdict is not UploadVerdict.GAP and rng.random() < 0.8:
                    del self.spool[key]


@pytest.mark.parametrize("seed", range(4))
def test_a_random_walk_ends_with_every_run_sealed_once(rig, seed):
    rng = random.Random(seed)
    agents = [Agent(rig, rig.joined(name)) for name in ("one", "two")]
    sweep = rig.submit(batch_sizes=(1, 2, 4), runs_min=2, runs_max=2)
    for step in range(400):
        agent = rng.choice(agents)
        chance = rng.random() if step < 200 else 1.0
        if chance < 0.03:
            agent.restart()
        elif chance < 0.06:
            rig.clock[0] += 61
            agent.greet()
        elif chance < 0.07:
            rig.context.store.close()
            rig.context.store = Store.at(rig.home, rig.context.changes.bump, rig.context.config.store)
            for each in agents:
                each.greet()
        elif chance < 0.08:
            rig.clock[0] += 61
        else:
            agent.measure(rng)
            agent.upload(rng)
        rig.clock[0] += 0.1
        idle = not any(each.spool or each.running for each in agents)
        if step >= 200 and idle and rig.sweep(sweep.name).runs_by_state.keys() <= {"uploaded", "failed"}:
            break
    rig.seal()
    ended = rig.sweep(sweep.name)
    lost = ended.runs_by_state.get("failed", 0)
    assert ended.runs_by_state.get("sealed", 0) + lost == 12
    assert lost <= 3
    for file in rig.context.store.read_now(sealed.files):
        rows = pq.read_table(rig.home / "lake" / file.path).to_pylist()
        iterations = [row for row in rows if row["stream"] == "iterations"]
        assert {row["value"] for row in iterations} == {file.attempt * 1_000_000}
        step_ns = file.attempt * 1_000_000
        assert [row["t_ns"] for row in iterations] == [number * step_ns for number in range(len(iterations))]
        assert len(iterations) % 5 == 0
