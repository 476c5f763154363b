"""The agent's process: one home, one device, one session, signals, and a reboot where it is allowed."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
from dataclasses import replace
from typing import Any, Callable, Iterator

from paretofleet_agent.config import Config
from paretofleet_agent.daemon.loop import Daemon
from paretofleet_agent.device import probe, reboot
from paretofleet_agent.device.device import DeviceUnderTest, simulation_of
from paretofleet_agent.device.host_lock import host_lock
from paretofleet_agent.errors import HomeError
from paretofleet_agent.files import write_atomically
from paretofleet_agent.uplink import identity
from paretofleet_agent.uplink.client import CollectorClient
from paretofleet_agent.uplink.spool import Spool

log = logging.getLogger(__name__)


def run(config: Config, *, once: bool = False) -> int:
    """Serves the collector of `config` until SIGTERM or SIGINT, or, with `once`, until it has nothing to do.

    Asked to reboot the device, and allowed to, it closes everything, runs the owner's command and waits to
    be ended; a device that stays up is served on, without the permission. Returns the exit code. Raises
    Refused when the collector will not have this agent, HomeError when the home cannot be used.
    """
    os.umask(0o077)
    with identity.home_lock(config.home):
        # Before anything starts a thread: the CPUs that this process may use are the device's.
        device = probe.probe_device(
            config.sysroot,
            simulation_of(config.simulate, config.seed, config.home / "truth.jsonl"),
            config.interpreters,
            sensor_settings=config.sensors,
            variable_settings=config.variables,
            home=config.home,
            alone=lambda: host_lock(config.lock_dir),
        )
        _warn_of_refused_sources(device)
        _say_variables(device)
        _keep_to_housekeeping(device)
        if _serve(config, device, once=once) and not reboot.reboot(config.reboot_command):
            _serve(replace(config, allow_reboot=False), device, once=once)
        return 0


def _serve(config: Config, device: DeviceUnderTest, *, once: bool) -> bool:
    """One session identity from start to end; True when the device shall reboot."""
    agent = identity.start(config.home, device.boot_id)
    _leave_card(config)
    with contextlib.closing(Spool.open(config.home)) as spool:
        client = CollectorClient(config, agent, device.inventory, lambda: device.environment)
        daemon = Daemon(config, device, spool, client)
        try:
            with stop_on_signals(daemon.stop):
                daemon.serve(once=once)
        finally:
            daemon.heartbeat.stop()
            client.close()
    return daemon.wants_reboot


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` at SIGTERM and SIGINT while this lasts."""

    def handle(number: int, _frame: Any) -> None:
        log.info("told to end by %s", signal.Signals(number).name)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _warn_of_refused_sources(device: DeviceUnderTest) -> None:
    """One line for each power source that is there and cannot be used."""
    for source in device.absent:
        if source.refused:
            log.warning(
                "the power source %s cannot be used, so no run has its energy and each is flagged: %s%s",
                source.name,
                source.why,
                f"; {source.fix}" if source.fix else "",
            )


def _say_variables(device: DeviceUnderTest) -> None:
    """One line for the variables that make another environment of every run here."""
    recorded = {} if device.simulation else device.variables.recorded
    if recorded:
        listed = ", ".join(f"{name}={value}" for name, value in recorded.items())
        log.info("these variables are part of every run's environment: %s", listed)


def _keep_to_housekeeping(device: DeviceUnderTest) -> None:
    if device.simulation or len(device.inventory.cpus) < 2:
        return
    try:
        os.sched_setaffinity(0, {device.housekeeping_cpu})
    except OSError as error:
        log.warning("the agent cannot keep to CPU %d (%s)", device.housekeeping_cpu, error.strerror)


def _leave_card(config: Config) -> None:
    """Tells `status` who serves whom here. Raises HomeError where the disk takes no writes."""
    path = config.home / "daemon.json"
    try:
        write_atomically(path, _card(config))
    except OSError as error:
        raise HomeError(
            f"{path} cannot be written ({error.strerror}): free some space or mend its rights."
        ) from error


def _card(config: Config) -> str:
    card = {"collector": config.collector, "name": config.name, "device_class": config.device_class}
    return json.dumps({**card, "simulate": config.simulate}) + "\n"
