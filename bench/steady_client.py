"""A client that means well, as a process of its own: what it waits for heartbeats and acknowledgements.

    python bench/steady_client.py ADDRESS NAME SECONDS

NAME is a device that the collector at ADDRESS has not met. Printed when it is over, as one line of JSON:
answers, failures, and the median, the 99th percentile and the most that an answer took, in seconds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "collector"))

import grpc
from live_collector import LiveCollector
from rude_clients import GoodClient


def main(address: str, name: str, seconds: float) -> None:
    """Works for so long and prints."""
    collector = LiveCollector(Path(), address)
    collector.channel = grpc.insecure_channel(address)
    client = GoodClient(collector, name)
    answers = client.work(seconds)
    client.close()
    collector.channel.close()
    figures = {f"{key}_s": answers.quantile_s(q) for key, q in (("p50", 0.5), ("p99", 0.99), ("most", 1.0))}
    print(json.dumps({"answers": len(answers.waited_s), "failures": answers.failures, **figures}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
