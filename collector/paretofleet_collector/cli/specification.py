"""From SPEC.yaml and flags to a specification; the flags change what the file says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from paretofleet_collector.cli.fed_options import inputs_of, sizes_of
from paretofleet_collector.cli.labelled_data import send_data
from paretofleet_collector.cli.model_upload import add_model, model_name
from paretofleet_collector.cli.sweep_options import SweepFlags
from paretofleet_collector.cli.units import seconds_of
from paretofleet_collector.errors import Refused, misused

if TYPE_CHECKING:
    from paretofleet_collector.planning.specification import Spec
    from paretofleet_collector.rpc.client import Client


def build(file: Path | None, flags: SweepFlags) -> Spec:
    """The specification in `file`, changed by the flags that were given; raises Refused and BadParameter."""
    from paretofleet_collector.planning.parsing import (
        spec_from_mapping,
    )  # YAML loads a while, help needs none

    if file is None and not flags.models:
        raise typer.BadParameter("give a SPEC.yaml or at least --model")
    value: Any = {} if file is None else _read(file)
    base = Path() if file is None else file.parent
    given = _given(flags)
    if isinstance(value, dict):
        given = _merged(value, given, flags)
        value = {**value, **given}
    try:
        spec = spec_from_mapping(value)
    except Refused as error:
        raise misused(f"{file}: {error}" if file else str(error)) from None
    return spec.resolved(base, of_models=Path() if flags.models is not None else None)


def of_values(value: Mapping[str, Any], flags: SweepFlags) -> Spec:
    """The specification that `value` means, as a file would have it, with `flags`; raises Refused."""
    from paretofleet_collector.planning.parsing import spec_from_mapping

    whole = {key: each for key, each in {**value, **_given(flags)}.items() if each is not None}
    try:
        return spec_from_mapping(whole).resolved(Path())
    except Refused as error:
        raise misused(str(error)) from None


def _merged(value: dict[str, Any], given: dict[str, Any], flags: SweepFlags) -> dict[str, Any]:
    """What was `given` by flags, with what of the file's `value` stands beside it."""
    if "repeats" in given and isinstance(value.get("repeats"), dict):
        given["repeats"] = {**value["repeats"], **given["repeats"]}  # its boots and its precision stay
    if flags.online:
        chosen = given.get("devices", value.get("devices")) or {}
        by_name = {"name": chosen} if isinstance(chosen, list | str) else chosen
        given["devices"] = {**by_name, "state": ["online"]} if isinstance(by_name, dict) else chosen
    if flags.options is not None:
        given["options"] = _options(flags.options, given.get("runtimes") or value.get("runtimes"))
    for key in ("sizes", "inputs"):
        if isinstance(value.get(key), dict) and isinstance(given.get(key), dict):
            given[key] = {**value[key], **given[key]}  # what the file says of others stays
    if isinstance(value.get("options"), dict) and "options" in given:
        for runtime, settings in value["options"].items():  # other settings of the file stay
            if isinstance(settings, dict):
                given["options"][runtime] = {**settings, **given["options"].get(runtime, {})}
    if isinstance(value.get("labels"), list) and "labels" in given:
        given["labels"] = [*value["labels"], *given["labels"]]
    if flags.adaptive is True and isinstance(value.get("adaptive"), str):
        del given["adaptive"]  # the file says for which use
    return given


def add_files(client: Client, spec: Spec) -> Spec:
    """Adds local files of models, of samples and of a labelled set to the collector.

    Returns the specification with names and hashes instead. Raises Refused.
    """
    from paretofleet_collector.cli.sample_files import send_files
    from paretofleet_collector.planning.inputs import files_of, with_hashes

    for path in spec.local_models():  # before anything is sent, so that nothing is left of what is refused
        if not Path(path).is_file():
            raise misused(
                f"{path} is not a file; give an ONNX or tflite file, the name of a model or zoo:NAME."
            )
    hashes = send_files(client, files_of(spec.inputs))
    spec = _with_models(client, replace(spec, inputs=with_hashes(spec.inputs, hashes)))
    return send_data(client, spec) if spec.data else spec


def _with_models(client: Client, spec: Spec) -> Spec:
    """The same with the local files of models added, and their names in the place of their paths."""
    if not spec.local_models():
        return spec
    from paretofleet_collector.cli.whole_file import whole_file
    from paretofleet_collector.rpc.client import sha256_of

    variants = client.list_models()
    names: dict[str, str] = {}
    for path in spec.local_models():
        with whole_file(Path(path)) as file:
            sha256 = sha256_of(file)
        stored = next((each for each in variants if each.sha256 == sha256 and each.stored), None)
        variant = stored or add_model(client, path)
        names[path] = f"{variant.model}@{variant.variant}"
    return spec.with_models(names)


def build_zoo(client: Client, models: Sequence[str]) -> None:
    """Builds what of the zoo is asked for and not stored yet; the plan has refused unknown names."""
    missing = {variant.model for variant in client.list_models() if not variant.stored}
    names = dict.fromkeys(model.removeprefix("zoo:").partition("@")[0] for model in models)
    to_build = [name for name in names if name in missing]
    for at, name in enumerate(to_build, start=1):
        add_model(client, f"zoo:{name}", counter=f"[{at}/{len(to_build)}] ")


def named(spec: Spec, file: Path | None = None) -> Spec:
    """The specification with a name: its own, the file's, or its first model's.

    The collector adds a number where a name that was made is taken, and refuses one that was given.
    """
    if spec.name:
        return spec
    first = file.stem if file else spec.models[0].removeprefix("zoo:").partition("@")[0]
    return replace(spec, name=model_name(Path(first))[:60])


def _read(file: Path) -> Any:
    from paretofleet_collector.planning.parsing import load_yaml

    try:
        return load_yaml(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise misused(f"{file} does not exist; write a specification there, or use --model.") from None
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise misused(f"{file} is not a text in UTF-8; a specification is YAML.") from None
    except Refused as error:
        raise misused(f"{file}: {error}") from None


def _given(flags: SweepFlags) -> dict[str, Any]:
    """The flags that were given, under the keys and with the values that the YAML would hold."""
    values = {
        "models": None if flags.models is None else _items(",".join(flags.models)),
        "devices": None if flags.devices is None else selector_of(flags.devices),
        "targets": None if flags.targets is None else _items(flags.targets),
        "runtimes": None if flags.runtimes is None else _items(flags.runtimes),
        "precisions": None if flags.precisions is None else _items(flags.precisions),
        "batch_sizes": None if flags.batch_sizes is None else _numbers(flags.batch_sizes),
        "sizes": sizes_of(flags.sizes),
        "inputs": inputs_of(flags.inputs),
        "threads": None if flags.threads is None else _threads(flags.threads),
        "mode": None if flags.modes is None else [_mode(item) for item in _items(flags.modes)],
        "data": flags.data,
        "protocol": flags.protocol,
        "timeout_s": flags.timeout_s,
        "wait_s": None if flags.wait is None else seconds_of("--wait", flags.wait),
        "repeats": None if flags.repeats is None else _repeats(flags.repeats),
        "adaptive": flags.adaptive,
        "seed": flags.seed,
        "name": flags.name,
        "note": flags.note,
        "labels": flags.labels,
    }
    return {key: value for key, value in values.items() if value is not None}


def _options(texts: Sequence[str], runtimes: Any) -> dict[str, dict[str, Any]]:
    """Settings by runtime, from texts like KEY=VALUE or RUNTIME.KEY=VALUE; raises BadParameter."""
    from paretofleet_collector.planning.specification import Spec

    names = [str(each) for each in runtimes] if isinstance(runtimes, list) and runtimes else Spec.runtimes
    settings: dict[str, dict[str, Any]] = {}
    for text in texts:
        left, equals, value = text.partition("=")
        runtime, dot, key = left.rpartition(".")
        if not key or not equals or not value:
            raise typer.BadParameter(f"--option {text}: write KEY=VALUE, as in --option allow_spinning=false")
        if not dot and len(names) != 1:
            raise typer.BadParameter(
                f"--option {text}: name its runtime, as in --option {names[0]}.{key}={value}"
            )
        settings.setdefault(runtime or names[0], {})[key] = _setting(value)
    return settings


def _setting(text: str) -> Any:
    """true, false and numbers are what they look like, everything else is text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _numbers(text: str) -> list[int | str]:
    """What is no number stays text, so that the specification refuses it by its key."""
    return [int(item) if item.isdecimal() else item for item in _items(text)]


def _threads(text: str) -> list[int | str | None]:
    return [None if number == "default" else number for number in _numbers(text)]


def _mode(text: str) -> str | dict[str, Any]:
    """`paced=5` as the YAML has it; what is no number stays text, so that the specification refuses it."""
    name, equals, rate = text.partition("=")
    if not equals:
        return text
    try:
        return {name: {"items_s": float(rate)}}
    except ValueError:
        return {name: {"items_s": rate}}


def _repeats(text: str) -> dict[str, int]:
    match = re.fullmatch(r"(\d+)(?:\s*[-:.]+\s*(\d+))?", text.strip())
    if not match:
        raise misused(f"--repeats: '{text}' is not a number of runs such as 5, or a range such as 5-20.")
    return {"min": int(match[1]), "max": int(match[2] or match[1])}


def selector_of(flags: Sequence[str]) -> dict[str, list[str]]:
    """`NAME` chooses by name, `KEY=VALUE` by class or label; several values of a key are alternatives."""
    selector: dict[str, list[str]] = {}
    for text in flags:
        for item in _items(text):
            key, equals, value = item.partition("=")
            selector.setdefault(key if equals else "name", []).append(value if equals else key)
    return selector
