"""What the live page costs: `python bench/live_page.py [--short]`.

A real collector whose store holds 100 devices and 100 sweeps of 1,000 runs (`--short`: 20 and 20), and a
simulated agent that measures meanwhile. CPU of the collector, as a share of a core, with no tab and with 50
tabs that read their streams; bytes that a tab gets a second; the time of the first page; in Chromium, where
that and playwright are installed, its first paint; and the time to open a run of a million iterations.
Exit code 1 where a limit is missed: 5 % of a core more for 50 tabs, a first paint within 1 s, 2 s for a run.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import machine
import numpy as np
import page_tab
import parts
import psutil
import sqlalchemy as sa

sys.path.insert(0, str(parts.ROOT / "tests" / "system"))

from farm import Farm
from networks import convolution
from paretofleet_analysis.runs.sample_schemas import PHASES
from paretofleet_collector.lake.samples import Stream, write_parquet
from paretofleet_collector.model.entities import Inventory
from paretofleet_collector.service import run_details
from paretofleet_collector.store import Store
from paretofleet_collector.store.assignments import ASSIGNMENTS
from paretofleet_collector.store.configurations import PLANNED
from paretofleet_collector.store.devices import DEVICES
from paretofleet_collector.store.runs import RUNS
from paretofleet_collector.store.sweeps import SWEEPS
from paretofleet_collector.web import rendering, trace

TABS, TABS_SHARE_MAX = 50, 0.05
PAINT_S_MAX, RUN_S_MAX = 1.0, 2.0
ITERATIONS = 1_000_000
CONFIGURATIONS, REPEATS = 100, 10


def fill(home: Path, devices: int, sweeps: int) -> None:
    """A store of so many `devices`, and `sweeps` of 1,000 runs, of which one in ten is open."""
    home.mkdir(parents=True, mode=0o700)
    store = Store.at(home)
    now = time.time()
    ids = [f"{number:032x}" for number in range(devices)]
    inventory = json.dumps(asdict(Inventory(architecture="aarch64")))

    def work(connection: sa.Connection) -> None:
        connection.execute(
            DEVICES.insert(),
            [
                {
                    "device_id": each,
                    "name": f"board-{at:03}",
                    "device_class": "jetson-tx2",
                    "agent_labels": "{}",
                    "operator_labels": "{}",
                    "inventory": inventory,
                    "agent_version": "0.1.0",
                    "boot_id": "b",
                    "instance": 1,
                    "session_id": "s",
                    "last_seen_unix_s": now,
                    "paused": False,
                    "removed": False,
                }
                for at, each in enumerate(ids)
            ],
        )
        for number in range(sweeps):
            _add_sweep(connection, number, ids, is_over=number % 10 > 0, now=now)

    store.submit(work).result()
    store.close()


def _add_sweep(connection: sa.Connection, number: int, ids: list[str], *, is_over: bool, now: float) -> None:
    sweep_id = f"{number:016x}"
    connection.execute(
        SWEEPS.insert(),
        {
            "sweep_id": sweep_id,
            "number": number + 1,
            "request_id": sweep_id,
            "name": f"sweep-{number}",
            "state": "finished" if is_over else "running",
            "spec_json": "{}",
            "runs_min": REPEATS,
            "runs_max": REPEATS,
            "relative_half_width": 0.02,
            "seed": 1,
            "adaptive": None,
            "boots": 1,
            "days": 1,
            "note": "",
            "labels_json": "[]",
            "created_unix_s": now,
            "ended_unix_s": now if is_over else None,
        },
    )
    planned, runs = [], []
    for at in range(CONFIGURATIONS):
        device_id = ids[at % len(ids)]
        configuration_id = f"{at:016x}"
        requested = {"precision": "fp32", "runtime": "onnxruntime", "protocol": "quick"}
        requested |= {"batch_size": 1, "variant_sha256": "0" * 64}
        planned.append(
            {
                "sweep_id": sweep_id,
                "configuration_id": configuration_id,
                "position": at,
                "device_id": device_id,
                "configuration_json": json.dumps(requested),
                "family": configuration_id,
                "batch_size": 1,
                "device": f"board-{at % len(ids):03}",
                "model": f"model-{at}",
                "variant": "file",
                "target": "cpu",
            }
        )
        for block in range(1, REPEATS + 1):
            is_sealed = is_over or block <= REPEATS // 2
            runs.append(
                {
                    "run_id": f"{number:06x}{at:04x}{block:06x}",
                    "sweep_id": sweep_id,
                    "configuration_id": configuration_id,
                    "device_id": device_id,
                    "block": block,
                    "turn": at,
                    "state": "sealed" if is_sealed else "pending",
                    "attempt": 1,
                    "tries": 0,
                    "message": "",
                    "started_unix_s": now - 100 if is_sealed else None,
                    "ended_unix_s": now - 90 if is_sealed else None,
                }
            )
    connection.execute(PLANNED.insert(), planned)
    connection.execute(RUNS.insert(), runs)
    shares = [{"sweep_id": sweep_id, "device_id": each, "blocks": REPEATS} for each in ids]
    connection.execute(ASSIGNMENTS.insert(), [{**each, "is_done": is_over} for each in shares])


def share(process: psutil.Process, seconds: float) -> float:
    """CPU of a process, as a share of a core, over so many `seconds`."""
    before = sum(process.cpu_times()[:2])
    time.sleep(seconds)
    return (sum(process.cpu_times()[:2]) - before) / seconds


def page_s(place: str, cookie: str) -> tuple[float, int]:
    """Seconds until the first page is there, and its bytes."""
    connection = http.client.HTTPConnection(place, timeout=60)
    begin = time.perf_counter()
    connection.request("GET", "/", headers={"Cookie": cookie, "Accept": "text/html"})
    size = len(connection.getresponse().read())
    return time.perf_counter() - begin, size


def paint_s(place: str, cookie: str) -> float | None:
    """Seconds to the first paint with content; None without a browser."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        return None
    name, _, value = cookie.partition("=")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": name, "value": value, "url": f"http://{place}"}])
        page = context.new_page()
        page.goto(f"http://{place}/")
        page.wait_for_selector("#devices tr")
        paints = page.evaluate("performance.getEntriesByType('paint').map(each => each.startTime)")
        browser.close()
    return max(paints) / 1e3


def run_s(folder: Path) -> tuple[float, float]:
    """Seconds, and CPU seconds, to open a run of a million iterations from its sealed file in `folder`.

    With its power at 100 Hz: the file is read and held against its hash, thinned, and drawn.
    """
    starts = np.arange(ITERATIONS, dtype=np.int64) * 1_000_000
    draws = np.random.default_rng(1)
    ticks = np.arange(ITERATIONS // 10, dtype=np.int64) * 10_000_000
    watts = draws.integers(4_000_000, 5_000_000, ticks.size)
    marks = np.array([0, int(starts[-1])], dtype=np.int64)
    streams = {
        "iterations": Stream("iterations/1", starts, draws.integers(800_000, 990_000, ITERATIONS)),
        "power:simulated/module": Stream("power/1", ticks, watts),
        "marks": Stream("marks/1", marks, np.array([PHASES.index("measure"), 0], dtype=np.int64)),
    }
    path = folder / "run.parquet"
    write_parquet(path, streams, "0" * 16, 1, {})
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    begin, cpu_begin = time.perf_counter(), time.process_time()
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ValueError(f"{path} is not what was written.")
    samples = run_details.read_run(path)
    for drawn in trace.draw(samples, trace.window_of(samples, {})):
        rendering.render("trace.svg", {"drawn": drawn})
    return time.perf_counter() - begin, time.process_time() - cpu_begin


def main() -> int:
    """Prints a line for each figure; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    is_short = parser.parse_args().short
    devices, sweeps, seconds = (20, 20, 10.0) if is_short else (100, 100, 30.0)
    farm = Farm(Path(tempfile.mkdtemp()))
    kept = []
    try:
        fill(farm.collector_home, devices, sweeps)
        collector = psutil.Process(farm.start_collector(web="127.0.0.1:0").pid)
        place, cookie = page_tab.signed_in(farm)
        first_s, size = page_s(place, cookie)
        print(
            f"{devices} devices, {sweeps} sweeps of 1,000 runs: page in {first_s:.2f} s, {size / 1e3:.0f} kB"
        )
        watch = machine.Watch()
        painted = paint_s(place, cookie)
        if painted is not None:
            verdict = machine.judged(kept=painted < PAINT_S_MAX, idle=watch.had(1))
            print(f"first paint {painted:.2f} s {verdict}")
            kept.append(verdict != "MISSED")
        farm.command("models", "add", convolution(farm.root / "net.onnx"))
        farm.start_agent("tx2", "--simulate", "jetson-tx2")
        spec = {"models": ["net"], "devices": ["tx2"], "protocol": "quick", "repeats": 500, "name": "busy"}
        (farm.root / "busy.yaml").write_text(json.dumps(spec))
        farm.command("sweep", "submit", farm.root / "busy.yaml")
        alone = share(collector, seconds)
        tabs = [page_tab.Tab(place, cookie) for _ in range(TABS)]
        for tab in tabs:
            tab.start()
        time.sleep(5.0)
        before = sum(tab.received for tab in tabs)
        watched = share(collector, seconds)
        rate = (sum(tab.received for tab in tabs) - before) / TABS / seconds
        more = watched - alone
        said = "" if more < TABS_SHARE_MAX else " MISSED"
        print(
            f"collector {100 * alone:.1f} % of a core without a tab, {100 * watched:.1f} % with {TABS}: "
            f"{100 * more:.1f} % more, {rate / 1e3:.2f} kB a second and tab{said}"
        )
        kept.append(more < TABS_SHARE_MAX)
    finally:
        farm.close()
        shutil.rmtree(farm.root, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        watch = machine.Watch()
        opened_s, cpu_s = run_s(Path(folder))
        verdict = machine.judged(kept=opened_s < RUN_S_MAX, idle=watch.had(1))
    print(f"a run of {ITERATIONS:,} iterations opened in {opened_s:.2f} s, {cpu_s:.2f} s CPU {verdict}")
    kept.append(verdict != "MISSED")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
