"""Many idle agents on one collector: what they cost, and how they come back after a restart.

    python bench/scale.py [--short] [--agents 1000] [--seconds 30]
    python bench/scale.py --growth [--short] [--full]

Each agent is a channel of its own in this process, which says hello, listens for work and beats as the
product's agents do; the collector is the command `collector serve`. Printed: the collector's CPU and memory
with all of them idle, the seconds until the last is connected again after the collector was killed and
started, and descriptors that are left when all have gone. A client in a process of its own sends chunks and
heartbeats while all are idle, and again from the restart on: what its answers take is judged. The beats of
the many wait for this one process, too, so theirs are only printed.

With `--growth` it is bench/growth.py: what agents, chunks, runs, rows and samples cost, by their number.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import growth
import machine
import parts
import psutil
from idle_agents import IdleAgent, allow_many, cores, leave, until

sys.path.insert(0, str(parts.ROOT / "tests" / "system"))

from farm import Farm

CORES_MAX_1000, BACK_S_MAX, P99_S_MAX, MEMORY_BYTES_MAX = 0.1, 60.0, 1.0, 1.5e9
WARM, SETTLE_S = 16, 2.0
#: What the store's readers open once, however many agents there are: a file and its log each.
DESCRIPTORS_MAX = 16


async def good_load(address: str, name: str, seconds: float) -> dict[str, Any]:
    """What a client of its own process waits for its answers meanwhile."""
    script = str(Path(__file__).with_name("steady_client.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, address, name, str(seconds), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"the good load ended with {process.returncode}")
    return dict(json.loads(out))


async def come_and_go(address: str, numbers: Iterable[int]) -> None:
    """Has agents and a good load connect and leave, so that the collector has opened what it opens once."""
    agents = [IdleAgent(address, number) for number in numbers]
    tasks = [asyncio.create_task(agent.run()) for agent in agents]
    await until(lambda: all(agent.notices for agent in agents), 60)
    await good_load(address, "load-0", 1.0)
    await leave(agents, tasks)
    await asyncio.sleep(SETTLE_S)


async def measure(farm: Farm, count: int, seconds: float) -> dict[str, float]:
    """The figures of so many agents."""
    collector = psutil.Process(farm.start_collector().pid)
    await come_and_go(farm.address, range(count, count + WARM))
    descriptors = collector.num_fds()
    agents = [IdleAgent(farm.address, number) for number in range(count)]
    tasks = [asyncio.create_task(agent.run()) for agent in agents]
    figures = {"connected_s": await until(lambda: all(agent.notices for agent in agents), 120)}
    await asyncio.sleep(2)
    figures["cores"] = await cores(collector, seconds)
    figures["memory_bytes"] = collector.memory_info().rss
    quiet = await good_load(farm.address, "load-1", min(seconds, 12))
    collector.kill()
    farm.processes.clear()
    before = [agent.hellos for agent in agents]
    for agent in agents:
        agent.beats_s.clear()
    port = farm.address.rpartition(":")[2]
    collector = psutil.Process(
        (await asyncio.to_thread(farm.start_collector, listen=f"127.0.0.1:{port}")).pid
    )
    stormy = asyncio.create_task(good_load(farm.address, "load-2", max(seconds, 12)))
    back = lambda: all(agent.hellos > count for agent, count in zip(agents, before, strict=True))  # noqa: E731
    figures["back_s"] = await until(back, 120)
    await asyncio.sleep(min(seconds, 12))
    for key, load in (("idle", quiet), ("restart", await stormy)):
        figures |= {f"load_{key}_{each}": load[each] for each in ("answers", "p50_s", "p99_s")}
        figures[f"load_{key}_failures"] = len(load["failures"])
    beats_s = sorted(beat for agent in agents for beat in agent.beats_s)
    figures["beat_p99_s"] = beats_s[int(len(beats_s) * 0.99)] if beats_s else float("nan")
    figures["memory_bytes"] = max(figures["memory_bytes"], collector.memory_info().rss)
    await leave(agents, tasks)
    await until(lambda: collector.num_fds() <= descriptors + DESCRIPTORS_MAX, 30)
    figures["descriptors_left"] = collector.num_fds() - descriptors
    return figures


def main() -> int:
    """Measures and prints; 1 when a goal is missed on an idle machine."""
    parser = parts.arguments(__doc__)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0)
    growth.add_arguments(parser)
    parser.add_argument("--growth", action="store_true", help="bench/growth.py instead")
    options = parser.parse_args()
    if options.growth:
        return growth.print_tables(is_short=options.short, is_full=options.full)
    count, seconds = (100, 10.0) if options.short else (options.agents, options.seconds)
    allow_many()
    watch = machine.Watch()
    with tempfile.TemporaryDirectory() as folder:
        farm = Farm(Path(folder))
        try:
            figures = asyncio.run(measure(farm, count, seconds))
        finally:
            farm.close()
    cores_max = CORES_MAX_1000 * max(count / 1000, 0.1)
    limits = {
        "cores": cores_max,
        "back_s": BACK_S_MAX,
        "load_idle_p99_s": P99_S_MAX,
        "load_restart_p99_s": P99_S_MAX,
        "load_idle_failures": 0,
        "load_restart_failures": 0,
        "memory_bytes": MEMORY_BYTES_MAX,
        "descriptors_left": DESCRIPTORS_MAX,
    }
    print(f"{count} agents, idle cores {watch.idle_cores():.2f}: {json.dumps(figures)}")
    missed = [name for name, most in limits.items() if not figures[name] <= most]
    for name in missed:
        print(f"{name}: {machine.judged(kept=False, idle=watch.had(1))} (goal {limits[name]:g})")
    return int(bool(missed) and watch.had(1))


if __name__ == "__main__":
    sys.exit(main())
