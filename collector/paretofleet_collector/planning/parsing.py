"""From YAML, JSON or flags to a specification: every value checked, the defaults filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from paretofleet_collector.bounded_json import check_value, parse_bounded
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.limits import JSON_BYTES_MAX
from paretofleet_collector.model.remarks import Remarks
from paretofleet_collector.plain_text import shown
from paretofleet_collector.planning.data import ACCURACY, check_alone, checked_data
from paretofleet_collector.planning.inputs import checked_inputs, checked_sizes
from paretofleet_collector.planning.protocols import PROTOCOLS
from paretofleet_collector.planning.repeats import checked_repeats, with_adaptive
from paretofleet_collector.planning.simulated import checked_simulated
from paretofleet_collector.planning.specification import KEYS, TIMING_SCOPES, Spec
from paretofleet_collector.planning.values import (
    checked_batch_size,
    checked_choice,
    checked_configuration_id,
    checked_labels,
    checked_list,
    checked_mode,
    checked_name,
    checked_note,
    checked_number,
    checked_options,
    checked_precision,
    checked_selector,
    checked_text,
    checked_threads,
    checked_timeout,
    checked_wait,
)
from paretofleet_collector.suggest import did_you_mean

_TOP_KEYS = tuple(key.name for key in KEYS if "." not in key.name)
_DEFAULT = Spec(models=())


class _Loader(yaml.SafeLoader):
    """Refuses a key that is written twice, of which YAML would silently keep the last.

    And keys that are merged in from elsewhere: a few of them, merged again and again, fill the memory.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Raises ConstructorError on a merge key."""
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "merge keys (<<) are not read, write the keys out", key.start_mark
                )

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Builds a mapping; raises ConstructorError on a repeated key."""
        seen: set[str] = set()
        for key, _ in node.value:
            text = str(key.value)[:100]
            if text in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{text}' is written twice", key.start_mark
                )
            seen.add(text)
        return super().construct_mapping(node, deep=deep)


def parse_yaml(text: str, base: Path) -> Spec:
    """The specification in a YAML `text`; paths of models are relative to the folder `base`.

    Raises Refused with one sentence that names the key and the fix.
    """
    return spec_from_mapping(load_yaml(text)).resolved(base)


def load_yaml(text: str) -> Any:
    """The value that a YAML `text` holds, its keys unchecked; raises Refused.

    That is where it is not YAML, or too much: bytes, depth, digits, aliases of aliases.
    """
    if len(text) > JSON_BYTES_MAX:
        raise Refused(f"A specification has at most {JSON_BYTES_MAX:,} letters, not {len(text):,}.")
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}" if mark else ""
        raise Refused(f"The specification is not YAML{where}: {error.problem}.") from None
    except RecursionError:
        raise Refused("The specification is not YAML: it is nested too deeply.") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise Refused(f"The specification is not YAML: {' '.join(str(error).split())[:200]}.") from None
    _check_value(value)
    return value


def _check_value(value: Any) -> None:
    try:
        check_value(value, "it")
    except Refused as error:
        raise Refused(f"The specification: {error}.") from None


def parse_json(text: str) -> Spec:
    """The specification in a JSON `text`; raises Refused with the key and the fix."""
    try:
        value = parse_bounded(text, "it")
    except Refused as error:
        raise Refused(f"The specification: {error}.") from None
    return spec_from_mapping(value)


def parse_inputs(text: str) -> dict[str, dict[str, Any]]:
    """What is fed to inputs in a JSON `text`, as a specification has it; raises Refused."""
    return checked_inputs(parse_bounded(text, "`inputs`"))


def spec_from_mapping(value: object) -> Spec:
    """The specification in `value`, a parsed YAML or JSON object; raises Refused with the key and the fix."""
    if not isinstance(value, dict):
        raise Refused("A specification is a mapping with at least `models: [...]`.")
    for key in value:
        if key not in _TOP_KEYS:
            raise Refused(
                f"Unknown key {shown(key)}: "
                f"{did_you_mean(str(key)[:64], _TOP_KEYS, names_max=len(_TOP_KEYS))}"
            )
    given = {key: item for key, item in value.items() if item is not None}
    if "models" not in given:
        raise Refused("`models` is missing: name at least one, as in `models: [zoo:resnet50]`.")
    protocol = checked_choice("protocol", given.get("protocol", _DEFAULT.protocol), tuple(PROTOCOLS))
    runtimes = checked_list("runtimes", given.get("runtimes", [*_DEFAULT.runtimes]), checked_text)
    sizes = checked_list("batch_sizes", given.get("batch_sizes", [*_DEFAULT.batch_sizes]), checked_batch_size)
    seed = checked_number("seed", given.get("seed", _DEFAULT.repeats.seed), 0, 2**63 - 1)
    modes = checked_list("mode", given.get("mode", [_DEFAULT.modes[0].name]), checked_mode)
    is_evaluation = [mode.name for mode in modes] == [ACCURACY]
    repeats = checked_repeats(given.get("repeats", 1 if is_evaluation else {}), protocol, seed)
    if len(modes) > 1 and given.get("adaptive", False) is not False:
        raise Refused("`adaptive` ranks rows of one mode: give one `mode`, or leave `adaptive` out.")
    data = checked_data(given["data"]) if "data" in given else {}
    check_alone(
        data,
        [mode.name for mode in modes],
        is_fed=bool(given.get("inputs")),
        batch_sizes=len(sizes),
        repeats=repeats.runs_max,
    )
    return Spec(
        name=checked_name(given.get("name", _DEFAULT.name)),
        models=checked_list("models", given["models"], checked_text),
        devices=checked_selector(given.get("devices", {})),
        targets=checked_list("targets", given.get("targets", [*_DEFAULT.targets]), checked_text),
        runtimes=runtimes,
        options=checked_options(given.get("options", {}), runtimes),
        precisions=checked_list(
            "precisions", given.get("precisions", [*_DEFAULT.precisions]), checked_precision
        ),
        batch_sizes=sizes,
        sizes=checked_sizes(given.get("sizes", {})),
        inputs=checked_inputs(given.get("inputs", {})),
        threads=checked_list("threads", given.get("threads", [*_DEFAULT.threads]), checked_threads),
        modes=modes,
        data=data,
        simulated=checked_simulated(given.get("simulated", {}), sizes, modes),
        timing_scope=checked_choice(
            "timing_scope", given.get("timing_scope", _DEFAULT.timing_scope), TIMING_SCOPES
        ),
        protocol=protocol,
        timeout_s=checked_timeout("timeout_s", given.get("timeout_s")),
        wait_s=checked_wait("wait_s", given.get("wait_s")),
        repeats=with_adaptive(repeats, given.get("adaptive", False), sizes),
        only=checked_list("only", given["only"], checked_configuration_id) if "only" in given else (),
        remarks=Remarks(checked_note(given.get("note", "")), checked_labels(given.get("labels", []))),
    )
