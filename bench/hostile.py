"""What another client waits beside each kind of rude one, and a fuzzer over the wire for as long as asked.

    python bench/hostile.py [--short] [--fuzz SECONDS]

A collector, a client that means well (heartbeats and acknowledged chunks, in turn) and a rude one, each a
process of its own. With --fuzz only the fuzzer runs. Exit code 1 when a p99 misses its limit on an idle
machine, when an answer failed or when the fuzzer found something.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "collector"))

import grpc
import psutil
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from live_collector import LiveCollector
from machine import judged
from malformed import Malformed, Ours
from rude_clients import RUDE, GoodClient, RudeProcess
from wire_fuzz import raw, structured, upload, verdict

P99_MAX_S = 1.0
#: Alone a client waits no longer than this where the machine has nothing else to do.
IDLE_P99_S = 0.03
ROUND = 500
GROWTH_MAX = 64 << 20


def rude(collector: LiveCollector, seconds: float) -> bool:
    """Prints the table; whether every limit was kept, as far as it could be told."""
    good, process = GoodClient(collector), RudeProcess(collector.address)
    print(f"{'beside':28} {'answers':>8} {'failed':>7} {'p50 ms':>8} {'p99 ms':>8} {'most ms':>8}")
    kept, alone_s = True, 0.0
    for kind in ("nobody", *RUDE):
        if kind != "nobody":
            process.start(kind)
        answers = good.work(seconds)
        if kind != "nobody":
            process.stop()
        p50, p99, most = (1e3 * answers.quantile_s(q) for q in (0.5, 0.99, 1.0))
        is_fast = not answers.failures and p99 < 1e3 * P99_MAX_S
        alone_s = alone_s or p99 / 1e3
        said = judged(kept=is_fast, idle=bool(answers.failures) or alone_s < IDLE_P99_S)
        kept = kept and said != "MISSED"
        waits = f"{p50:8.1f} {p99:8.1f} {most:8.1f}"
        print(f"{kind:28} {len(answers.waited_s):8} {len(answers.failures):7} {waits}  {said}")
    process.close()
    good.close()
    return kept


def fuzz(collector: LiveCollector, seconds: float) -> bool:
    """Attacks in rounds of fresh seeds until the time is over; whether nothing was found."""
    session = collector.joined("victim")
    grant = collector.granted(session, "victim")
    ours = Ours(session, grant.attempt)
    process = psutil.Process(collector.process.pid)
    counts, begin, rounds = Counter[str](), time.monotonic(), 0
    settled = 0
    with grpc.insecure_channel(collector.address) as channel:
        while time.monotonic() - begin < seconds:
            rounds += 1

            @seed(rounds)
            @given(st.one_of(raw(), structured(ours), upload(ours)))
            @settings(
                max_examples=ROUND, database=None, deadline=None, suppress_health_check=list(HealthCheck)
            )
            def attack(each: Malformed) -> None:
                counts[each.kind] += 1
                fault = verdict(collector, channel, each)
                assert not fault, fault

            attack()
            settled = settled or process.memory_info().rss
    collector.upload(collector.joined("victim", instance=2**40), grant)
    collector.sealed(grant.sweep_name)
    grown = process.memory_info().rss - settled
    print(f"fuzzed for {time.monotonic() - begin:.0f} s, {rounds} rounds: {dict(counts)}")
    print(
        f"memory +{grown / 2**20:.0f} MiB, {process.num_fds()} descriptors, {process.num_threads()} threads"
    )
    is_silent = "Traceback" not in collector.log()
    print("no traceback in the log" if is_silent else collector.log()[-2000:])
    return is_silent and grown < GROWTH_MAX


def main() -> int:
    """Runs what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--fuzz", type=float, metavar="SECONDS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        collector = LiveCollector(Path(home))
        collector.start(with_identity=options.fuzz is not None)
        try:
            if options.fuzz is not None:
                return 0 if fuzz(collector, options.fuzz) else 1
            return 0 if rude(collector, 3.0 if options.short else 15.0) else 1
        finally:
            collector.stop()


if __name__ == "__main__":
    sys.exit(main())
