"""What agents and the command say to the collector, and what agents are answered, free of the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from paretofleet_collector.model.entities import AttemptKey, Grant, Inventory

#: The oldest number of the agent's protocol that this collector understands.
WIRE_VERSION_MIN = 1


@dataclass(frozen=True)
class Session:
    """Who speaks: the device, how often its agent has started, and a random number of this start.

    `uploads_only`: a spool that was carried here speaks, beside whatever session the device has.
    """

    device_id: str
    instance: int
    session_id: str
    uploads_only: bool = False


@dataclass(frozen=True)
class Join:
    """A device that registers under a name."""

    device_id: str
    name: str
    device_class: str
    labels: Mapping[str, str]
    pool: str = ""


@dataclass(frozen=True)
class Joined:
    """As whom a device joined: not by the id that it sent where it takes the place of one that was reset."""

    device_id: str
    name: str


@dataclass(frozen=True)
class Enrolment:
    """A device or, without a device id, a person with a `token` and a signing request in PEM."""

    token: str
    request_pem: str
    device_id: str
    name: str
    device_class: str
    labels: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Enrolment({self.name!r})"  # the token is a secret


@dataclass(frozen=True)
class Enrolled:
    """What came of it. `certificate_pem`: empty while the device waits for approval.

    `subject` is the device's id or the person's name, `key_sha256` what people compare.
    """

    role: str
    subject: str
    name: str
    certificate_pem: str
    key_sha256: str


@dataclass(frozen=True)
class Hello:
    """The opening of a session.

    `held`: attempts in the agent's spool, and the one that runs. `machine` tells the machine and the agent's
    folder from a copy; empty where nobody can tell.
    `collector_id`: whose the spool is, empty for none.
    """

    session: Session
    boot_id: str
    agent_version: str
    wire_version: int
    inventory: Inventory
    held: tuple[AttemptKey, ...]
    labels: Mapping[str, str]
    device_class: str
    may_reboot: bool = False
    machine: str = ""
    collector_id: str = ""


@dataclass(frozen=True)
class LiveReading:
    """What an agent read of its device at this moment, for who watches; None: nothing was read.

    `power_w`: watts that the running attempt's power sensors of `power_scope` showed last. `temperature_c`:
    degrees Celsius of the hottest thermal zone.
    """

    power_w: float | None = None
    power_scope: str = ""
    temperature_c: float | None = None


@dataclass(frozen=True)
class Heartbeat:
    """What an agent sends from time to time. `running` is the attempt that runs now, if any."""

    session: Session
    held: tuple[AttemptKey, ...]
    running: AttemptKey | None
    phase: str
    iterations: int
    live: LiveReading = field(default_factory=LiveReading)


class AttemptState(Enum):
    """What an agent shall do with an attempt: go on, stop and upload, or drop it."""

    CURRENT = 1
    SUPERSEDED = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class AttemptStatus:
    """The state of an attempt, and for each stream the seq that is expected next."""

    key: AttemptKey
    state: AttemptState
    marks: Mapping[str, int]


@dataclass(frozen=True)
class Welcome:
    """The answer to a hello."""

    collector_version: str
    collector_id: str
    heartbeat_s: float
    window_chunks: int
    batch_chunks: int
    held: tuple[AttemptStatus, ...]


@dataclass(frozen=True)
class LeaseReply:
    """The answer to a request for work; without a grant ask again after `ask_again_s`.

    `reboot`, not empty: the device shall reboot first, and why.
    """

    grant: Grant | None
    ask_again_s: float
    reboot: str = ""


class UploadVerdict(Enum):
    """What became of a chunk or an end; see UploadReply in fleet.proto."""

    COMMITTED = 1
    GAP = 2
    DAMAGED = 3
    CONFLICT = 4
    UNKNOWN_ATTEMPT = 5
    MALFORMED = 6


@dataclass(frozen=True)
class UploadReply:
    """The reply to one chunk (`stream` and `seq` say which) or to an end (`stream` is empty)."""

    key: AttemptKey
    stream: str
    seq: int
    verdict: UploadVerdict
    next_seq: int = 0
    message: str = ""
    #: Of a request with several chunks so many are stored; the rest of the reply answers the one after them.
    committed: int = 0


#: The source of an accuracy that was published of the very weights, and of one measured after a training.
PUBLISHED = "published-same-weights"
TRAINED = "measured: trained here"


@dataclass(frozen=True)
class NewModel:
    """A model file that a user sends. `variant_of`: the model of which it is another variant, or empty.

    `top1` and `top5` are in percent, measured over `top1_n` items. `licence` of the file and the
    `weights_source`, in the user's words. `top1_source`: PUBLISHED where `top1` is that of the checkpoint
    `weights_source`, TRAINED where it is of the trainings in `training_json`, else the user's. `sizes` and
    `inputs_json`: what it is fed where a sweep says nothing, as a specification has them. `is_private`:
    nothing names it, and devices drop it after a sweep.
    """

    model: str
    variant_of: str = ""
    precision: str = ""
    size_bytes: int = 0
    sha256: str = ""
    top1: float | None = None
    top1_n: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    inputs_json: str = ""
    top5: float | None = None
    licence: str = ""
    weights_source: str = ""
    is_private: bool = False
    top1_source: str = ""
    training_json: str = ""


@dataclass(frozen=True)
class GivenFacts:
    """What a user says of a stored model; None: nothing is said. `top1`, `top5` in percent of `top1_n` items.

    An empty `licence` or `weights_source` takes back what was said. `training_json`: of its training, as
    `trainings.checked_given` reads it.
    """

    top1: float | None = None
    top1_n: int | None = None
    top5: float | None = None
    licence: str | None = None
    weights_source: str | None = None
    training_json: str | None = None
