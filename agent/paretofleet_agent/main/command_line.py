"""The command line: subcommands, their flags with defaults, an example each."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, Callable

from paretofleet_agent import __version__
from paretofleet_agent.config import RUNTIMES
from paretofleet_agent.main import commands, completion

#: What a bench can be asked for, as a sweep can.
MODES = ("latency", "throughput", "paced")
PRECISIONS = ("native", "fp32", "tf32", "fp16", "bf16", "int8")


def parser() -> argparse.ArgumentParser:
    """The parser of `paretofleet-agent`; what it parses has the function to call as `command`."""
    top = argparse.ArgumentParser(
        prog="paretofleet-agent", description="Measures inference on this device for a paretofleet collector."
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    top.add_argument(
        "--install-completion",
        action=completion.Install,
        help="let your shell complete this command, and exit",
    )
    top.add_argument("--show-completion", action=completion.Show, help=argparse.SUPPRESS)
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_probe(subparsers)
    _add_bench(subparsers)
    _add_selftest(subparsers)
    _add_join(subparsers)
    _add_run(subparsers)
    _add_push(subparsers)
    _add_status(subparsers)
    _add_aside(subparsers)
    _add_logs(subparsers)
    _add_doctor(subparsers)
    _add_snapshot(subparsers)
    return top


def _add_probe(subparsers: Any) -> None:
    probe = _add_command(
        subparsers, "probe", commands.probe, "what this device has", "paretofleet-agent probe -o json"
    )
    _add_device_flags(probe)
    _add_output_flag(probe)


def _add_bench(subparsers: Any) -> None:
    bench = _add_command(
        subparsers,
        "bench",
        commands.bench,
        "measure one model here, without a collector",
        "paretofleet-agent bench resnet50.onnx --runtime torch --precision bf16 --option compile=true",
    )
    bench.add_argument(
        "model", type=Path, metavar="MODEL.onnx", help="the ONNX file to measure; of litert a tflite file"
    )
    bench.add_argument(
        "--runtime", choices=RUNTIMES, default=RUNTIMES[0], help="what executes it (default: %(default)s)"
    )
    bench.add_argument(
        "--target", default="cpu", metavar="ALIAS", help="the compute unit, such as cuda:0 (default: cpu)"
    )
    bench.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="native",
        help="how it is executed (default: as the file says)",
    )
    bench.add_argument(
        "--mode",
        default=MODES[0],
        metavar="MODE",
        help=f"{', '.join(MODES)}=5 for five items a second (default: %(default)s)",
    )
    bench.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the runtime; may be repeated",
    )
    bench.add_argument(
        "--size",
        action="append",
        default=[],
        metavar="AXIS=N",
        help="the size of a free axis besides the batch, such as sequence=128; may be repeated",
    )
    bench.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what an input is fed: normal, bytes, zipf, uniform, ones, zeros, a number, or an .npz, .npy or "
        "folder of samples, which alone feeds all inputs in it; may be repeated (default: as the graph says)",
    )
    _add_lengths(bench)
    _add_device_flags(bench)
    _add_output_flag(bench)


def _add_lengths(bench: Any) -> None:
    """How much a bench measures."""
    bench.add_argument(
        "--batch-size", type=_positive, default=1, metavar="N", help="items in a batch (default: 1)"
    )
    bench.add_argument(
        "--threads",
        type=_positive,
        metavar="N",
        help="CPU threads of the runtime (default: all but the housekeeping CPU)",
    )
    bench.add_argument(
        "--iterations",
        type=_positive,
        metavar="N",
        help="batches to measure (default: 30, and as many more as half a second takes)",
    )
    bench.add_argument(
        "--window-s",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="measure for at least so many seconds, as an energy may need (default: 0)",
    )
    bench.add_argument(
        "--warm-up-s",
        type=_seconds,
        default=0.3,
        metavar="S",
        help="warm up for at least so many seconds (default: 0.3)",
    )
    bench.add_argument(
        "--timeout",
        type=_seconds,
        default=3600.0,
        metavar="S",
        help="give a run so many seconds from its start to its end (default: 3600)",
    )
    bench.add_argument(
        "--runs",
        type=_positive,
        default=1,
        metavar="N",
        help="runs to measure, each in a fresh process (default: 1)",
    )


def _add_selftest(subparsers: Any) -> None:
    selftest = _add_command(
        subparsers,
        "selftest",
        commands.selftest,
        "can this device be trusted to measure?",
        "paretofleet-agent selftest squeezenet.onnx",
    )
    selftest.add_argument(
        "model",
        type=Path,
        nargs="?",
        metavar="MODEL.onnx",
        help="the ONNX file to measure (default: the smallest one fetched so far)",
    )
    selftest.add_argument(
        "--minutes", type=float, default=5.0, metavar="M", help="minutes that it takes, about (default: 5)"
    )
    _add_device_flags(selftest)
    _add_output_flag(selftest)


def _add_join(subparsers: Any) -> None:
    join = _add_command(
        subparsers,
        "join",
        commands.join,
        "join a collector with identity, once, before run",
        "paretofleet-agent join collector.lan:7412 - --name tx2-1 --class jetson-tx2",
    )
    join.add_argument("address", metavar="HOST:PORT", help="the collector's join server")
    join.add_argument(
        "token",
        metavar="TOKEN",
        nargs="?",
        default="",
        help="from `paretofleet token create`; - reads it from standard input, where no other user sees it "
        "(default: the variable PARETOFLEET_TOKEN, else -)",
    )
    join.add_argument(
        "--token-file", metavar="FILE", help="read the token from this file, which should be yours alone"
    )
    join.add_argument("--name", help="the device's name, unique in the fleet (default: the host's name)")
    join.add_argument(
        "--class",
        dest="device_class",
        metavar="CLASS",
        help="the kind of device, such as jetson-tx2 (default: cpu)",
    )
    join.add_argument(
        "--wait-s",
        type=_seconds,
        default=600.0,
        metavar="S",
        help="wait so long for somebody's approval, where the token wants one (default: 600)",
    )


def _add_run(subparsers: Any) -> None:
    run = _add_command(
        subparsers,
        "run",
        commands.run,
        "measure what the collector asks for, until stopped",
        "paretofleet-agent run --collector 127.0.0.1:7411 --name tx2-1 --class jetson-tx2 --label room=b12",
    )
    run.add_argument(
        "--collector",
        metavar="HOST:PORT",
        help="the collector to serve, or several of one fleet with commas between, tried in turn (default: "
        "the one that was joined, else yours on this machine, else 127.0.0.1:7411)",
    )
    run.add_argument("--name", help="the device's name, unique in the fleet (default: the host's name)")
    run.add_argument(
        "--class",
        dest="device_class",
        metavar="CLASS",
        help="the kind of device, such as jetson-tx2 (default: cpu)",
    )
    run.add_argument(
        "--label",
        action="append",
        metavar="KEY=VALUE",
        help="a label by which sweeps choose devices; may be repeated",
    )
    run.add_argument("--once", action="store_true", help="end when the collector has nothing to do")
    _add_device_flags(run)


def _add_push(subparsers: Any) -> None:
    push = _add_command(
        subparsers,
        "push",
        commands.push,
        "upload what a device without a network has measured, from a copy of its folder",
        "paretofleet-agent push /media/stick/agent",
    )
    push.add_argument("folder", type=Path, metavar="DIR", help="the copied folder of the device's agent")
    push.add_argument(
        "--collector",
        metavar="HOST:PORT",
        help="the collector it was measured for (default: the one that the device joined, else yours on this "
        "machine, else 127.0.0.1:7411)",
    )


def _add_status(subparsers: Any) -> None:
    status = _add_command(
        subparsers, "status", commands.status, "what this agent holds", "paretofleet-agent status -o json"
    )
    _add_output_flag(status)


def _add_aside(subparsers: Any) -> None:
    aside = _add_command(
        subparsers,
        "aside",
        commands.aside,
        "list what this agent holds and sends to nobody, or delete some of it",
        "paretofleet-agent aside --delete spool-for-0123456789abcdef",
    )
    aside.add_argument(
        "--delete",
        action="append",
        default=[],
        metavar="NAME",
        help="delete what has this name in the list, for good; the agent must not run (may be repeated)",
    )
    _add_output_flag(aside)


def _add_logs(subparsers: Any) -> None:
    logs = _add_command(
        subparsers, "logs", commands.logs, "what `run` did here", "paretofleet-agent logs --lines 50"
    )
    logs.add_argument(
        "-n",
        "--lines",
        type=_positive,
        default=100,
        metavar="N",
        help="show the last so many (default: %(default)s)",
    )
    _add_output_flag(logs)


def _add_doctor(subparsers: Any) -> None:
    doctor = _add_command(
        subparsers, "doctor", commands.doctor, "what is wrong here, and the fix", "paretofleet-agent doctor"
    )
    _add_device_flags(doctor)
    _add_output_flag(doctor)


def _add_snapshot(subparsers: Any) -> None:
    snapshot = _add_command(
        subparsers,
        "snapshot",
        commands.snapshot,
        "pack what describes this board, to send us",
        "paretofleet-agent snapshot -o board.tar.gz",
    )
    snapshot.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.tar.gz", help="the archive to write"
    )
    snapshot.add_argument("--sysroot", metavar="DIR", help="pack a copied tree instead (default: /)")


def _add_command(subparsers: Any, name: str, function: Callable[..., int], summary: str, example: str) -> Any:
    command = subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ("" if summary.endswith("?") else "."),
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--home", metavar="DIR", help="the agent's folder (default: below $XDG_STATE_HOME)")
    command.add_argument("--verbose", action="store_true", help="say more on standard error")
    command.set_defaults(command=function)
    return command


def _add_device_flags(command: Any) -> None:
    command.add_argument("--simulate", metavar="CLASS", help="pretend to be a device, such as jetson-tx2")
    command.add_argument("--seed", type=int, metavar="N", help="seed of the simulated device (default: 1)")
    command.add_argument("--sysroot", metavar="DIR", help="read the device from a copied tree (default: /)")


def _add_output_flag(command: Any) -> None:
    command.add_argument(
        "-o",
        "--output",
        choices=("table", "json"),
        default="table",
        help="lines for people, or JSON (default: %(default)s)",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError("must be a number of seconds, 0 or more")
    return seconds
