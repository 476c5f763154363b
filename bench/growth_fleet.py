"""What a real collector spends on idle agents, on chunks that come and on runs that it keeps, by how many."""

from __future__ import annotations

import asyncio
import http.client
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import ingest
import live_page
import page_tab
import parts
import psutil
from growth_fit import Growth, Limit
from idle_agents import IdleAgent, allow_many, cores, leave, until

sys.path.insert(0, str(parts.ROOT / "tests" / "system"))

from farm import Farm

ONE_CORE, MEMORY = Limit(1.0, "one core full"), Limit(16 * 2**30, "16 GiB of memory")
COMMAND, PAGE = Limit(60.0, "60 s for a command"), Limit(1.0, "1 s for a page")
CHUNK_SAMPLES, DEVICES = 256, 20
#: Of a sweep.
RUNS = live_page.CONFIGURATIONS * live_page.REPEATS
#: The system counts a process's time in steps of 10 ms: two ends, and the same again of what is taken off.
CLOCK_S, MEMORY_SEEN_BYTES = 0.04, 1e6
WARM, SETTLE_S, CONNECT_S = 16, 2.0, 240.0
#: Beats come by chance early or late: of those due in a window so many, but a few, must have been answered.
BEATS_MIN, BEATS_SPARE = 0.9, 20
#: A request is repeated until the collector has spent so much on it, or so often.
SPENT_S, TIMES_MAX = 0.5, 50


@contextmanager
def farm() -> Iterator[Farm]:
    """A farm in a temporary folder; what it started is ended."""
    with tempfile.TemporaryDirectory(prefix="paretofleet-growth-") as folder:
        made = Farm(Path(folder))
        try:
            yield made
        finally:
            made.close()


def idle(sizes: Sequence[int], seconds: float) -> list[Growth]:
    """CPU and memory of a collector with so many idle agents, above what it takes with none."""
    allow_many()
    with farm() as made:
        found = asyncio.run(_idle(made, sizes, seconds))
    cpu = tuple((float(each.agents), each.cores) for each in found if each.is_on_time)
    memory = tuple((float(each.agents), each.memory_bytes) for each in found)
    return [
        Growth("idle agents, CPU a second", "agents", "s", cpu, ONE_CORE, CLOCK_S / seconds),
        Growth("idle agents, memory", "agents", "B", memory, MEMORY, MEMORY_SEEN_BYTES),
    ]


class Idle(NamedTuple):
    """What so many agents cost a collector, and whether their beats came as often as they are due."""

    agents: int
    cores: float
    memory_bytes: float
    is_on_time: bool


async def _idle(made: Farm, sizes: Sequence[int], seconds: float) -> list[Idle]:
    collector = psutil.Process(made.start_collector().pid)
    agents = [IdleAgent(made.address, -number) for number in range(1, WARM + 1)]
    tasks = [asyncio.create_task(agent.run()) for agent in agents]
    await _connected(agents)
    await leave(agents, tasks)
    await asyncio.sleep(SETTLE_S)
    none = await cores(collector, seconds), float(collector.memory_info().rss)
    found = []
    for size in sizes:
        for number in range(len(agents), size):
            agents.append(IdleAgent(made.address, number))
            tasks.append(asyncio.create_task(agents[-1].run()))
        if not await _connected(agents):
            sys.stderr.write(f"{size} agents did not connect within {CONNECT_S:g} s: left out\n")
            break
        await asyncio.sleep(SETTLE_S)
        before = _beats(agents)
        spent = await cores(collector, seconds)
        beats, due = _beats(agents) - before, sum(seconds / agent.heartbeat_s for agent in agents)
        is_on_time = beats >= BEATS_MIN * due - BEATS_SPARE
        if not is_on_time:
            sys.stderr.write(f"{beats} beats of {size} agents instead of {due:.0f}: their CPU is left out\n")
        memory = max(0.0, collector.memory_info().rss - none[1])
        found.append(Idle(size, max(0.0, spent - none[0]), memory, is_on_time))
    await leave(agents, tasks)
    return found


def _beats(agents: list[IdleAgent]) -> int:
    return sum(len(agent.beats_s) for agent in agents)


async def _connected(agents: list[IdleAgent]) -> bool:
    await until(lambda: all(agent.notices for agent in agents), CONNECT_S)
    return all(agent.notices for agent in agents)


def chunks(senders: Sequence[int], seconds: float) -> list[Growth]:
    """CPU of a collector for so many chunks a second, as they come from so many agents at once."""
    points = []
    with farm() as made:
        made.start_collector()
        for count in senders:
            rate, cpu_us, _ = ingest.ours(made, count, CHUNK_SAMPLES, seconds)
            points.append((rate, rate * cpu_us / 1e6))
    name = f"chunks of {CHUNK_SAMPLES} samples, CPU a second"
    return [Growth(name, "chunks a second", "s", tuple(points), ONE_CORE)]


def kept_runs(sweeps: Sequence[int]) -> list[Growth]:
    """CPU of a collector for one listing of sweeps and one page, by its runs, above what none cost."""
    none = _looks_s(0)
    looks = {float(count * RUNS): _looks_s(count) for count in sweeps}
    listing, page = (
        tuple((runs, max(0.0, spent[at] - none[at])) for runs, spent in looks.items()) for at in (0, 1)
    )
    return [
        Growth("list of sweeps, CPU", "runs kept", "s", listing, COMMAND, CLOCK_S / TIMES_MAX),
        Growth("page of the fleet, CPU", "runs kept", "s", page, PAGE, CLOCK_S / TIMES_MAX),
    ]


def _looks_s(sweeps: int) -> tuple[float, float]:
    """CPU seconds of a collector with so many sweeps for a listing of them, and for a page."""
    with farm() as made:
        live_page.fill(made.collector_home, DEVICES, sweeps)
        collector = psutil.Process(made.start_collector(web="127.0.0.1:0").pid)
        with made.client() as client:
            listing = spent_s(collector, client.list_sweeps)
        place, cookie = page_tab.signed_in(made)
        return listing, spent_s(collector, lambda: _page(place, cookie))


def _page(place: str, cookie: str) -> None:
    connection = http.client.HTTPConnection(place, timeout=60)
    connection.request("GET", "/", headers={"Cookie": cookie, "Accept": "text/html"})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    if reply.status != http.client.OK:
        raise SystemExit(f"the page answered {reply.status}")


def spent_s(process: psutil.Process, request: Callable[[], object]) -> float:
    """CPU seconds of a `process` for one `request`, after a first that it may keep something of."""
    request()
    time.sleep(0.5)
    begin, times = sum(process.cpu_times()[:2]), 0
    while times < TIMES_MAX and (times == 0 or sum(process.cpu_times()[:2]) - begin < SPENT_S):
        request()
        times += 1
    return (sum(process.cpu_times()[:2]) - begin) / times
