"""The collector's configuration: flag over environment over `collector.toml` over default."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import tempfile
import textwrap
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paretofleet_collector.errors import Refused
from paretofleet_collector.suggest import did_you_mean

FILE_NAME = "collector.toml"
#: Where agents look for a collector of another machine, at the near end of a tunnel.
DEFAULT_ADDRESS = "127.0.0.1:7411"
#: `listen` for a collector that is reached by its local socket only.
SOCKET_ONLY = "socket"
#: Leaves TLS 1.3 alone to a server with an elliptic key, in the environment before gRPC is loaded: it has no
#: setting for the version, and the one suite of 1.2 that is left needs an RSA key.
TLS_1_3_ONLY = {"GRPC_SSL_CIPHER_SUITES": "ECDHE-RSA-AES128-GCM-SHA256"}
#: What `collector init` chooses: with an identity every machine may ask.
NETWORK_ADDRESS = "0.0.0.0:7411"
#: How gRPC calls a socket in the file system.
UNIX = "unix:"
_SOCKET_PATH_MAX = 100
SQLITE = "sqlite"
NO_METRICS = "off"
NO_PAGE = "off"
#: Where `paretofleet up` serves the live page.
PAGE_ADDRESS = "127.0.0.1:7413"
LOCAL = "local"
NO_SPARK = "off"
_PREFIX = "PARETOFLEET_COLLECTOR_"


@dataclass(frozen=True)
class Config:
    """How a collector serves, all it keeps below `home`. `KEYS` says what the others mean."""

    home: Path
    listen: str = SOCKET_ONLY
    join_listen: str = "0.0.0.0:7412"
    store: str = SQLITE
    lake: str = LOCAL
    metrics: str = NO_METRICS
    web: str = NO_PAGE
    spark_python: str = NO_SPARK
    spark_master: str = "local[*,4]"
    certificate_s: float = 30 * 86_400.0
    heartbeat_s: float = 10.0
    lease_s: float = 60.0
    window_chunks: int = 64
    disk_low_bytes: int = 256 * 1024 * 1024
    model_max_bytes: int = 8 * 1024 * 1024 * 1024
    keep_samples_days: float = 0.0

    @property
    def is_shared(self) -> bool:
        """Whether several collectors may serve: nothing that counts is on this machine alone."""
        return self.store != SQLITE and self.lake != LOCAL


@dataclass(frozen=True)
class ConfigKey:
    """A key of `collector.toml`: its type and what it means; its default stands in `Config`."""

    name: str
    kind: type
    meaning: str

    @property
    def variable(self) -> str:
        """The environment variable that comes before the file."""
        return _PREFIX + self.name.upper()


KEYS = (
    ConfigKey(
        "listen",
        str,
        "HOST:PORT to listen on beside the local socket, or `socket` for nothing else; port 0 picks a free "
        "one. Without identity (`collector init`) loopback only.",
    ),
    ConfigKey(
        "join_listen",
        str,
        "HOST:PORT at which devices and people join; opened where there is an identity only.",
    ),
    ConfigKey(
        "store",
        str,
        "Where control state and staged chunks are kept: `sqlite`, a file in the home, or "
        "`postgresql://USER@HOST/DATABASE`.",
    ),
    ConfigKey(
        "lake",
        str,
        "Where sealed samples and models are kept: `local`, a folder in the home, or `s3://BUCKET/PREFIX` "
        "with the options `region`, `endpoint_override`, `scheme`, `tls_ca_file_path` behind a `?`.",
    ),
    ConfigKey(
        "metrics",
        str,
        "Where Prometheus fetches metrics: HOST:PORT on loopback, `unix:PATH`, or `off`.",
    ),
    ConfigKey(
        "web",
        str,
        "Where the live page is served: HOST:PORT on loopback, port 0 picks a free one, or `off`; "
        "`paretofleet open` opens it. `paretofleet up` serves it at 127.0.0.1:7413.",
    ),
    ConfigKey(
        "spark_python",
        str,
        "The Python whose environment has `paretofleet-collector[spark]`, for `report rebuild --engine "
        "spark`, or `off`.",
    ),
    ConfigKey(
        "spark_master",
        str,
        "Where Spark computes: `local[*,4]` is every core of this machine, and a task that fails is tried 4 "
        "times; or `spark://HOST:PORT`.",
    ),
    ConfigKey(
        "certificate_s",
        float,
        "Seconds for which a certificate counts; it is renewed by itself after two thirds of them.",
    ),
    ConfigKey("heartbeat_s", float, "Seconds between two heartbeats, by which an agent renews its leases."),
    ConfigKey(
        "lease_s", float, "Seconds that a lease lasts without a heartbeat; must be more than `heartbeat_s`."
    ),
    ConfigKey("window_chunks", int, "Chunks that an agent may send before the first acknowledgement."),
    ConfigKey(
        "disk_low_bytes", int, "With less free space than this, in bytes, no chunk and no model is accepted."
    ),
    ConfigKey("model_max_bytes", int, "The largest model file that is accepted, in bytes."),
    ConfigKey(
        "keep_samples_days",
        float,
        "Days after which `paretofleet collector gc` frees a run's samples, whose summary stays; 0 keeps "
        "them for ever.",
    ),
)
_KINDS = {key.name: key.kind for key in KEYS}
_OFF_AT_ZERO = frozenset({"keep_samples_days"})


def default_home(part: str = "collector") -> Path:
    """The folder of a `part`, `$XDG_STATE_HOME/paretofleet/<part>`, by default under `~/.local/state`."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "paretofleet" / part


def socket_path(home: Path) -> Path:
    """The local socket of the collector whose folder is `home`, in a folder for its user only.

    A path that would be too long for a socket is replaced by one below the folder for temporary files.
    """
    path = home.absolute() / "local" / "socket"
    if len(os.fsencode(path)) <= _SOCKET_PATH_MAX:
        return path
    digest = hashlib.sha256(os.fsencode(home.absolute())).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"paretofleet-{digest}" / "socket"


def last_started() -> Path:
    """The file in which a collector with a folder of its user's choice says where it listens."""
    return default_home("collector.address")


def local_address() -> str:
    """The address of this user's collector on this machine.

    That of the usual folder where it lives, else of the one that was started last, else DEFAULT_ADDRESS. A
    socket in a folder that another user could have made is none of this user's.
    """
    candidates = [UNIX + str(socket_path(default_home()))]
    with suppress(OSError):
        candidates.append(last_started().read_text(encoding="utf-8").strip())
    for address in candidates:
        path = Path(address.removeprefix(UNIX))
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            if is_private(path.parent):
                probe.connect(str(path))
                return address
    return DEFAULT_ADDRESS


def is_private(folder: Path) -> bool:
    """Whether only this user, or root, can put files into `folder`, which is no link; raises OSError."""
    facts = folder.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid in (0, os.geteuid()) and not facts.st_mode & 0o022


def load(home: Path | None = None, environ: Mapping[str, str] | None = None, **flags: str | None) -> Config:
    """The configuration in force: the `flags`, over `environ`, over the file in `home`, over defaults.

    `flags` are keys by name, None where the command did not have them. `environ` is by default the process's
    own; `home` is by default the folder that it names, else
    `default_home()`. Raises Refused with one sentence that names the key and where it was written.
    """
    environ = os.environ if environ is None else environ
    chosen = home or (Path(environ[_PREFIX + "HOME"]) if environ.get(_PREFIX + "HOME") else default_home())
    values = _from_file(chosen / FILE_NAME)
    for each in KEYS:
        if each.variable in environ:
            values[each.name] = _converted(each.name, environ[each.variable], each.variable)
    for name, text in flags.items():
        if text is not None:
            values[name] = _converted(name, text, f"--{name}")
    config = Config(home=chosen.expanduser().absolute(), **values)
    if config.lease_s <= config.heartbeat_s:
        raise Refused(
            f"lease_s ({config.lease_s:g}) must be more than heartbeat_s ({config.heartbeat_s:g}), "
            "or every lease is lost."
        )
    if config.store != SQLITE and not config.store.startswith("postgresql://"):
        raise Refused(
            f"store is '{config.store}'; write {SQLITE}, for a file in the home, or "
            "postgresql://USER@HOST/DATABASE."
        )
    if config.lake != LOCAL and not config.lake.startswith("s3://"):
        raise Refused(
            f"lake is '{config.lake}'; write {LOCAL}, for a folder in the home, or s3://BUCKET/PREFIX."
        )
    return config


def is_set(home: Path, key: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether the file in `home`, or `environ`, by default the process's own, says what `key` is."""
    environ = os.environ if environ is None else environ
    return _PREFIX + key.upper() in environ or key in _from_file(home / FILE_NAME)


def render(config: Config) -> str:
    """The text of a `collector.toml` in which every key stands, explained, with its value in `config`."""
    lines = [
        "# Every key may also be set as PARETOFLEET_COLLECTOR_<KEY>; a flag comes before both.",
        "[collector]",
    ]
    values = asdict(config)
    for key in KEYS:
        value = values[key.name]
        lines += ["", *textwrap.wrap(key.meaning, 98, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f'{key.name} = "{value}"' if isinstance(value, str) else f"{key.name} = {value}")
    return "\n".join(lines) + "\n"


def _from_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}.") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{path} is not TOML: {error}.") from None
    for key in document:
        if key != "collector":
            raise Refused(f"{path}: unknown section or key '{key}'; everything stands under [collector].")
    section = document.get("collector", {})
    if not isinstance(section, dict):
        raise Refused(f"{path}: 'collector' is not a section; write [collector].")
    for key in section:
        if key not in _KINDS:
            raise Refused(f"{path}: unknown key '{key}'; {did_you_mean(key, _KINDS)}")
    return {key: _converted(key, value, str(path)) for key, value in section.items()}


def _converted(key: str, value: object, where: str) -> Any:
    """The value in the key's type, a number above 0, or 0 where that is off; `where` is in the error."""
    kind = _KINDS[key]
    if kind is str:
        if not isinstance(value, str) or not value:
            raise Refused(f"{where}: {key} is not a text.")
        return value
    try:
        number = None if isinstance(value, bool) else kind(value)
    except (TypeError, ValueError):
        number = None
    if number == 0 and key in _OFF_AT_ZERO:
        return number
    if number is None or not 0 < number < float("inf"):
        raise Refused(f"{where}: {key} is {value!r}, not a number above 0.")
    return number
