"""The command `paretofleet-agent`."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Sequence

from paretofleet_agent import __version__
from paretofleet_agent.errors import PfError

if TYPE_CHECKING:
    from paretofleet_agent.config import Config
    from paretofleet_agent.device.device import DeviceUnderTest

log = logging.getLogger(__name__)

#: What a bench can be asked for, as a sweep can.
RUNTIMES = ("onnxruntime", "torch", "openvino", "trtexec")
PRECISIONS = ("native", "fp32", "tf32", "fp16", "bf16", "int8")
MODES = ("latency", "throughput")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand. Exit codes: 0 all well, 1 error, 2 usage."""
    arguments = _parser().parse_args(argv)
    _log_to_stderr(verbose=arguments.verbose)
    try:
        if not sys.platform.startswith("linux"):
            raise PfError(
                f"paretofleet-agent runs on Linux, and this is {sys.platform}: run it on the device itself."
            )
        command: Callable[[argparse.Namespace], int] = arguments.command
        return command(arguments)
    except PfError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the last line of defence: no traceback reaches a user
        log.debug("internal error", exc_info=True)
        return _fail(
            f"paretofleet-agent {__version__} broke ({type(error).__name__}: {error}): "
            "run it again with --verbose and report what it prints."
        )


def _probe(arguments: argparse.Namespace) -> int:
    from paretofleet_agent import config
    from paretofleet_agent.device import description

    device = _probed(config.load(vars(arguments)))
    is_json = arguments.output == "json"
    print(_json(description.as_json(device)) if is_json else description.describe(device))  # noqa: T201
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from paretofleet_agent import config
    from paretofleet_agent.device import host_lock
    from paretofleet_agent.standalone import bench
    from paretofleet_agent.standalone.run_options import BenchRequest, RunOptions, options_of

    settings = config.load(vars(arguments))
    if not arguments.model.is_file():
        raise PfError(f"There is no model file {arguments.model}: give the path of an ONNX file.")
    options = RunOptions(
        runtime=arguments.runtime,
        target=arguments.target,
        precision=arguments.precision,
        mode=arguments.mode,
        options=options_of(arguments.option),
    )
    request = BenchRequest(
        batch_size=arguments.batch_size,
        threads=arguments.threads,
        iterations=arguments.iterations,
        warm_up_s=arguments.warm_up_s,
        options=options,
    )
    device = _probed(settings)
    with contextlib.ExitStack() as stack:
        if not settings.simulate:
            stack.enter_context(host_lock.host_lock(settings.lock_dir))
        return bench.run(arguments.model, device, request, runs=arguments.runs, output=arguments.output)


def _selftest(arguments: argparse.Namespace) -> int:
    from paretofleet_agent import config
    from paretofleet_agent.device import host_lock
    from paretofleet_agent.standalone import selftest

    settings = config.load(vars(arguments))
    if arguments.model is not None and not arguments.model.is_file():
        raise PfError(f"There is no model file {arguments.model}: give the path of an ONNX file.")
    with host_lock.host_lock(settings.lock_dir):
        device = _probed(settings, alone=contextlib.nullcontext)
        return selftest.run(
            arguments.model, device, settings.home, minutes=arguments.minutes, output=arguments.output
        )


def _probed(settings: Config, alone: Callable[[], ContextManager[object]] | None = None) -> DeviceUnderTest:
    """The device; its sensors are measured within `alone()`, or within the host lock."""
    from paretofleet_agent.device import device, host_lock, probe

    return probe.probe_device(
        settings.sysroot,
        device.simulation_of(settings.simulate, settings.seed),
        settings.interpreters,
        sensor_settings=settings.sensors,
        home=settings.home,
        alone=alone or (lambda: host_lock.host_lock(settings.lock_dir)),
    )


def _run(arguments: argparse.Namespace) -> int:
    # The agent starts processes after gRPC has threads; its fork handlers would only get in the way.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "INFO" if arguments.verbose else "NONE")
    from paretofleet_agent import config, daemon

    return daemon.run(config.load(vars(arguments)), once=arguments.once)


def _status(arguments: argparse.Namespace) -> int:
    from paretofleet_agent import config, status

    facts = status.look(Path(arguments.home or config.default_home(os.environ)))
    print(_json(facts) if arguments.output == "json" else status.describe(facts))  # noqa: T201
    return 0


def _snapshot(arguments: argparse.Namespace) -> int:
    from paretofleet_agent import config
    from paretofleet_agent.standalone import snapshot

    parts = snapshot.pack(config.load(vars(arguments)).sysroot, arguments.output)
    sys.stderr.write(snapshot.describe(parts, arguments.output) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paretofleet-agent", description="Measures inference on this device for a paretofleet collector."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    probe = _command(commands, "probe", _probe, "what this device has", "paretofleet-agent probe -o json")
    _device_flags(probe)
    _output_flag(probe)

    example = "paretofleet-agent bench resnet50.onnx --runtime torch --precision bf16 --option compile=true"
    bench = _command(commands, "bench", _bench, "measure one model here, without a collector", example)
    bench.add_argument("model", type=Path, metavar="MODEL.onnx")
    bench.add_argument("--runtime", choices=RUNTIMES, default=RUNTIMES[0], help="default: %(default)s")
    bench.add_argument("--target", default="cpu", metavar="ALIAS", help="such as cuda:0 (default: cpu)")
    bench.add_argument("--precision", choices=PRECISIONS, default="native", help="default: as the file says")
    bench.add_argument("--mode", choices=MODES, default="latency", help="default: %(default)s")
    bench.add_argument(
        "--option", action="append", default=[], metavar="KEY=VALUE", help="of the runtime; may be repeated"
    )
    bench.add_argument("--batch-size", type=_positive, default=1, metavar="N")
    bench.add_argument("--threads", type=_positive, metavar="N", help="default: all but the housekeeping CPU")
    bench.add_argument("--iterations", type=_positive, default=30, metavar="N", help="at least (default: 30)")
    bench.add_argument("--warm-up-s", type=float, default=0.3, metavar="S", help="at least (default: 0.3)")
    bench.add_argument("--runs", type=_positive, default=1, metavar="N", help="fresh processes (default: 1)")
    _device_flags(bench)
    _output_flag(bench)

    what, example = "can this device be trusted to measure?", "paretofleet-agent selftest squeezenet.onnx"
    selftest = _command(commands, "selftest", _selftest, what, example)
    selftest.add_argument(
        "model", type=Path, nargs="?", metavar="MODEL.onnx", help="default: the smallest one fetched so far"
    )
    selftest.add_argument("--minutes", type=float, default=5.0, metavar="M", help="about (default: 5)")
    _device_flags(selftest)
    _output_flag(selftest)

    example = (
        "paretofleet-agent run --collector 127.0.0.1:7411 --name tx2-1 --class jetson-tx2 --label room=b12"
    )
    run = _command(commands, "run", _run, "measure what the collector asks for, until stopped", example)
    run.add_argument("--collector", metavar="HOST:PORT", help="default: 127.0.0.1:7411")
    run.add_argument("--name", help="unique in the fleet (default: the host's name)")
    run.add_argument("--class", dest="class", metavar="CLASS", help="such as jetson-tx2 (default: cpu)")
    run.add_argument("--label", action="append", metavar="KEY=VALUE", help="may be repeated")
    run.add_argument("--once", action="store_true", help="end when the collector has nothing to do")
    _device_flags(run)

    status = _command(
        commands, "status", _status, "what this agent holds", "paretofleet-agent status -o json"
    )
    _output_flag(status)

    what, example = "pack what describes this board, to send us", "paretofleet-agent snapshot -o board.tar.gz"
    snapshot = _command(commands, "snapshot", _snapshot, what, example)
    snapshot.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.tar.gz")
    snapshot.add_argument("--sysroot", metavar="DIR", help="pack a copied tree instead (default: /)")
    return parser


def _command(commands: Any, name: str, call: Callable[..., int], what: str, example: str) -> Any:
    command = commands.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ("" if what.endswith("?") else "."),
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--home", metavar="DIR", help="the agent's folder (default: below $XDG_STATE_HOME)")
    command.add_argument("--verbose", action="store_true", help="say more on standard error")
    command.set_defaults(command=call)
    return command


def _device_flags(command: Any) -> None:
    command.add_argument("--simulate", metavar="CLASS", help="pretend to be a device, such as jetson-tx2")
    command.add_argument("--seed", type=int, metavar="N", help="of the simulated device (default: 1)")
    command.add_argument("--sysroot", metavar="DIR", help="read the device from a copied tree (default: /)")


def _output_flag(command: Any) -> None:
    command.add_argument("-o", "--output", choices=("table", "json"), default="table")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _log_to_stderr(*, verbose: bool) -> None:
    pattern = "%(asctime)s %(name)s: %(message)s" if verbose else "%(asctime)s %(message)s"
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format=pattern, stream=sys.stderr)


def _fail(sentence: str) -> int:
    sys.stderr.write(f"paretofleet-agent: {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
