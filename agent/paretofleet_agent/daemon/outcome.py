"""One attempt from its lease to its outcome: whatever goes wrong becomes one of the reasons of a run."""

from __future__ import annotations

import json
import logging
import random
from dataclasses import replace
from pathlib import Path

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.errors import AttemptFailed, Refused, Stopped, Unreachable
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.model import Artifact, Lease, Outcome
from paretofleet_agent.uplink import backoff
from paretofleet_agent.uplink.chunks import ChunkBuilder
from paretofleet_agent.uplink.heartbeat import RunningAttempt
from paretofleet_agent.uplink.model_cache import ModelCache

log = logging.getLogger(__name__)


def attempt_outcome(
    lease: Lease, models: ModelCache, device: DeviceUnderTest, sink: ChunkBuilder, running: RunningAttempt
) -> Outcome:
    """Fetches the files of `lease` through `models`, measures it on `device`, and says how that ended.

    Samples go to `sink`; `running` is told how far it is, and may stop it. Raises Refused when the collector
    will not have this agent any more.
    """
    try:
        path = None
        if not device.simulation:
            path = _path_of(lease.artifact, lease, models, running)
            paths = {each.sha256: _path_of(each, lease, models, running) for each in lease.inputs}
            lease = replace(lease, input_paths=paths)
        outcome = measure(lease, path, sink, running, device)
        # Here a fact that is no JSON costs this attempt; in the spool it would cost the agent.
        json.dumps(outcome.facts, allow_nan=False)
    except Stopped:
        if running.stop_reason:
            return Outcome(ok=False, reason="cancelled", message=running.stop_reason)
        message = "The agent was told to end during this attempt."
        return Outcome(ok=False, reason="lost", message=message, interrupted=True)
    except AttemptFailed as error:
        return Outcome(ok=False, reason=error.reason, message=str(error))
    except Refused:
        raise
    except Exception as error:  # one broken attempt must not end the agent
        log.debug("the attempt broke", exc_info=True)
        return Outcome(ok=False, reason="crashed", message=f"{type(error).__name__}: {error}")
    return outcome


def _path_of(artifact: Artifact, lease: Lease, models: ModelCache, running: RunningAttempt) -> Path:
    """One of the files of a lease; waits for the collector as long as the attempt is wanted."""
    waits = backoff.waits(random.Random())
    while True:
        try:
            return models.get(artifact, running.stopped, (lease.artifact, *lease.inputs))
        except Unreachable as error:
            log.debug("%s is not here yet: %s", artifact.name, error)
        backoff.sleep(next(waits), running.stopped)
        if running.stopped():
            raise Stopped("The attempt was told to end before its model came.")
