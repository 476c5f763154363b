"""What the study of devices costs: `python bench/devices_study.py [--short]`.

100 devices with the same 100 networks each (`--short`: 30 devices), five runs of 2 % noise, so 4,950
comparisons of two devices in both directions: CPU seconds of `studies.devices.answers` in this process.
Exit code 1 where 100 devices take 30 s or more.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import parts
import pyarrow as pa
from paretofleet_analysis.studies import devices
from rank_million import NETWORKS, Fleet, fleet_rows

DEVICES, SHORT, MODELS, LIMIT_S = 100, 30, 100, 30.0
TIME = "batch_latency_mean_s"


def report(count: int) -> pa.Table:
    """A report of so many devices with the first `MODELS` networks, each time with its interval."""
    rng = np.random.default_rng(1)
    numbers = np.arange(count * NETWORKS).reshape(count, NETWORKS)[:, :MODELS].ravel()
    table = fleet_rows(numbers, Fleet(0.02, rng.uniform(0, 1, NETWORKS), devices=count), rng)
    mean = table[TIME].to_numpy()
    for end, factor in (("_lo", 0.98), ("_hi", 1.02)):
        at = table.schema.get_field_index(TIME + end)
        table = table.set_column(at, table.schema.field(at), pa.array(mean * factor))
    return table


def main() -> int:
    """Prints the cost; 1 where the limit is missed."""
    options = parts.arguments(__doc__ or "").parse_args()
    count = SHORT if options.short else DEVICES
    table = report(count)
    begun_s = time.process_time()
    answers = devices.answers(table)
    cpu_s = time.process_time() - begun_s
    pairs = count * (count - 1) // 2
    print(
        f"{count} devices, {MODELS} networks, {pairs:,} pairs, {len(answers)} answers; {parts.conditions()}"
    )
    print(f"the study: {cpu_s:.2f} s CPU, {1e3 * cpu_s / pairs:.2f} ms a pair")
    is_late = not options.short and cpu_s >= LIMIT_S
    parts.verdict(holds=not is_late, what=f"{DEVICES} devices below {LIMIT_S:g} s of CPU")
    return int(is_late)


if __name__ == "__main__":
    sys.exit(main())
