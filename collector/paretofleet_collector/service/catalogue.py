"""What the command asks for, but for sweeps: devices, models, reports and samples."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, ModelRefused, NotFound, Refused
from paretofleet_collector.lake.files import model_file
from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.lifecycle.notes import running_now
from paretofleet_collector.model.entities import Device, Variant
from paretofleet_collector.models import variants, zoo
from paretofleet_collector.planning.specification import PRECISIONS
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import devices, models, sealed, sweeps
from paretofleet_collector.store.sealed import SealedFile

ACTIONS = ("pause", "resume", "remove", "label")
REBUILD_BATCH = 200
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")


@dataclass(frozen=True)
class NewModel:
    """A model file that a user sends. `variant_of`: the model of which it is another variant, or empty."""

    model: str
    variant_of: str
    precision: str
    size_bytes: int
    sha256: str
    top1: float | None
    top1_n: int | None


@dataclass(frozen=True)
class Rebuilt:
    """How many summaries were computed again, how many changed, and the rule's version."""

    runs: int
    changed: int
    rule_version: str


async def list_devices(context: Context) -> list[Device]:
    """Every device that ever joined, removed ones last, with what it does now."""

    def work(connection: sa.Connection) -> list[Device]:
        busy = {device_id: now.what for device_id, now in running_now(connection).items()}
        found = devices.listing(connection, context.now(), context.offline_after_s)
        return [replace(device, running=busy.get(device.device_id, "")) for device in found]

    return await context.store.read(work)


async def change_device(context: Context, name: str, action: str, labels: Mapping[str, str]) -> Device:
    """Pauses, resumes, removes or labels a device; returns it as it is then.

    Removing one cancels its open runs, so that sweeps with other devices can end.
    """
    if action not in ACTIONS:
        raise Refused(f"'{action}' cannot be done to a device; choose one of {', '.join(ACTIONS)}.")
    for key, value in labels.items():
        if not _LABEL.fullmatch(key) or len(value) > 128:
            raise Refused(
                f"'{key}={value}' is not a label; use letters, digits, dots, hyphens and underscores."
            )

    def work(connection: sa.Connection) -> Device:
        device = devices.find(connection, name, context.now(), context.offline_after_s)
        devices.change(connection, device, action, labels)
        if action == "remove":
            message = f"The device {device.name} was removed."
            transitions.give_up(connection, device.device_id, message, context.now())
        return devices.find(connection, device.device_id, context.now(), context.offline_after_s)

    return await context.store.write(work)


async def list_models(context: Context) -> list[Variant]:
    """The stored variants and the networks of the zoo that were not built yet."""
    return variants.with_zoo(await context.store.read(models.listing))


async def add_zoo_model(context: Context, name: str) -> Variant:
    """Builds a network of the zoo unless it is there; raises NotFound, StorageFull."""
    wanted = variants.zoo_variant(name.removeprefix("zoo:"), stored=True)
    for variant in await context.store.read(models.listing):
        if variant.sha256 == wanted.sha256 and context.lake.model_path(variant.sha256).exists():
            return variant
    context.check_room()
    await context.heavy.run("build_zoo", lake=str(context.lake.root), name=wanted.model)
    return await context.store.write(lambda connection: models.add(connection, wanted))


async def add_model(context: Context, new: NewModel, data: AsyncIterator[bytes]) -> Variant:
    """Receives a model file, inspects it and stores it; nothing is left when any of that fails.

    Raises ModelRefused, Refused, Taken, NotFound or StorageFull.
    """
    parent = await _check_new(context, new)
    path = context.lake.temporary(".onnx")
    try:
        await _receive(context, new, data, path)
        facts = await context.heavy.run("inspect", path=str(path), called=new.model)
        if new.precision and new.precision != facts["weights_precision"]:
            raise ModelRefused(
                f"{new.model}: the weights are {facts['weights_precision']}, not {new.precision}; "
                "leave --precision out or export the model again."
            )
        variant = Variant(
            model=new.variant_of or new.model,
            variant=new.model if new.variant_of else "file",
            sha256=new.sha256,
            recipe="file",
            parent=parent.sha256 if parent else None,
            top1=new.top1,
            top1_n=new.top1_n,
            top1_source="user" if new.top1 is not None else None,
            accuracy_group=f"user {new.sha256[:16]}" if new.top1 is not None else None,
            **facts,
        )
        return await _keep(context, variant, path)
    finally:
        path.unlink(missing_ok=True)


async def _keep(context: Context, variant: Variant, path: Path) -> Variant:
    """Puts an inspected file in its place, then stores its row; without the row the file goes again."""
    placed = model_file(variant.sha256)
    context.lake.commit(path, placed)
    try:
        return await context.store.write(lambda connection: models.add(connection, variant))
    except CollectorError:
        if all(one.sha256 != variant.sha256 for one in await context.store.read(models.listing)):
            context.lake.remove(placed)
        raise


async def _check_new(context: Context, new: NewModel) -> Variant | None:
    """Refuses what can be refused before the file comes; returns the variant that it descends from."""
    if not _MODEL.fullmatch(new.model):
        raise Refused(
            f"'{new.model}' is not a model's name; use letters, digits, dots, hyphens and underscores."
        )
    if new.precision and new.precision not in PRECISIONS:
        raise Refused(f"'{new.precision}' is not a precision; choose one of {', '.join(PRECISIONS)}.")
    if new.top1 is not None and not 0 <= new.top1 <= 100:
        raise Refused(f"top1 is {new.top1:g}; it is a percentage from 0 to 100.")
    if (new.top1 is None) != (new.top1_n is None) or (new.top1_n is not None and new.top1_n < 1):
        raise Refused("An accuracy comes with the number of test items; give both --top1 and --top1-n.")
    if new.size_bytes > context.config.model_max_bytes:
        most = context.config.model_max_bytes / 2**30
        raise ModelRefused(f"{new.model} has {new.size_bytes} bytes; at most {most:g} GiB are accepted.")
    if not re.fullmatch(r"[0-9a-f]{64}", new.sha256):
        raise Refused(f"{new.model}: the SHA-256 that came with the file is not one; upgrade the command.")
    context.check_room()
    stored = await list_models(context)
    if not new.variant_of:
        if new.model in zoo.NAMES:
            raise Refused(f"'{new.model}' is the name of a network of the zoo; choose another name.")
        return None
    family = [variant for variant in stored if variant.model == new.variant_of]
    if not family:
        raise NotFound(
            f"There is no model '{new.variant_of}'; `paretofleet models list` shows those there are."
        )
    return next((variant for variant in family if variant.parent is None), family[0])


async def _receive(context: Context, new: NewModel, data: AsyncIterator[bytes], path: Path) -> None:
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        async for part in data:
            size += len(part)
            if size > new.size_bytes:
                raise ModelRefused(
                    f"{new.model}: more than the announced {new.size_bytes} bytes came; send it again."
                )
            context.check_room()
            digest.update(part)
            file.write(part)
    if size != new.size_bytes or digest.hexdigest() != new.sha256:
        raise ModelRefused(
            f"{new.model} was damaged on the way ({size} of {new.size_bytes} bytes); send it again."
        )


async def report_file(context: Context, sweep: str) -> tuple[str, Path]:
    """The report of a sweep as it stands: its name, and a temporary file that the caller deletes."""
    found = await context.store.read(lambda connection: sweeps.find(connection, sweep))
    path = await context.heavy.run(
        "report", database=str(context.store.path), lake=str(context.lake.root), sweep_id=found.sweep_id
    )
    return f"{found.name}.parquet", Path(path)


async def sample_files(context: Context, sweep: str) -> list[tuple[str, Path]]:
    """The sealed files of a sweep: path to show and where each lies; NotFound without any."""

    def work(connection: sa.Connection) -> tuple[str, list[SealedFile]]:
        found = sweeps.find(connection, sweep)
        return found.name, sealed.files(connection, found.sweep_id)

    name, found = await context.store.read(work)
    if not found:
        raise NotFound(f"Sweep '{name}' has no sealed samples yet; see `paretofleet sweep watch {name}`.")
    return [(f"{name}/{Path(file.path).name}", context.lake.root / file.path) for file in found]


async def rebuild(context: Context, sweep: str) -> Rebuilt:
    """Computes every summary of a sweep again from its sealed samples and stores what comes out."""

    def sealed_runs(connection: sa.Connection) -> list[str]:
        found = sweeps.find(connection, sweep)
        return [file.run_id for file in sealed.files(connection, found.sweep_id)]

    run_ids = await context.store.read(sealed_runs)
    changed, version = 0, ""
    for start in range(0, len(run_ids), REBUILD_BATCH):
        summaries = await context.heavy.run(
            "summarize_again",
            database=str(context.store.path),
            lake=str(context.lake.root),
            run_ids=run_ids[start : start + REBUILD_BATCH],
        )

        def store(connection: sa.Connection, summaries: dict[str, dict[str, object]] = summaries) -> int:
            return sum(sealed.replace_summary(connection, run_id, one) for run_id, one in summaries.items())

        changed += await context.store.write(store)
        version = next(iter(summaries.values()))["rule_version"]
    return Rebuilt(len(run_ids), changed, version)
