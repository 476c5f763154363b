"""The log of an agent whose folder lies beside the collector's, read by the agent's own command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from paretofleet_collector.cli.local_processes import agent_command
from paretofleet_collector.errors import Refused

#: Where `paretofleet up` puts the agent's folder, beside the collector's.
FOLDER = "agent"
_ANSWER_S = 30.0


def agent_lines(home: Path, names: Collection[str], count: int) -> list[dict[str, Any]] | None:
    """The last `count` lines that the agent of this machine logged, as the collector logs its own.

    The agent is that beside the collector's `home`. None where there is none, or it is no device of the
    `names`.
    """
    folder = home.absolute().parent / FOLDER
    if not folder.is_dir():
        return None
    try:
        command = agent_command()
        (facts,) = _answers([*command, "status"], folder)
        if not {facts.get("name"), facts.get("device_id")} & set(names):
            return None
        return _answers([*command, "logs", "--lines", str(count)], folder)
    except (Refused, OSError, ValueError, subprocess.SubprocessError):
        return None


def _answers(command: Sequence[str], home: Path) -> list[dict[str, Any]]:
    """The JSON objects that an agent's `command` prints about its `home`."""
    command = [*command, "--home", str(home), "-o", "json"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=_ANSWER_S
    )
    decoder, text, values = json.JSONDecoder(), done.stdout.strip(), []
    while text:
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:].lstrip()
    return values
