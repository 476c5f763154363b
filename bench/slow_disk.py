"""Does a slow disk move the measured times? The agent's home and the model on an SD card's speed, and not.

An ext4 file system lies on a loop device over one file, which a FUSE process serves like a cheap card:
10 MB/s, 2 ms for each write, 20 ms for each sync. Runs go the way of the daemon's: spool, measure, spool the
end; pairs of one on the slow and one on a fast file system, in random order. Needs root, /dev/fuse, libfuse 2
(Debian: libfuse2) and fusepy (`pip install fusepy`); without them it is skipped.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import parts
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.standalone import bench, paired
from paretofleet_agent.uplink.chunks import ChunkBuilder
from paretofleet_agent.uplink.spool import Spool

BYTES_PER_S, WRITE_S, SYNC_S = 10e6, 0.002, 0.02
DISK_BYTES = 256 << 20
MOVED_MAX = 0.01
PAIRS, SHORT_PAIRS = 60, 8
#: The FUSE process: one file, named disk, that keeps its content in memory.
CARD = """
import errno, stat, sys, time
import fuse
size, rate, write_s, sync_s = int(sys.argv[2]), *map(float, sys.argv[3:])
content = bytearray(size)
class Card(fuse.Operations):
    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path == "/disk":
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": size}
        raise fuse.FuseOSError(errno.ENOENT)
    def readdir(self, path, fh):
        return [".", "..", "disk"]
    def read(self, path, length, offset, fh):
        time.sleep(length / rate / 2)
        return bytes(content[offset : offset + length])
    def write(self, path, data, offset, fh):
        time.sleep(write_s + len(data) / rate)
        content[offset : offset + len(data)] = data
        return len(data)
    def fsync(self, path, datasync, fh):
        time.sleep(sync_s)
        return 0
fuse.FUSE(Card(), sys.argv[1], foreground=True, nothreads=True, big_writes=True, max_write=131072)
"""


def missing() -> str | None:
    """What this bench would need and does not find."""
    if os.geteuid() != 0:
        return "mounting needs root"
    if not os.access("/dev/fuse", os.W_OK):
        return "there is no /dev/fuse"
    if importlib.util.find_spec("fuse") is None:
        return "fusepy is not installed (pip install fusepy; Debian: libfuse2)"
    lacking = [name for name in ("mkfs.ext4", "losetup", "mount") if shutil.which(name) is None]
    return f"{lacking[0]} is not installed" if lacking else None


@contextlib.contextmanager
def slow_disk(root: Path, cpu: int) -> Iterator[Path]:
    """A mounted file system on the slow card; its server keeps to one CPU."""
    served, mounted = root / "card", root / "slow"
    served.mkdir()
    mounted.mkdir()
    with contextlib.ExitStack() as stack:
        speeds = [str(value) for value in (DISK_BYTES, BYTES_PER_S, WRITE_S, SYNC_S)]
        # In a session of its own: it must outlive the mount, also when all of this is told to end.
        server = subprocess.Popen([sys.executable, "-c", CARD, str(served), *speeds], start_new_session=True)
        stack.callback(server.wait)
        stack.callback(_call, "umount", str(served))
        os.sched_setaffinity(server.pid, {cpu})
        until_s = time.monotonic() + 10
        while not (served / "disk").exists():
            if server.poll() is not None or time.monotonic() > until_s:
                raise SystemExit("the FUSE process does not serve")
            time.sleep(0.05)
        loop = _call("losetup", "--find", "--show", str(served / "disk")).strip()
        stack.callback(_call, "losetup", "--detach", loop)
        _call("mkfs.ext4", "-q", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", loop)
        _call("tune2fs", "-O", "has_journal", loop)
        _call("mount", loop, str(mounted))
        stack.callback(_call, "umount", str(mounted))
        yield mounted


def _call(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Home:
    """An agent's home: a spool and the model file, both on one file system."""

    def __init__(self, folder: Path, model: Path) -> None:
        folder.mkdir()
        self.model = folder / model.name
        shutil.copyfile(model, self.model)
        self.spool = Spool.open(folder)
        self.spool_s: list[float] = []

    def median_s(self, device: DeviceUnderTest, number: int) -> float:
        """One run as the daemon makes it; the median of its window."""
        lease, samples, sink = parts.lease(self.model, number), bench.RunSamples(), ChunkBuilder()
        begin_s = time.perf_counter()
        self.spool.begin(lease.key)
        begun_s = time.perf_counter() - begin_s
        outcome = measure(lease, self.model, _Both(samples, sink), parts.Silent(), device)
        if not outcome.ok:
            raise SystemExit(f"{outcome.reason}: {outcome.message}")
        begin_s = time.perf_counter()
        self.spool.end(lease.key, sink.chunks(lease.key), outcome)
        self.spool.drop(lease.key)
        self.spool_s.append(begun_s + time.perf_counter() - begin_s)
        return statistics.median(samples.window_s())


class _Both:
    def __init__(self, *sinks: bench.RunSamples | ChunkBuilder) -> None:
        self._sinks = sinks

    def put(self, stream: str, schema: str, n: int, columns: bytes) -> None:
        """Gives the samples to each."""
        for sink in self._sinks:
            sink.put(stream, schema, n, columns)


def main() -> int:
    """Prints the interval."""
    options = parts.arguments(__doc__ or "", networks=("squeezenet1_1",)).parse_args()
    why = missing()
    if why is not None:
        return parts.skip(why)
    print(parts.conditions())
    device, chance = probe.probe_device(Path("/"), None, {}), random.Random(1)
    os.sched_setaffinity(0, {device.housekeeping_cpu})
    model, logs = parts.network(options.networks[0]), []
    with (
        parts.host(),
        tempfile.TemporaryDirectory() as name,
        slow_disk(Path(name), device.housekeeping_cpu) as slow,
    ):
        homes = {"slow": Home(slow / "home", model), "fast": Home(Path(name) / "home", model)}
        try:
            for number in range(2, 2 + (SHORT_PAIRS if options.short else PAIRS)):
                medians = {}
                for kind in chance.sample(list(homes), 2):
                    medians[kind] = homes[kind].median_s(device, number)
                logs.append(math.log(medians["slow"] / medians["fast"]))
        finally:
            for home in homes.values():
                home.spool.close()
    for kind, home in homes.items():
        print(f"spooling a run on the {kind} file system: {statistics.median(home.spool_s) * 1e3:.1f} ms")
    found = paired.change(logs)
    if found is None:
        raise SystemExit("too few pairs")
    print(f"change of the median latency on the slow file system: {found}")
    if found.high <= MOVED_MAX and found.low >= -MOVED_MAX:
        parts.verdict(holds=True, what=f"p50 moves by at most {MOVED_MAX:.0%}")
    elif found.low > MOVED_MAX or found.high < -MOVED_MAX:
        parts.verdict(holds=False, what=f"p50 moves by at most {MOVED_MAX:.0%}")
    else:
        print(f"undecided: the interval reaches over {MOVED_MAX:.0%}; more pairs would tell")
    return 0


if __name__ == "__main__":
    sys.exit(main())
