"""The collector's configuration: flag over environment over `collector.toml` over default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from paretofleet_collector.errors import Refused
from paretofleet_collector.suggest import did_you_mean

FILE_NAME = "collector.toml"
DEFAULT_ADDRESS = "127.0.0.1:7411"
_PREFIX = "PARETOFLEET_COLLECTOR_"


@dataclass(frozen=True)
class Config:
    """How a collector serves. Paths in `home`; times in seconds; sizes in bytes."""

    home: Path
    #: Address to listen on; port 0 picks a free one.
    listen: str = DEFAULT_ADDRESS
    #: How often an agent renews its leases, and how long one lasts without that.
    heartbeat_s: float = 5.0
    lease_s: float = 60.0
    #: Chunks that an agent may send before the first acknowledgement.
    window_chunks: int = 64
    #: With less free space than this no chunk and no model is accepted.
    disk_low_bytes: int = 256 * 1024 * 1024
    #: The largest model file that is accepted.
    model_max_bytes: int = 8 * 1024 * 1024 * 1024


_TYPES: Mapping[str, type] = {
    "listen": str,
    "heartbeat_s": float,
    "lease_s": float,
    "window_chunks": int,
    "disk_low_bytes": int,
    "model_max_bytes": int,
}


def default_home(part: str = "collector") -> Path:
    """`$XDG_STATE_HOME/paretofleet/<part>`, by default under `~/.local/state`."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "paretofleet" / part


def load(home: Path | None = None, environ: Mapping[str, str] | None = None, **flags: Any) -> Config:
    """The configuration in force; `flags` that are None do not count.

    Raises Refused with one sentence that names the key and where it was written.
    """
    environ = os.environ if environ is None else environ
    chosen = home or (Path(environ[_PREFIX + "HOME"]) if environ.get(_PREFIX + "HOME") else default_home())
    values = _from_file(chosen / FILE_NAME)
    for key in _TYPES:
        name = _PREFIX + key.upper()
        if name in environ:
            values[key] = _converted(key, environ[name], name)
    for key, value in flags.items():
        if value is not None:
            values[key] = _converted(key, value, f"--{key.replace('_', '-')}")
    config = Config(home=chosen.expanduser().absolute(), **values)
    if config.lease_s <= config.heartbeat_s:
        raise Refused(
            f"lease_s ({config.lease_s:g}) must be more than heartbeat_s ({config.heartbeat_s:g}), "
            "or every lease is lost."
        )
    return config


def render(config: Config) -> str:
    """The text of a `collector.toml` in which every key stands with its value."""
    lines = [
        "# Every key may also be set as PARETOFLEET_COLLECTOR_<KEY>; a flag comes before both.",
        "[collector]",
    ]
    for item in fields(config):
        if item.name == "home":
            continue
        value = getattr(config, item.name)
        lines.append(f'{item.name} = "{value}"' if isinstance(value, str) else f"{item.name} = {value}")
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
        if key not in _TYPES:
            raise Refused(f"{path}: unknown key '{key}'; {did_you_mean(key, _TYPES)}")
    return {key: _converted(key, value, str(path)) for key, value in section.items()}


def _converted(key: str, value: object, where: str) -> Any:
    """The value in the key's type, positive where it is a number; `where` names it in the error."""
    wanted = _TYPES[key]
    if wanted is str:
        if not isinstance(value, str) or not value:
            raise Refused(f"{where}: {key} is not a text.")
        return value
    try:
        number = None if isinstance(value, bool) else wanted(value)
    except (TypeError, ValueError):
        number = None
    if number is None or not 0 < number < float("inf"):
        raise Refused(f"{where}: {key} is {value!r}, not a number above 0.")
    return number
