"""The subcommands: each takes its parsed arguments and returns the exit code.

What a subcommand needs is imported inside it: `run` stays for weeks, and `status` shall be quick.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretofleet_agent.errors import PfError, Refused

if TYPE_CHECKING:
    from paretofleet_agent.config import Config
    from paretofleet_agent.device.device import DeviceUnderTest


def probe(arguments: argparse.Namespace) -> int:
    """Prints what this device has, as the `arguments` home, simulate, seed, sysroot and output ask."""
    from paretofleet_agent import terminal
    from paretofleet_agent.device.description import as_json, describe

    device = _look(_device_settings(arguments))
    is_json = arguments.output == "json"
    print(_json(as_json(device)) if is_json else describe(device, terminal.width_of_output()))  # noqa: T201
    return 0


def bench(arguments: argparse.Namespace) -> int:
    """Measures the model of `arguments` here. Raises PfError where it cannot be."""
    from paretofleet_agent.device.host_lock import host_lock
    from paretofleet_agent.standalone.bench import check
    from paretofleet_agent.standalone.bench import run as run_bench
    from paretofleet_agent.standalone.run_options import (
        WINDOW_FLOOR_S,
        BenchRequest,
        RunOptions,
        check_options,
        inputs_of,
        mode_of,
        options_of,
        sizes_of,
    )

    settings = _device_settings(arguments)
    _refuse_missing_model(arguments.model)
    mode, items_s = mode_of(arguments.mode)
    options = RunOptions(
        runtime=arguments.runtime,
        target=arguments.target,
        precision=arguments.precision,
        mode=mode,
        items_s=items_s,
        options=options_of(arguments.option),
        sizes=sizes_of(arguments.size),
        inputs=inputs_of(arguments.input),
    )
    check_options(options.runtime, options.options)
    request = BenchRequest(
        batch_size=arguments.batch_size,
        threads=arguments.threads,
        iterations=arguments.iterations or BenchRequest.iterations,
        warm_up_s=arguments.warm_up_s,
        window_min_s=arguments.window_s,
        window_floor_s=WINDOW_FLOOR_S if arguments.iterations is None else 0.0,
        timeout_s=arguments.timeout,
        options=options,
    )
    device = _look(settings)
    check(arguments.model, device, request)
    with contextlib.ExitStack() as stack:
        if not settings.simulate:
            stack.enter_context(host_lock(settings.lock_dir))
        return run_bench(arguments.model, device, request, runs=arguments.runs, output=arguments.output)


def selftest(arguments: argparse.Namespace) -> int:
    """Says whether this device can be trusted to measure, with the model of `arguments` or a fetched one."""
    from paretofleet_agent.device.host_lock import host_lock
    from paretofleet_agent.standalone.selftest import run as run_selftest

    settings = _device_settings(arguments)
    if arguments.model is not None:
        _refuse_missing_model(arguments.model)
    with host_lock(settings.lock_dir):
        device = _look(settings, holds_host=True)
        return run_selftest(
            arguments.model, device, settings.home, minutes=arguments.minutes, output=arguments.output
        )


def join(arguments: argparse.Namespace) -> int:
    """Joins the collector of `arguments` by its token. Raises PfError where that cannot be."""
    os.environ.setdefault("GRPC_VERBOSITY", "INFO" if arguments.verbose else "NONE")
    os.umask(0o077)
    from paretofleet_agent.config import checked_address, load
    from paretofleet_agent.terminal import write_message
    from paretofleet_agent.uplink import identity, joining

    config = load({"home": arguments.home, "name": arguments.name, "class": arguments.device_class})
    address = checked_address(arguments.address)
    token = _token(arguments)
    with identity.home_lock(config.home):
        made = joining.join(config, address, token, arguments.wait_s)
    beside = f" --home {arguments.home}" if arguments.home else ""
    write_message(f"joined {made.address} as {made.name}; now `paretofleet-agent run{beside}`")
    return 0


def _token(arguments: argparse.Namespace) -> str:
    """The join token that `arguments` name or hold; warns where every user could read it."""
    if arguments.token_file:
        try:
            return Path(arguments.token_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"The token file {arguments.token_file} cannot be read ({error}).") from error
    token = arguments.token or os.environ.get("PARETOFLEET_TOKEN") or "-"
    if token == "-":  # noqa: S105
        return getpass.getpass("token: ") if sys.stdin.isatty() else sys.stdin.readline()
    if arguments.token:
        from paretofleet_agent.terminal import write_message

        write_message(
            "every user of this machine can read arguments, the token too: give - and type it, or use "
            "--token-file or PARETOFLEET_TOKEN"
        )
    return str(token)


def run(arguments: argparse.Namespace) -> int:
    """Serves the collector that `arguments` or the settings name, until stopped."""
    # The agent starts processes after gRPC has threads; its fork handlers would only get in the way.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "INFO" if arguments.verbose else "NONE")
    from paretofleet_agent.config import load
    from paretofleet_agent.daemon.process import run as run_daemon
    from paretofleet_agent.main.log_file import KeptLog

    flags = {
        **_device_flags(arguments),
        "collector": arguments.collector,
        "name": arguments.name,
        "class": arguments.device_class,
        "label": arguments.label,
    }
    config = load(flags)
    kept = KeptLog(config.home)
    logging.getLogger("paretofleet_agent").addHandler(kept)
    try:
        return run_daemon(config, once=arguments.once)
    except PfError as error:
        kept.note(str(error))
        raise
    finally:
        logging.getLogger("paretofleet_agent").removeHandler(kept)


def push(arguments: argparse.Namespace) -> int:
    """Uploads what waits in the folder of `arguments`; 0 when all that has ended is there."""
    os.environ.setdefault("GRPC_VERBOSITY", "INFO" if arguments.verbose else "NONE")
    from paretofleet_agent.config import load
    from paretofleet_agent.uplink.push import push as push_spool

    settings = load({"home": arguments.home or str(arguments.folder), "collector": arguments.collector})
    pushed = push_spool(settings, arguments.folder)
    text = f"sent to {settings.collector}: attempts {pushed.attempts}, chunks {pushed.chunks}"
    if pushed.left:
        text += f"; {pushed.left} had not ended when the folder was copied: the device sends those"
    if pushed.unknown:
        text += f"; {pushed.unknown} the collector does not know: they stay in {arguments.folder}"
    print(text)  # noqa: T201
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Prints what the home of `arguments` holds."""
    from paretofleet_agent import terminal
    from paretofleet_agent.config import default_home
    from paretofleet_agent.status import describe, read_status

    facts = read_status(Path(arguments.home or default_home(os.environ)))
    is_json = arguments.output == "json"
    print(_json(facts) if is_json else describe(facts, terminal.width_of_output()))  # noqa: T201
    return 0


def aside(arguments: argparse.Namespace) -> int:
    """Lists what lies aside in the home of `arguments`, or deletes what they name."""
    from dataclasses import asdict

    from paretofleet_agent import terminal
    from paretofleet_agent.config import default_home
    from paretofleet_agent.uplink import identity, leftovers

    home = Path(arguments.home or default_home(os.environ))
    if arguments.delete:
        with identity.home_lock(home):
            gone = [leftovers.delete(home, name) for name in arguments.delete]
        for each in gone:
            terminal.write_message(f"deleted {each.name} ({each.bytes} bytes)")
        return 0
    listed = leftovers.leftovers(home)
    width, lines = terminal.width_of_output(), []
    for each in listed:
        lines += terminal.hung(f"{each.name:<32} {each.bytes:>12} bytes  ", each.why, width)
    if arguments.output == "json":
        print(_json([asdict(each) for each in listed]))  # noqa: T201
    else:
        print("\n".join(lines) or f"nothing lies aside in {home}")  # noqa: T201
    return 0


def logs(arguments: argparse.Namespace) -> int:
    """Prints what `run` logged last in the home of `arguments`; raises PfError where it never did."""
    from collections import deque

    from paretofleet_agent.config import default_home
    from paretofleet_agent.main import log_file

    home = Path(arguments.home or default_home(os.environ))
    if not (home / log_file.FILE).exists():
        raise PfError(
            f"There is no log {home / log_file.FILE}: `paretofleet-agent run` writes it in its home."
        )
    last = deque(log_file.kept_lines(home), maxlen=arguments.lines)
    for line in last:
        print(json.dumps(line) if arguments.output == "json" else log_file.text_of(line))  # noqa: T201
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    """Prints what is well and what is wrong with the agent of `arguments`; 1 where anything is."""
    from paretofleet_agent import terminal
    from paretofleet_agent.doctor import describe, examine

    settings = _device_settings(arguments)
    findings = examine(settings, _look(settings, characterises=False))
    if arguments.output == "json":
        print(_json([each._asdict() for each in findings]))  # noqa: T201
    else:
        print(describe(findings, terminal.width_of_output()))  # noqa: T201
    return 0 if all(each.is_well for each in findings) else 1


def snapshot(arguments: argparse.Namespace) -> int:
    """Packs what describes the board under the sysroot of `arguments` into its output."""
    from paretofleet_agent.config import load
    from paretofleet_agent.standalone.snapshot import describe, pack

    settings = load({"home": arguments.home, "sysroot": arguments.sysroot})
    parts = pack(settings.sysroot, arguments.output)
    sys.stderr.write(describe(parts, arguments.output) + "\n")
    return 0


def _device_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "home": arguments.home,
        "simulate": arguments.simulate,
        "seed": arguments.seed,
        "sysroot": arguments.sysroot,
    }


def _device_settings(arguments: argparse.Namespace) -> Config:
    from paretofleet_agent.config import load

    return load(_device_flags(arguments))


def _look(settings: Config, *, holds_host: bool = False, characterises: bool = True) -> DeviceUnderTest:
    """The device of `settings`; takes the host lock where it must, unless the caller `holds_host` already.

    It `characterises` sensors that nobody has yet since the boot, which takes a while.
    """
    from paretofleet_agent.device import host_lock
    from paretofleet_agent.device.device import simulation_of
    from paretofleet_agent.device.probe import probe_device

    return probe_device(
        settings.sysroot,
        simulation_of(settings.simulate, settings.seed),
        settings.interpreters,
        sensor_settings=settings.sensors,
        variable_settings=settings.variables,
        home=settings.home if characterises else None,
        alone=contextlib.nullcontext if holds_host else lambda: host_lock.host_lock(settings.lock_dir),
    )


def _refuse_missing_model(model: Path) -> None:
    if not model.is_file():
        raise PfError(f"There is no model file {model}: give the path of an ONNX file.")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
