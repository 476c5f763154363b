"""The pages of keys: those of a sweep's specification, of collector.toml and of agent.ini."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from paretofleet_agent import config as agent_config
from paretofleet_collector import config as collector_config
from paretofleet_collector.cli.session import COLLECTOR_VARIABLE
from paretofleet_collector.planning.absence import WAIT_DAYS_S, WAIT_S
from paretofleet_collector.planning.protocols import PROTOCOLS
from paretofleet_collector.planning.specification import KEYS as SPECIFICATION_KEYS
from paretofleet_collector.planning.specification import Spec
from paretofleet_collector.searches.specification import SEARCH_KEYS

from reference.markdown import origin, page, paragraph, table


def specification() -> str:
    """The page of every key of a sweep's specification with its type, default and meaning."""
    defaults = json.loads(Spec(models=()).to_json())
    keys = [
        (f"`{key.name}`", key.kind, _default(key.name, defaults), key.meaning) for key in SPECIFICATION_KEYS
    ]
    names = list(PROTOCOLS)
    limits = {name: _protocol_values(name) for name in names}
    rows = [(f"`{value}`", *(_plain(limits[name][value]) for name in names)) for value in limits[names[0]]]
    return page(
        "# Specification",
        paragraph(
            "A sweep's specification is YAML. A flag of `paretofleet sweep submit` comes before the "
            "file. Lists keep their order; a single value counts as a list of one. An unknown key is refused."
        ),
        origin(
            "collector/paretofleet_collector/planning/specification.py",
            "collector/paretofleet_collector/planning/protocols.py",
        ),
        table(("key", "type", "default", "meaning"), keys),
        "## Protocols",
        paragraph(
            "A protocol holds the limits of a run and the default of `repeats`. `_s` are seconds. "
            "What the limits do: [timing](../concepts/timing.md)."
        ),
        table(("limit", *(f"`{name}`" for name in names)), rows),
    )


def search() -> str:
    """The page of every key of a search's specification with its type and meaning."""
    return page(
        "# Specification of a search",
        paragraph(
            "What `paretofleet search plan` and `search start` read. Paths are relative to the file. An "
            "unknown key is refused. How a search is written and run: [search](../how-to/search.md)."
        ),
        origin("collector/paretofleet_collector/searches/specification.py"),
        table(("key", "type", "meaning"), [(f"`{key.name}`", key.kind, key.meaning) for key in SEARCH_KEYS]),
    )


def configuration() -> str:
    """The page of every key of collector.toml and agent.ini with its environment variable."""
    defaults = asdict(collector_config.Config(home=Path()))
    collector = [
        (f"`{key.name}`", f"`{key.variable}`", f"`{defaults[key.name]}`", key.meaning)
        for key in collector_config.KEYS
    ]
    return page(
        "# Configuration",
        paragraph(
            "A flag comes before an environment variable, that before the file, that before the default."
        ),
        origin("collector/paretofleet_collector/config.py", "agent/paretofleet_agent/config.py"),
        "## The collector: collector.toml",
        paragraph(
            "In the collector's folder: `--home`, else `PARETOFLEET_COLLECTOR_HOME`, else "
            "`$XDG_STATE_HOME/paretofleet/collector`. `paretofleet collector init` writes the file with "
            "every key. All stand in the section `[collector]`."
        ),
        table(("key", "environment variable", "default", "meaning"), collector),
        "## The agent: agent.ini",
        paragraph(
            "In the agent's folder: `--home`, else `PARETOFLEET_AGENT_HOME`, else "
            "`$XDG_STATE_HOME/paretofleet/agent`."
        ),
        table(("section", "key", "environment variable", "default", "meaning"), _agent_keys()),
        "## The command",
        paragraph(f"`{COLLECTOR_VARIABLE}` names the collector to talk to, as `--collector` does."),
        paragraph("`PARETOFLEET_DEBUG=1` shows where an internal error came from."),
    )


def _default(key: str, defaults: Mapping[str, Any]) -> str:
    """The default of `repeats.min` stands in the mapping `repeats`; models have none."""
    if key == "timeout_s":  # absent where it is not given
        return "by protocol"
    if key == "wait_s":
        return f"{WAIT_S:,.0f}, of several days {WAIT_DAYS_S:,.0f}"
    if key == "only":
        return "all"
    if key in ("data", "simulated", "note", "labels"):  # nothing is said
        return ""
    value: Any = defaults
    for part in key.split("."):
        value = value[part]
    if key == "models":
        return ""
    return "by protocol" if key.startswith("repeats") and key != "repeats.boots" else f"`{json.dumps(value)}`"


def _protocol_values(name: str) -> dict[str, Any]:
    protocol = PROTOCOLS[name]
    return {
        **asdict(protocol.limits),
        "repeats.min": protocol.runs_min,
        "repeats.max": protocol.runs_max,
        "repeats.relative_half_width": protocol.relative_half_width,
    }


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _agent_keys() -> Iterator[tuple[str, ...]]:
    for section, settings in agent_config.KEYS.items():
        for key, setting in settings.items():
            variable = f"PARETOFLEET_{section}_{key}".upper()
            default = f"`{setting.default}`" if setting.default else ""
            yield f"`[{section}]`", f"`{key}`", f"`{variable}`", default, setting.meaning
    for section, meaning in agent_config.OPEN_SECTIONS.items():
        yield f"`[{section}]`", "any", f"`PARETOFLEET_{section.upper()}_KEY`", "", meaning
