"""A search that is followed to its end, in lines on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.units import counted
from paretofleet_collector.errors import Unreachable
from paretofleet_collector.model.searches import FINISHED, RUNNING

if TYPE_CHECKING:
    from paretofleet_collector.model.searches import SearchDetail
    from paretofleet_collector.rpc.search_client import SearchClient

#: Seconds between two looks; for how long a search may lack its driver before that is said.
_LOOK_S, _ALONE_S = 1.0, 10.0
_FAILED_CODE = 1


def follow_search(client: SearchClient, search_id: str, folder: Path) -> int:
    """Follows the search `search_id` until it has ended, and says what happens; returns the exit code.

    `folder`: where its driver on this machine keeps its files. Raises CollectorError.
    """
    from paretofleet_collector.searches import process

    heard: SearchDetail | None = None
    waited = ""
    driven_s = time.monotonic()
    is_away = False
    try:
        while True:
            try:
                detail = client.show_search(search_id)
            except Unreachable as error:
                if not is_away:
                    notify(f"{error}; waiting for it")
                is_away = True
                time.sleep(_LOOK_S)
                continue
            is_away = False
            for line in news(heard, detail):
                notify(line)
            heard = detail
            search = detail.search
            waits = process.waits(folder) if search.state == RUNNING else ""
            if waits and not waited:
                notify(f"{search.name} {waits}")
            waited = waits
            if search.state != RUNNING:
                notify(f"{search.name} is {search.state}: {search.reason or 'no reason given'}")
                notify(f"see `paretofleet search show {search.name}`")
                return 0 if search.state == FINISHED else _FAILED_CODE
            if process.is_driven(folder) or process.origin(folder) is None:
                driven_s = time.monotonic()
            elif time.monotonic() - driven_s > _ALONE_S:
                notify(
                    f"{search.name} has no driver on this machine; {folder / process.LOG} may say why, and "
                    f"`paretofleet search resume {search.name}` goes on with it"
                )
                return _FAILED_CODE
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        notify("no longer watching; the search goes on")
        raise


def news(before: SearchDetail | None, now: SearchDetail) -> Iterator[str]:
    """What has happened to a search between two looks, `before` and `now`, in lines."""
    trials, batches = (len(before.trials), len(before.batches)) if before else (0, 0)
    if before is None and now.trials:
        yield f"{counted(len(now.trials), 'trial')} so far, {counted(len(now.trainings), 'training')}"
        return
    for batch in now.batches[batches:]:
        new = [number for number in batch.trials if number >= trials]
        what = "proposed" if new else "measured where they were missing"
        numbers = ", ".join(map(str, batch.trials))
        yield f"trials {numbers} are {what}, on {', '.join(batch.devices)}"
    heard = set(before.trainings) if before else set()
    for each in now.trainings:
        if each in heard:
            continue
        said = each.reason or f"top1 {each.top1:.2f} % of {each.top1_n}, {each.wall_s or 0:.0f} s"
        yield f"trial {each.trial}: {said}"
