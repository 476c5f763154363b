"""The agent's settings: a flag over an environment variable over agent.ini over a default.

Every key of agent.ini is also PARETOFLEET_<SECTION>_<KEY>; the home is PARETOFLEET_AGENT_HOME.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import re
import shlex
import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Sequence

from paretofleet_agent.errors import ConfigError
from paretofleet_agent.suggest import did_you_mean

#: The near end of a tunnel to a collector elsewhere.
DEFAULT_COLLECTOR = "127.0.0.1:7411"
MB = 10**6
#: How gRPC calls a socket in the file system.
UNIX = "unix:"


@dataclass(frozen=True)
class Setting:
    """A key of agent.ini: its default, as it would be written there, and what it means."""

    default: str
    meaning: str


#: Fixed keys of each section.
KEYS: Mapping[str, Mapping[str, Setting]] = {
    "agent": {
        "collector": Setting(
            "",
            "HOST:PORT of the collector, or unix:/PATH of its local socket; of a fleet with several "
            "collectors their addresses with commas between, tried in turn; by default the one "
            f"that was joined, else this user's on this machine, else {DEFAULT_COLLECTOR}.",
        ),
        "name": Setting("", "The device's name, unique in the fleet; by default the host's name."),
        "class": Setting(
            "", "The kind of device, such as jetson-tx2; by default cpu, or the class that is simulated."
        ),
        "simulate": Setting("", "A class of device to pretend to be; by default what is there is measured."),
        "seed": Setting("1", "Seed of the simulated device."),
        "sysroot": Setting("/", "The folder from which the device is read: another holds a copied tree."),
        "allow_reboot": Setting("no", "Whether a sweep that asks for several boots may reboot the device."),
        "pass_variables": Setting(
            "",
            "Further environment variables that reach a runner, by name or as PREFIX_*, with spaces between: "
            "their values stay on the device. What changes speed or numbers belongs into [variables].",
        ),
        "models_beside": Setting(
            "",
            "The folder in which a collector on this machine keeps its models: the agent takes hard links "
            "instead of copies. `paretofleet up` sets it.",
        ),
        "models_max_mb": Setting(
            "20000",
            "Megabytes that model files may take on this device; those unused for longest leave first, none "
            "that a run needs.",
        ),
        "reboot_command": Setting("systemctl reboot", "The command that reboots it; no shell runs it."),
    },
    "host": {
        "lock_dir": Setting(
            "",
            "The folder of the lock by which one agent of a host measures at a time; by default the first "
            "of /run/lock, /var/lock and /tmp that is there.",
        )
    },
}
#: Sections without keys of their own.
OPEN_SECTIONS: Mapping[str, str] = {
    "labels": "A label of the device for each key, by which sweeps choose devices.",
    "runtimes": "For a runtime, by its name, the Python interpreter that runs it, where it needs its own.",
    "variables": "An environment variable of runners, by its name, and its value, which is part of a run's "
    "environment and so reaches the collector; an empty value keeps the variable from them.",
    "sensors": "Settings of the power sensors. `meter`: external meters. `ignore`: rails to be left out, as "
    "SOURCE/RAIL or SOURCE, several with commas, such as what is wrong in a dispute.",
}
RUNTIMES = ("onnxruntime", "torch", "openvino", "litert", "trtexec")
#: The keys of those of these sections that take none but what is there.
CHOICES: Mapping[str, Sequence[str]] = {"runtimes": RUNTIMES, "sensors": ("meter", "ignore")}
#: The entry points of other distributions that bring sensors.
SENSOR_PLUGINS = "paretofleet.sensors"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
SIMULATED = "sim:"


@dataclass(frozen=True)
class VariableSettings:
    """What the owner of a device wants of a runner's variables.

    `values`: the value of each by its name; an empty one keeps it from the runner. `passed`: further names,
    or prefixes with a `*`, that reach the runner and are not told.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    passed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """How this agent runs.

    `interpreters`: the Python of each runtime that needs its own, by name. `sensors`: settings of sensors.
    `variables`: what runners start with.
    `models_beside`: where a collector on this machine keeps its models, None where there is none.
    `models_max_bytes`: what model files may take.
    `allow_reboot`: a sweep that asks for several boots may have this device rebooted, by `reboot_command`.
    """

    home: Path
    collector: str
    name: str
    device_class: str
    labels: Mapping[str, str]
    interpreters: Mapping[str, str]
    simulate: str | None
    seed: int
    sysroot: Path
    lock_dir: Path | None
    sensors: Mapping[str, str] = field(default_factory=dict)
    allow_reboot: bool = False
    reboot_command: tuple[str, ...] = ("systemctl", "reboot")
    models_beside: Path | None = None
    models_max_bytes: int = 20_000 * MB
    variables: VariableSettings = field(default_factory=VariableSettings)


def default_home(env: Mapping[str, str]) -> Path:
    """PARETOFLEET_AGENT_HOME of the environment `env`, or paretofleet/agent under the user's state folder."""
    if env.get("PARETOFLEET_AGENT_HOME"):
        return Path(env["PARETOFLEET_AGENT_HOME"])
    return _state(env) / "agent"


def _state(env: Mapping[str, str]) -> Path:
    """The folder of all parts of paretofleet for the user of the environment `env`."""
    state = env.get("XDG_STATE_HOME") or str(Path(env.get("HOME") or "/root") / ".local" / "state")
    return Path(state) / "paretofleet"


def local_collector(env: Mapping[str, str]) -> str:
    """The local socket of the collector that the user of `env` runs on this machine; empty where none is.

    A socket in a folder that another user could have made is none: who listens there gives work.
    """
    candidates = [f"{UNIX}{_state(env) / 'collector' / 'local' / 'socket'}"]
    with contextlib.suppress(OSError, UnicodeDecodeError):
        candidates.append((_state(env) / "collector.address").read_text(encoding="utf-8").strip())
    for address in candidates:
        path = address[len(UNIX) :]
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            facts = os.lstat(os.path.dirname(path))
            is_users = facts.st_uid in (0, os.geteuid()) and not facts.st_mode & 0o022
            if stat.S_ISDIR(facts.st_mode) and is_users:
                probe.connect(path)
                return address
    return ""


def load(flags: Mapping[str, Any], env: Mapping[str, str] | None = None) -> Config:
    """The settings in force. `flags` holds what the command line gave by key, None where it gave nothing.

    `env` stands in for the environment. Raises ConfigError naming the setting and what it may be.
    """
    env = os.environ if env is None else env
    home = Path(flags.get("home") or default_home(env))
    values = _read(home / "agent.ini")
    _overlay(values, env)
    values["agent"].update(
        {key: str(value) for key, value in flags.items() if key in KEYS["agent"] and value is not None}
    )
    agent, host = _with_defaults(values, "agent"), _with_defaults(values, "host")
    labels = {**values["labels"], **_pairs(flags.get("label") or ())}
    simulate = agent["simulate"] or None
    joined = _joined(home)
    return Config(
        home=home.absolute(),
        collector=checked_addresses(
            agent["collector"] or joined["address"] or local_collector(env) or DEFAULT_COLLECTOR
        ),
        name=_name("name", agent["name"] or joined["name"] or _host_name()),
        device_class=_device_class(agent["class"] or ("" if simulate else joined["device_class"]), simulate),
        labels={_name("label", key): value for key, value in labels.items()},
        interpreters=dict(values["runtimes"]),
        simulate=simulate,
        seed=_integer("seed", agent["seed"]),
        sysroot=_folder("sysroot", agent["sysroot"]),
        lock_dir=_folder("lock_dir", host["lock_dir"]) if host["lock_dir"] else None,
        sensors=dict(values["sensors"]),
        # What reboots a simulated device would be the machine that simulates it.
        allow_reboot=_yes("allow_reboot", agent["allow_reboot"]) and not simulate,
        reboot_command=_command(agent["reboot_command"]),
        models_beside=Path(agent["models_beside"]) if agent["models_beside"] else None,
        models_max_bytes=_positive("models_max_mb", agent["models_max_mb"]) * MB,
        variables=VariableSettings(_variables(values["variables"]), _variable_names(agent["pass_variables"])),
    )


def _joined(home: Path) -> dict[str, str]:
    """What joining a collector settled (uplink.credentials); empty texts before."""
    settled = dict.fromkeys(("address", "name", "device_class"), "")
    with contextlib.suppress(OSError, ValueError, TypeError):
        stored = json.loads((home / "credentials.json").read_text(encoding="utf-8"))
        settled.update({key: str(stored.get(key, "")) for key in settled})
    return settled


def _with_defaults(values: Mapping[str, Mapping[str, str]], section: str) -> dict[str, str]:
    """The fixed keys of a section; one that is absent or empty has its default."""
    return {key: values[section].get(key) or setting.default for key, setting in KEYS[section].items()}


def _read(path: Path) -> dict[str, dict[str, str]]:
    values: dict[str, dict[str, str]] = {section: {} for section in (*KEYS, *OPEN_SECTIONS)}
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        return values
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if parser.defaults():
        raise ConfigError(
            f"{path} has a section [{parser.default_section}]; the sections are {', '.join(values)}."
        )
    for section in parser.sections():
        if section not in values:
            near = did_you_mean(section, values, f"the sections are {', '.join(values)}.")
            raise ConfigError(f"{path} has a section [{section}]; {near}")
        for key, value in parser[section].items():
            _check_key(section, key, f"{path} sets {key} in [{section}]")
            values[section][key] = value
    return values


def _check_key(section: str, key: str, where: str) -> None:
    """Raises ConfigError, which begins with `where`, for a key that nobody reads."""
    keys = (*KEYS[section],) if section in KEYS else CHOICES.get(section)
    if keys is None or key in keys or (section == "sensors" and _has_sensor_plugins()):
        return
    raise ConfigError(f"{where}; {did_you_mean(key, keys, 'its keys are ' + ', '.join(keys) + '.')}")


def _has_sensor_plugins() -> bool:
    """Whether another distribution brings sensors, whose settings only it knows."""
    from importlib.metadata import distributions

    groups = (entry.group for each in distributions() for entry in each.entry_points)
    return SENSOR_PLUGINS in groups


def _overlay(values: dict[str, dict[str, str]], env: Mapping[str, str]) -> None:
    for section, keys in KEYS.items():
        for key in keys:
            value = env.get(f"PARETOFLEET_{section}_{key}".upper())
            if value is not None:
                values[section][key] = value
    for section in OPEN_SECTIONS:
        prefix = f"PARETOFLEET_{section}_".upper()
        for variable, value in env.items():
            if variable.startswith(prefix):
                key = variable[len(prefix) :].lower()
                _check_key(section, key, f"The environment sets {variable}")
                values[section][key] = value


def _pairs(labels: Any) -> dict[str, str]:
    pairs = {}
    for label in labels:
        key, equals, value = str(label).partition("=")
        if not equals:
            raise ConfigError(f"--label {label!r} has no value: write it as --label key=value.")
        pairs[key] = value
    return pairs


def _variables(values: Mapping[str, str]) -> dict[str, str]:
    """The variables of runners; names are upper case, as configparser keeps no case."""
    for name, value in values.items():
        if not VARIABLE.fullmatch(name) or "\0" in value:
            raise ConfigError(
                f"[variables] has {name!r}, which is no variable: write NAME = value, as in "
                "OMP_WAIT_POLICY = passive."
            )
    return {name.upper(): value for name, value in values.items()}


def _variable_names(value: str) -> tuple[str, ...]:
    names = tuple(value.replace(",", " ").split())
    for name in names:
        if not VARIABLE.fullmatch(name[:-1] if name.endswith("*") else name):
            raise ConfigError(
                f"The setting pass_variables names {name!r}, which is no variable: write NAME or PREFIX_*."
            )
    return names


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()).strip("-._") or "device"


def _name(setting: str, value: str) -> str:
    if not NAME.fullmatch(value):
        raise ConfigError(
            f"The {setting} {value!r} is not usable: begin with a letter or digit, "
            "go on with letters, digits, dots, dashes and underscores, 63 at most."
        )
    return value


def _device_class(value: str, simulate: str | None) -> str:
    """A simulated device says so in its class, whatever it is called."""
    if simulate:
        value = value or simulate
        return value if value.startswith(SIMULATED) else SIMULATED + value
    if value and value.startswith(SIMULATED):
        raise ConfigError(
            f"The class {value!r} is kept for simulated devices: choose another or give --simulate."
        )
    return _name("class", value or "cpu")


def checked_addresses(value: str) -> str:
    """The addresses in `value`, with commas between, each as `checked_address` has it."""
    return ",".join(checked_address(each.strip()) for each in value.split(","))


def checked_address(value: str) -> str:
    """`value` if it is HOST:PORT or unix:/PATH; raises ConfigError."""
    if value.startswith(f"{UNIX}/"):
        return value
    host, colon, port = value.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise ConfigError(f"The collector's address {value!r} is not HOST:PORT, such as {DEFAULT_COLLECTOR}.")
    return value


def _integer(setting: str, value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise ConfigError(f"The {setting} {value!r} is not a whole number.") from error


def _positive(setting: str, value: str) -> int:
    number = _integer(setting, value)
    if number <= 0:
        raise ConfigError(f"The setting {setting} is {value!r}: write a whole number above 0.")
    return number


def _yes(setting: str, value: str) -> bool:
    states = configparser.ConfigParser.BOOLEAN_STATES
    if value.lower() not in states:
        raise ConfigError(f"The setting {setting} is {value!r}: write yes or no.")
    return states[value.lower()]


def _command(value: str) -> tuple[str, ...]:
    """A command line, split as a shell would; no shell runs it."""
    try:
        command = tuple(shlex.split(value))
    except ValueError as error:
        raise ConfigError(f"The reboot_command {value!r} is no command line: {error}.") from error
    if not command:
        raise ConfigError(f"The reboot_command {value!r} names no program: write one, or leave it out.")
    return command


def _folder(setting: str, value: str) -> Path:
    path = Path(value)
    if not path.is_dir():
        raise ConfigError(f"The {setting} {value!r} is not a folder: make it or name another.")
    return path
