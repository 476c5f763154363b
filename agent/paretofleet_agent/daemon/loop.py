"""The daemon's loop: hello, empty the spool, ask for a run, measure it, spool it, and again."""

from __future__ import annotations

import contextlib
import logging
import random
import time
from typing import Callable, Iterator

from paretofleet_agent.config import Config
from paretofleet_agent.daemon.outcome import attempt_outcome
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.device.host_lock import host_lock
from paretofleet_agent.device.thermometer import Thermometer
from paretofleet_agent.errors import HomeError, Refused, Unreachable
from paretofleet_agent.files import free_bytes
from paretofleet_agent.model import AttemptKey, Chunk, Lease, Outcome
from paretofleet_agent.uplink import backoff, upload
from paretofleet_agent.uplink.chunks import ChunkBuilder
from paretofleet_agent.uplink.client import CollectorClient
from paretofleet_agent.uplink.heartbeat import Heartbeat, RunningAttempt
from paretofleet_agent.uplink.model_cache import ModelCache
from paretofleet_agent.uplink.replies import LeaseReply, Welcome
from paretofleet_agent.uplink.spool import Spool
from paretofleet_agent.uplink.work_listener import WorkListener

log = logging.getLogger(__name__)

#: Below this nothing is measured: its samples might not fit.
ROOM_BYTES = 32 << 20
ROOM_WAIT_S = 10.0
#: Told to end, the agent tries for so long to pass on what it has; the rest goes at the next start.
FLUSH_ON_EXIT_S = 3.0


def _thermometer(device: DeviceUnderTest) -> Callable[[], float | None]:
    """The temperature of the machine, where the device is one."""
    return (lambda: None) if device.simulation else Thermometer(device.sysroot).newest_c


class Daemon:
    """The one thread that works; `heartbeat` is the other one."""

    def __init__(
        self, config: Config, device: DeviceUnderTest, spool: Spool, client: CollectorClient
    ) -> None:
        self._config = config
        self._device = device
        self._spool = spool
        self._client = client
        self._models = ModelCache(
            config.home, client.fetch_model, config.models_beside, config.models_max_bytes
        )
        self._listener = WorkListener(client.listen)
        self._window = self._batch = 1
        self._has_served = False
        self._stopping = False
        self.wants_reboot = False
        self.heartbeat = Heartbeat(client, heartbeat_s=5.0, temperature_c=_thermometer(device))

    def stop(self) -> None:
        """Ends the work soon: the attempt that runs is abandoned. Safe in a signal handler."""
        self._stopping = True

    def stopping(self) -> bool:
        """Whether the agent was told to end."""
        return self._stopping

    def serve(self, *, once: bool) -> int:
        """Works until told to end; 0 is the exit code."""
        retry = backoff.Retry(random.Random())
        while not self._stopping:
            if self._session(retry, once=once):
                return 0
        self._listener.stop()
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
        except HomeError as error:
            if retry.worth_a_line(time.monotonic()):
                log.warning("%s Trying again; nothing is measured meanwhile.", error)
            self._sleep(retry.wait_s())
            with contextlib.suppress(HomeError):
                self._spool.reopen()
        return False

    def _open_session(self) -> None:
        """Says hello with all that is held, and brings the spool up to date with the answer."""
        welcome = self._welcome()
        for key, status in welcome.attempts.items():
            upload.apply_attempt_status(self._spool, key, status)
        self._window, self._batch = welcome.window_chunks, welcome.batch_chunks
        self.heartbeat.heartbeat_s = welcome.heartbeat_s
        self.heartbeat.attempts = self._spool.attempts()
        self.heartbeat.collector_id, self.heartbeat.is_foreign = welcome.collector_id, False
        if not self._has_served:
            self._has_served = True
            self.heartbeat.start()
            name, known_as = self._config.name, self._client.fleet_name
            log.info("serving the collector at %s as %s", self._client.address, known_as)
            if name != known_as:
                log.warning(
                    "the fleet calls this device %s, not %s; where the collector is, `paretofleet devices "
                    "rename %s %s` changes that",
                    *(known_as, name, known_as, name),
                )

    def _welcome(self) -> Welcome:
        """Says hello with the spool of the collector that answers; another's is set aside meanwhile."""
        self._recover()
        welcome = self._client.hello(self._spool.held(), self._spool.collector_id)
        if welcome.collector_id == self._spool.collector_id:
            return welcome
        if not welcome.collector_id:
            raise Unreachable(f"What answers at {self._client.address} does not say which collector it is.")
        # Older agents wrote down no collector.
        if not self._spool.collector_id and upload.knows_none(welcome.attempts):
            log.warning(
                "collector %s knows nothing of what waits here, and nobody wrote down whose it is: it is "
                "kept in %s; bring it to the right one by `paretofleet-agent push`",
                welcome.collector_id,
                self._spool.leave_to_another(),
            )
        aside = self._spool.change_collector(welcome.collector_id)
        if aside is not None:
            log.warning(
                "another collector (%s) answers at %s: what waits for the one before is kept in %s "
                "and goes out when that one answers again",
                welcome.collector_id,
                self._client.address,
                aside,
            )
        self._recover()
        again = self._client.hello(self._spool.held(), welcome.collector_id)
        if again.collector_id != welcome.collector_id:
            raise Unreachable(f"Two collectors answer at {self._client.address} by turns.")
        return again

    def _recover(self) -> None:
        for key in self._spool.recover():
            log.warning("run %s attempt %d was cut off; it will be tried again", key.run_id, key.attempt)

    def _work(self, *, once: bool) -> bool:
        """Empties the spool, then measures one run if there is one; False when `once` has nothing to do."""
        if self.heartbeat.refusal is not None:
            raise self.heartbeat.refusal
        if self.heartbeat.is_foreign:
            raise Unreachable(f"Another collector answers at {self._client.address}.")
        upload.drain(self._spool, self._client.upload, self._window, self.stopping, batch=self._batch)
        self.heartbeat.attempts = self._spool.attempts()
        if not self._has_room():
            self._sleep(ROOM_WAIT_S)
            return True
        self._listener.clear()
        with self._host() as is_held:
            listens = self._listener.is_open
            answer = self._client.lease(listens=listens) if is_held else LeaseReply(None, 0.0, "")
            if is_held:
                self._models.begin_sweep(answer.lease.sweep_name if answer.lease is not None else "")
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
        self._listener.start()
        self._await_work(answer.ask_again_s)
        if self._client.has_other_environment():
            log.info("the environment of this device has changed: telling the collector")
            self._open_session()
        return True

    def _await_work(self, seconds: float) -> None:
        """Waits for notice of a run, for `seconds` at most."""
        until = time.monotonic() + seconds
        while not self._cannot_lease() and not self.heartbeat.is_foreign and time.monotonic() < until:
            if self._listener.wait(min(backoff.SLICE_S, seconds)):
                return

    def _attempt(self, lease: Lease) -> None:
        """Measures the run and spools its samples with its end."""
        key, begin_s = lease.key, time.monotonic()
        self._spool.begin(key)
        running = RunningAttempt(key, self.stopping)
        self.heartbeat.running = running
        sink = ChunkBuilder()
        try:
            outcome = attempt_outcome(lease, self._models, self._device, sink, running)
        finally:
            self.heartbeat.running = None
        # While the disk takes nothing, heartbeats keep the lease of what waits in memory.
        self.heartbeat.attempts = (*self.heartbeat.attempts, key)
        chunks = () if running.stopped() and not outcome.ok else tuple(sink.chunks(key))
        self._keep(key, chunks, outcome)
        self.heartbeat.attempts = self._spool.attempts()
        _log_outcome(lease, outcome, time.monotonic() - begin_s)

    def _keep(self, key: AttemptKey, chunks: tuple[Chunk, ...], outcome: Outcome) -> None:
        """Spools a measured attempt, in memory until the disk takes it; gives up when the agent is to end."""
        retry = backoff.Retry(random.Random())
        while not self._is_spooled(key, chunks, outcome, retry):
            self._sleep(retry.wait_s())
            with contextlib.suppress(HomeError):
                self._spool.reopen()

    def _is_spooled(
        self, key: AttemptKey, chunks: tuple[Chunk, ...], outcome: Outcome, retry: backoff.Retry
    ) -> bool:
        try:
            self._spool.end(key, chunks, outcome)
        except HomeError as error:
            if self._cannot_lease():
                raise
            if retry.worth_a_line(time.monotonic()):
                log.warning("%s The samples of run %s wait in memory.", error, key.run_id)
            return False
        return True

    @contextlib.contextmanager
    def _host(self) -> Iterator[bool]:
        """The host to itself while it measures; simulated devices disturb nobody."""
        if self._device.simulation:
            yield True
            return
        with host_lock(self._config.lock_dir, self._cannot_lease) as is_held:
            yield is_held

    def _cannot_lease(self) -> bool:
        """Whether the agent is to end, or is refused meanwhile: then nothing would be leased."""
        return self._stopping or self.heartbeat.refusal is not None

    def _has_room(self) -> bool:
        free = free_bytes(self._config.home)
        if free is None or free >= ROOM_BYTES:
            return True
        log.error(
            "The disk of %s has %.0f MB left, a run may need %.0f MB: free some there, or start it with "
            "--home on another disk; nothing is measured until then.",
            self._config.home,
            free / 1e6,
            ROOM_BYTES / 1e6,
        )
        return False

    def _flush_on_exit(self) -> None:
        until = time.monotonic() + FLUSH_ON_EXIT_S
        with contextlib.suppress(Unreachable, Refused, HomeError):
            upload.drain(
                self._spool,
                lambda: self._client.upload(ack_s=FLUSH_ON_EXIT_S),
                self._window,
                lambda: time.monotonic() > until,
                batch=self._batch,
            )

    def _sleep(self, seconds: float) -> None:
        backoff.sleep(seconds, self._cannot_lease)


def _log_outcome(lease: Lease, outcome: Outcome, seconds: float) -> None:
    run = f"{lease.artifact.name} batch {lease.configuration.get('batch_size')}, block {lease.block}"
    if outcome.ok:
        log.info("%s: measured in %.1f s", run, seconds)
    else:
        log.warning("%s: %s after %.1f s: %s", run, outcome.reason, seconds, outcome.message)
