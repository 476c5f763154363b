"""The agent that waits for work: memory, CPU, start, installed size; beside a process of its libraries only.

A real collector answers it. Memory is resident memory (RSS) and what is the process's own (USS).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import parts
import psutil

sys.path.insert(0, str(parts.ROOT / "tests" / "system"))

from farm import Farm

MEMORY_MB_MAX, CPU_SHARE_MAX, START_S_MAX, SIZE_MB_MAX = 45.0, 0.005, 1.0, 45.0
#: What the agent cannot do without: its libraries, and one channel over which something was asked.
LIBRARIES = """
import sys, grpc, google.protobuf.message, psutil, sqlite3
channel = grpc.insecure_channel(sys.argv[1])
try:
    channel.unary_unary("/nobody/asks")(b"", timeout=1)
except grpc.RpcError:
    pass
print(flush=True)
sys.stdin.read()
"""
NAME = "idle"
POLL_S = 0.002
START_TIMEOUT_S = 60.0
#: Left out of the installed size: what installs, and the runtimes with what they need.
NOT_OURS = ("pip", "setuptools", "wheel", "onnxruntime", "numpy")


def start(farm: Farm) -> tuple[subprocess.Popen[bytes], float]:
    """A fresh agent, and the seconds until the collector has answered its hello."""
    log = farm.root / f"{NAME}.log"
    log.unlink(missing_ok=True)
    begin_s = time.perf_counter()
    agent = farm.start_agent_raw(NAME, NAME)
    while "serving the collector" not in (log.read_text() if log.exists() else ""):
        if agent.poll() is not None or time.perf_counter() - begin_s > START_TIMEOUT_S:
            raise SystemExit(f"the agent did not start:\n{log.read_text()}")
        time.sleep(POLL_S)
    return agent, time.perf_counter() - begin_s


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends the agent in good order."""
    process.terminate()
    process.wait(30)


def cpu_s(process_id: int) -> float:
    """CPU seconds of a process so far."""
    times = psutil.Process(process_id).cpu_times()
    return float(times.user + times.system)


def memory_mb(process_id: int) -> tuple[float, float]:
    """(RSS, USS) in MB of 1e6 bytes."""
    facts = psutil.Process(process_id).memory_full_info()
    return facts.rss / 1e6, facts.uss / 1e6


def libraries_memory_mb(address: str) -> tuple[float, float]:
    """The same of a process that has the agent's libraries and a channel, and nothing else."""
    command = [sys.executable, "-c", LIBRARIES, address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as control:
        if control.stdout is None or control.stdin is None:
            raise SystemExit("a control process without pipes")
        control.stdout.readline()
        found = memory_mb(control.pid)
        control.stdin.close()
    return found


def installed_mb(folder: Path) -> dict[str, float]:
    """MB by top-level name of what a device gets: our wheels and what they need, compiled."""
    pip = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check"]
    wheels = folder / "wheels"
    sources = [str(parts.ROOT / name) for name in ("proto", "graph", "agent")]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), *sources], check=True)
    site = folder / "site"
    subprocess.run([*pip, "install", "--target", str(site), *map(str, wheels.glob("*.whl"))], check=True)
    return {entry.name: size(entry) / 1e6 for entry in site.iterdir() if not entry.name.startswith(NOT_OURS)}


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(part.stat().st_size for part in path.rglob("*") if part.is_file() and not part.is_symlink())


def main() -> int:
    """Prints the table."""
    parser = parts.arguments(__doc__ or "")
    options = parser.parse_args()
    seconds, starts = (10.0, 3) if options.short else (20.0, 9)
    print(parts.conditions())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        farm = Farm(folder)
        try:
            farm.start_collector()
            times_s = []
            for number in range(starts):
                agent, start_s = start(farm)
                times_s.append(start_s)
                if number < starts - 1:
                    end(agent)
            time.sleep(2.0)
            begin_s, used_s = time.perf_counter(), cpu_s(agent.pid)
            time.sleep(seconds)
            share = (cpu_s(agent.pid) - used_s) / (time.perf_counter() - begin_s)
            rss, uss = memory_mb(agent.pid)
            libraries_rss, libraries_uss = libraries_memory_mb(farm.address)
        finally:
            farm.close()
        start_s = statistics.median(times_s)
        print(f"{'':34}{'agent':>10}{'libraries alone':>18}")
        print(f"{'memory, resident (MB)':34}{rss:>10.1f}{libraries_rss:>18.1f}")
        print(f"{'memory, its own (MB)':34}{uss:>10.1f}{libraries_uss:>18.1f}")
        print(f"{f'CPU over {seconds:.0f} s (share of a core)':34}{share:>10.2%}")
        print(f"{f'start to first hello (s, of {starts})':34}{start_s:>10.2f}   worst {max(times_s):.2f}")
        try:
            sizes = installed_mb(folder)
        except subprocess.CalledProcessError as error:
            print(f"installed size: skipped, pip failed with exit code {error.returncode}")
            sizes = {}
    if sizes:
        largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
        told = ", ".join(f"{name} {mb:.1f}" for name, mb in largest)
        print(f"{'installed, compiled (MB)':34}{sum(sizes.values()):>10.1f}   {told}")
        parts.verdict(holds=sum(sizes.values()) <= SIZE_MB_MAX, what=f"at most {SIZE_MB_MAX:g} MB installed")
    parts.verdict(holds=rss <= MEMORY_MB_MAX, what=f"at most {MEMORY_MB_MAX:g} MB resident")
    parts.verdict(holds=share <= CPU_SHARE_MAX, what=f"at most {CPU_SHARE_MAX:.1%} of a core")
    parts.verdict(holds=start_s < START_S_MAX, what=f"starts in under {START_S_MAX:g} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
