"""`paretofleet-agent run`: hello, empty the spool, ask for a run, measure it, spool it, and again."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator

from paretofleet_agent.config import Config
from paretofleet_agent.device import probe, reboot
from paretofleet_agent.device.device import DeviceUnderTest, simulation_of
from paretofleet_agent.device.host_lock import host_lock
from paretofleet_agent.errors import AttemptFailed, Refused, Stopped, Unreachable
from paretofleet_agent.files import free_bytes, write_atomically
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.model import Lease, Outcome
from paretofleet_agent.uplink import backoff, identity, upload
from paretofleet_agent.uplink.chunks import ChunkBuilder
from paretofleet_agent.uplink.client import CollectorClient
from paretofleet_agent.uplink.heartbeat import Heartbeat, RunningAttempt
from paretofleet_agent.uplink.model_cache import ModelCache
from paretofleet_agent.uplink.replies import LeaseReply
from paretofleet_agent.uplink.spool import Spool

log = logging.getLogger(__name__)

#: Below this nothing is measured: its samples might not fit.
ROOM_BYTES = 32 << 20
ROOM_WAIT_S = 10.0
SLICE_S = 0.1
#: Told to end, the agent tries for so long to pass on what it has; the rest goes at the next start.
FLUSH_ON_EXIT_S = 3.0


def run(config: Config, *, once: bool = False) -> int:
    """Serves the collector until SIGTERM or SIGINT, or, with `once`, until it has nothing to do.

    Asked to reboot the device, and allowed to, it closes everything, runs the owner's command and waits to
    be ended; a device that stays up is served on, without the permission. Raises Refused when the collector
    will not have this agent, HomeError when the home cannot be used.
    """
    with identity.home_lock(config.home):
        # Before anything starts a thread: the CPUs that this process may use are the device's.
        device = probe.probe_device(
            config.sysroot,
            simulation_of(config.simulate, config.seed, config.home / "truth.jsonl"),
            config.interpreters,
            sensor_settings=config.sensors,
            home=config.home,
            alone=lambda: host_lock(config.lock_dir),
        )
        _say_what_is_refused(device)
        _keep_to_housekeeping(device)
        if _serve(config, device, once=once) and not reboot.reboot(config.reboot_command):
            _serve(replace(config, allow_reboot=False), device, once=once)
        return 0


def _serve(config: Config, device: DeviceUnderTest, *, once: bool) -> bool:
    """One session identity from start to end; True when the device shall reboot."""
    who = identity.start(config.home, device.boot_id)
    write_atomically(config.home / "daemon.json", _card(config))
    with contextlib.closing(Spool.open(config.home)) as spool:
        client = CollectorClient(config, who, device.inventory)
        daemon = Daemon(config, device, spool, client)
        try:
            with stop_on_signals(daemon):
                daemon.serve(once=once)
        finally:
            daemon.heartbeat.stop()
            client.close()
    return daemon.wants_reboot


class Daemon:
    """The one thread that works; `heartbeat` is the other one."""

    def __init__(
        self, config: Config, device: DeviceUnderTest, spool: Spool, client: CollectorClient
    ) -> None:
        self._config = config
        self._device = device
        self._spool = spool
        self._client = client
        self._models = ModelCache(config.home, client.fetch_model)
        self._window = 1
        self._has_served = False
        self._stopping = False
        self.wants_reboot = False
        self.heartbeat = Heartbeat(client, heartbeat_s=5.0)

    def stop(self) -> None:
        """Ends the work soon: the attempt that runs is abandoned. Safe in a signal handler."""
        self._stopping = True

    def stopping(self) -> bool:
        """Whether the agent was told to end."""
        return self._stopping

    def serve(self, *, once: bool) -> int:
        """Works until told to end; 0 is the exit code."""
        for key in self._spool.recover():
            log.warning("run %s attempt %d was cut off; it will be tried again", key.run_id, key.attempt)
        retry = backoff.Retry(random.Random())
        while not self._stopping:
            if self._session(retry, once=once):
                return 0
        self._flush_on_exit()
        return 0

    def _session(self, retry: backoff.Retry, *, once: bool) -> bool:
        """Works until the collector is lost; True when `once` has nothing more to do."""
        try:
            self._open_session()
            while not self._stopping:
                if not self._work(once=once):
                    return True
                if retry.succeeded():
                    log.info("the collector answers again")
        except Unreachable as error:
            if retry.worth_a_line(time.monotonic()):
                log.warning("%s Trying again; samples are kept in %s.", error, self._config.home)
            self._sleep(retry.wait_s())
        return False

    def _open_session(self) -> None:
        """Says hello with all that is held, and brings the spool up to date with the answer."""
        welcome = self._client.hello(self._spool.attempts())
        for key, status in welcome.attempts.items():
            upload.apply_attempt_status(self._spool, key, status)
        self._window = welcome.window_chunks
        self.heartbeat.heartbeat_s = welcome.heartbeat_s
        self.heartbeat.attempts = self._spool.attempts()
        if not self._has_served:
            self._has_served = True
            self.heartbeat.start()
            log.info("serving the collector at %s as %s", self._config.collector, self._config.name)

    def _work(self, *, once: bool) -> bool:
        """Empties the spool, then measures one run if there is one; False when `once` has nothing to do."""
        if self.heartbeat.refusal is not None:
            raise self.heartbeat.refusal
        upload.drain(self._spool, self._client.upload, self._window, self.stopping)
        self.heartbeat.attempts = self._spool.attempts()
        if not self._has_room():
            self._sleep(ROOM_WAIT_S)
            return True
        with self._host() as is_held:
            answer = self._client.lease() if is_held else LeaseReply(None, 0.0, "")
            if answer.lease is not None:
                self._attempt(answer.lease)
                return True
        if answer.reboot and self._config.allow_reboot:
            log.info("the collector asks for a reboot: %s", answer.reboot)
            self.wants_reboot = True
            self.stop()
            return True
        if once:
            return False
        self._sleep(answer.ask_again_s)
        return True

    def _attempt(self, lease: Lease) -> None:
        key, began = lease.key, time.monotonic()
        self._spool.begin(key)
        running = RunningAttempt(key, self.stopping)
        self.heartbeat.running = running
        sink = ChunkBuilder()
        try:
            outcome = self._outcome(lease, sink, running)
        finally:
            self.heartbeat.running = None
        self._spool.end(key, () if running.stopped() and not outcome.ok else sink.chunks(key), outcome)
        self.heartbeat.attempts = self._spool.attempts()
        took = f"{time.monotonic() - began:.1f} s"
        what = f"{lease.artifact.name} batch {lease.configuration.get('batch_size')}"
        if outcome.ok:
            log.info("%s, block %d: measured in %s", what, lease.block, took)
        else:
            log.warning(
                "%s, block %d: %s after %s: %s", what, lease.block, outcome.reason, took, outcome.message
            )

    def _outcome(self, lease: Lease, sink: ChunkBuilder, running: RunningAttempt) -> Outcome:
        try:
            path = None if self._device.simulation else self._fetch(lease, running)
            outcome = measure(lease, path, sink, running, self._device)
            # Here a fact that is no JSON costs this attempt; in the spool it would cost the agent.
            json.dumps(outcome.facts, allow_nan=False)
            return outcome  # noqa: TRY300  the check above belongs inside
        except Stopped:
            if running.stop_reason:
                return Outcome(ok=False, reason="cancelled", message=running.stop_reason)
            return Outcome(ok=False, reason="lost", message="The agent was told to end during this attempt.")
        except AttemptFailed as error:
            return Outcome(ok=False, reason=error.reason, message=str(error))
        except Refused:
            raise
        except Exception as error:  # one broken attempt must not end the agent
            log.debug("the attempt broke", exc_info=True)
            return Outcome(ok=False, reason="crashed", message=f"{type(error).__name__}: {error}")

    def _fetch(self, lease: Lease, running: RunningAttempt) -> Path:
        """The model file; waits for the collector as long as the attempt is wanted."""
        waits = backoff.waits(random.Random())
        while True:
            try:
                return self._models.get(lease.artifact, running.stopped)
            except Unreachable as error:
                log.debug("%s is not here yet: %s", lease.artifact.name, error)
            self._sleep(next(waits))
            if running.stopped():
                raise Stopped("The attempt was told to end before its model came.")

    @contextlib.contextmanager
    def _host(self) -> Iterator[bool]:
        """The host to itself while it measures; simulated devices disturb nobody."""
        if self._device.simulation:
            yield True
            return
        with host_lock(self._config.lock_dir, self._need_not_wait) as is_held:
            yield is_held

    def _need_not_wait(self) -> bool:
        """Whether the agent is to end, or is refused meanwhile: then nothing would be leased."""
        return self._stopping or self.heartbeat.refusal is not None

    def _has_room(self) -> bool:
        free = free_bytes(self._config.home)
        if free is None or free >= ROOM_BYTES:
            return True
        log.error(
            "The disk of %s has %d bytes left, a run may need %d: free some space; nothing is measured.",
            self._config.home,
            free,
            ROOM_BYTES,
        )
        return False

    def _flush_on_exit(self) -> None:
        until = time.monotonic() + FLUSH_ON_EXIT_S
        with contextlib.suppress(Unreachable, Refused):
            upload.drain(
                self._spool,
                lambda: self._client.upload(ack_s=FLUSH_ON_EXIT_S),
                self._window,
                lambda: time.monotonic() > until,
            )

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and self.heartbeat.refusal is None and time.monotonic() < until:
            time.sleep(min(SLICE_S, seconds))


@contextlib.contextmanager
def stop_on_signals(daemon: Daemon) -> Iterator[None]:
    """SIGTERM and SIGINT end the work in good order while this lasts."""

    def handle(number: int, _frame: Any) -> None:
        log.info("told to end by %s", signal.Signals(number).name)
        daemon.stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_what_is_refused(device: DeviceUnderTest) -> None:
    """One line for each power source that is there and cannot be used."""
    for one in device.absent:
        if one.refused:
            log.warning(
                "the power source %s cannot be used, so no run has its energy and each is flagged: %s%s",
                *(one.name, one.why, f"; {one.fix}" if one.fix else ""),
            )


def _keep_to_housekeeping(device: DeviceUnderTest) -> None:
    if device.simulation or len(device.inventory.cpus) < 2:
        return
    try:
        os.sched_setaffinity(0, {device.housekeeping_cpu})
    except OSError as error:
        log.warning("the agent cannot keep to CPU %d (%s)", device.housekeeping_cpu, error.strerror)


def _card(config: Config) -> str:
    card = {"collector": config.collector, "name": config.name, "device_class": config.device_class}
    return json.dumps({**card, "simulate": config.simulate}) + "\n"
