"""What the collector answers, in the agent's terms."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Mapping

from paretofleet_agent.model import AttemptKey, Lease


class AttemptState(enum.Enum):
    """What the collector thinks of an attempt that the agent still has."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"


class UploadVerdict(enum.Enum):
    """What became of a chunk or an end that was sent."""

    COMMITTED = "committed"
    GAP = "gap"
    DAMAGED = "damaged"
    CONFLICT = "conflict"
    UNKNOWN_ATTEMPT = "unknown_attempt"
    MALFORMED = "malformed"


@dataclass(frozen=True)
class AttemptStatus:
    """The state of one attempt; `next_seqs`: the next seq that the collector expects, by stream."""

    state: AttemptState
    next_seqs: Mapping[str, int]


@dataclass(frozen=True)
class Welcome:
    """The answer to a hello; `attempts`: the status of each attempt that the hello named."""

    collector_version: str
    collector_id: str
    heartbeat_s: float
    window_chunks: int
    batch_chunks: int
    attempts: Mapping[AttemptKey, AttemptStatus]


@dataclass(frozen=True)
class LeaseReply:
    """The answer to a request for work: a run, or when to ask again. `reboot`, not empty: reboot the device
    first, and why.
    """

    lease: Lease | None
    ask_again_s: float
    reboot: str


@dataclass(frozen=True)
class UploadReply:
    """The answer to one chunk, or to an end when `stream` is empty.

    Of a request with several chunks the first `committed` are stored; the rest answers the one after them,
    or the last where all are.
    """

    key: AttemptKey
    stream: str
    seq: int
    verdict: UploadVerdict
    next_seq: int
    message: str
    committed: int = 0
