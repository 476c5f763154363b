"""Checks of single values of a specification; each names the key, and the fix, in what it raises."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from paretofleet_collector.errors import Refused
from paretofleet_collector.plain_text import shown
from paretofleet_collector.planning.absence import WAIT_S_MAX
from paretofleet_collector.planning.runtime_options import check_option
from paretofleet_collector.planning.specification import (
    BATCH_SIZE_MAX,
    ITEMS_S_MAX,
    ITEMS_S_MIN,
    MODES,
    NOTE_LETTERS_MAX,
    PRECISIONS,
    THREADS_MAX,
    TIMEOUT_S_MAX,
    TIMEOUT_S_MIN,
    Mode,
)
from paretofleet_collector.suggest import did_you_mean

T = TypeVar("T")
#: Entries of a list, keys of a mapping, letters of a text: a path is the longest.
LIST_MAX, KEYS_MAX, TEXT_MAX = 1_000, 64, 4_096
PACED = "paced"
_CONFIGURATION_ID = re.compile(r"[0-9a-f]{16}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def checked_list(key: str, value: object, item: Callable[[str, object], T]) -> tuple[T, ...]:
    """The entries of the list `value` as `item` checks them, each once; raises Refused.

    An empty list is refused, and one of more than LIST_MAX entries. A single value of the `key` counts as a
    list of one.
    """
    values = value if isinstance(value, list) else [value]
    if len(values) > LIST_MAX:
        raise Refused(f"`{key}` has {len(values):,} entries; at most {LIST_MAX:,} are accepted.")
    if not values:
        raise Refused(f"`{key}` is empty: give at least one value or leave the key out.")
    return tuple(dict.fromkeys(item(key, each) for each in values))


def checked_text(key: str, value: object) -> str:
    """The `value` of a `key` as text without spaces around it; raises Refused.

    That is where it is none, is longer than a path may be, or cannot be printed.
    """
    if not isinstance(value, str) or not value.strip():
        raise Refused(
            f"`{key}`: {shown(value)} is not a name; write text, in quotes where YAML reads it otherwise."
        )
    if len(value) > TEXT_MAX or not value.isprintable():
        raise Refused(f"`{key}`: {shown(value)} is not plain text of at most {TEXT_MAX:,} letters.")
    return value.strip()


def checked_configuration_id(key: str, value: object) -> str:
    """The `value` of a `key` as the id of a configuration; raises Refused."""
    if not isinstance(value, str) or not _CONFIGURATION_ID.fullmatch(value):
        raise Refused(f"`{key}`: {shown(value)} is no id of a configuration: 16 hex digits, as in a report.")
    return value


def checked_number(key: str, value: object, low: int, high: int) -> int:
    """The `value` of a `key` as a whole number from `low` to `high`, both included; raises Refused."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(f"`{key}`: {shown(value)} is not a whole number from {low} to {high}.")
    return value


def checked_choice(key: str, value: object, choices: tuple[str, ...]) -> str:
    """The `value` of a `key` that is one of `choices`; raises Refused for any other."""
    if not isinstance(value, str) or value not in choices:
        near = did_you_mean(value if isinstance(value, str) else "", choices)
        raise Refused(f"`{key}`: {shown(value)} is not offered; {near}")
    return value


def checked_precision(key: str, value: object) -> str:
    """The `value` of a `key` that is one of PRECISIONS; raises Refused."""
    return checked_choice(key, value, PRECISIONS)


def checked_mode(key: str, value: object) -> Mode:
    """The `value` of a `key` as a mode: text, or `{paced: {items_s: 5}}`; raises Refused."""
    if value == PACED or isinstance(value, dict):
        return Mode(PACED, _checked_rate(key, value))
    return Mode(checked_choice(key, value, MODES))


def _checked_rate(key: str, value: object) -> float:
    """The items a second in `{paced: {items_s: 5}}`."""
    inner = value.get(PACED) if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(inner, dict) or list(inner) != ["items_s"]:
        raise Refused(f"`{key}`: {shown(value)} has no rate: write `mode: {{paced: {{items_s: 5}}}}`.")
    items_s = inner["items_s"]
    is_number = isinstance(items_s, int | float) and not isinstance(items_s, bool)
    if not is_number or not ITEMS_S_MIN <= items_s <= ITEMS_S_MAX:
        raise Refused(
            f"`{key}.{PACED}.items_s`: {shown(items_s)} is no rate from {ITEMS_S_MIN:g} to {ITEMS_S_MAX:g} "
            "items a second."
        )
    return float(items_s)


def checked_batch_size(key: str, value: object) -> int:
    """The `value` of a `key` as a number of items in a batch; raises Refused."""
    return checked_number(key, value, 1, BATCH_SIZE_MAX)


def checked_threads(key: str, value: object) -> int | None:
    """The `value` of a `key` as a number of threads, None for the device's default; raises Refused."""
    return None if value is None else checked_number(key, value, 1, THREADS_MAX)


def checked_timeout(key: str, value: object) -> float | None:
    """The `value` of a `key` as the seconds of a run, None for the protocol's; raises Refused."""
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not TIMEOUT_S_MIN <= value <= TIMEOUT_S_MAX
    ):
        raise Refused(
            f"`{key}`: {shown(value)} is no number of seconds from {TIMEOUT_S_MIN:g} to {TIMEOUT_S_MAX:,.0f}."
        )
    return float(value)


def checked_wait(key: str, value: object) -> float | None:
    """The `value` of a `key` as seconds to wait for a device, None for the default; raises Refused."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= WAIT_S_MAX:
        raise Refused(f"`{key}`: {shown(value)} is no number of seconds from 0 to {WAIT_S_MAX:,.0f}.")
    return float(value)


def checked_name(value: object) -> str:
    """The `value` as a sweep's name, which may be empty until it is submitted; raises Refused."""
    if value == "":
        return ""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Refused(
            f"`name`: {shown(value)} is not a sweep's name; "
            "use up to 64 letters, digits, dots, hyphens and underscores."
        )
    return value


def checked_note(value: object) -> str:
    """The `value` as a note on a sweep, in one line; raises Refused."""
    if (
        not isinstance(value, str)
        or len(value) > NOTE_LETTERS_MAX
        or not " ".join(value.split()).isprintable()
    ):
        raise Refused(f"`note`: {shown(value)} is not plain text of at most {NOTE_LETTERS_MAX:,} letters.")
    return " ".join(value.split())


def checked_labels(value: object) -> tuple[str, ...]:
    """The `value` as the labels of a sweep, each once; raises Refused."""
    labels = () if value == [] else checked_list("labels", value, _checked_label)
    if len(labels) > KEYS_MAX:
        raise Refused(f"`labels` has {len(labels):,} entries; at most {KEYS_MAX} are accepted.")
    return labels


def _checked_label(key: str, value: object) -> str:
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise Refused(
            f"`{key}`: {shown(value)} is not a label; use up to 64 letters, digits, dots, hyphens, "
            "underscores and slashes."
        )
    return value


def checked_selector(value: object) -> dict[str, tuple[str, ...]]:
    """The `value` as a label selector; a list, or one text, is a list of device names. Raises Refused."""
    if isinstance(value, str | list):
        return {"name": checked_list("devices", value, checked_text)}
    if not isinstance(value, dict):
        raise Refused("`devices` is a list of names or a selector such as `{class: jetson-tx2}`.")
    if len(value) > KEYS_MAX:
        raise Refused(f"`devices` has {len(value):,} keys; at most {KEYS_MAX} are accepted.")
    return {
        checked_text("devices", key): checked_list(f"devices.{key}", alternatives, checked_text)
        for key, alternatives in value.items()
    }


def checked_options(value: object, runtimes: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The `value` as options of each of the sweep's `runtimes`, by its name; raises Refused."""
    if not isinstance(value, dict):
        raise Refused("`options` is a mapping such as `{onnxruntime: {}}`.")
    result: dict[str, dict[str, Any]] = {}
    for runtime, options in value.items():
        if runtime not in runtimes:
            raise Refused(
                f"`options` names the runtime {shown(runtime)}, which is not in `runtimes`: "
                f"{', '.join(runtimes[:8])}."
            )
        if not isinstance(options, dict | None) or len(options or {}) > KEYS_MAX:
            raise Refused(f"`options.{runtime}` is not a mapping of at most {KEYS_MAX} options to values.")
        for key, setting in (options or {}).items():
            _check_option(runtime, key, setting)
        if options:
            result[runtime] = dict(options)
    return result


def _check_option(runtime: str, key: object, setting: object) -> None:
    is_name = isinstance(key, str) and len(key) <= 128 and key.isprintable()
    is_text = isinstance(setting, str) and len(setting) <= TEXT_MAX and setting.isprintable()
    if not is_name or not (is_text or isinstance(setting, int | float)):
        name = key if is_name else shown(key)
        raise Refused(
            f"`options.{runtime}.{name}`: {shown(setting)} is not text of at most {TEXT_MAX:,} letters, a "
            "number or true/false."
        )
    check_option(runtime, str(key), setting)
