"""What the command asks for about models: list them, add a file, build a network of the zoo."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, ModelRefused, NotFound, Refused, StorageUnavailable
from paretofleet_collector.lake.files import model_file
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.inputs import InputFile
from paretofleet_collector.model.messages import PUBLISHED, TRAINED, NewModel
from paretofleet_collector.model.trainings import checked_training
from paretofleet_collector.models import variants, zoo
from paretofleet_collector.planning.feeding import Fed, default_feed, description_of
from paretofleet_collector.planning.inputs import Inputs, check_sent
from paretofleet_collector.planning.parsing import parse_inputs
from paretofleet_collector.planning.specification import PRECISIONS
from paretofleet_collector.service import inputs
from paretofleet_collector.service.context import Context
from paretofleet_collector.service.receiving import Announced, receive
from paretofleet_collector.store import input_files, models
from paretofleet_collector.suggest import did_you_mean

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


async def list_models(context: Context) -> list[Variant]:
    """The variants stored in `context` and the networks of the zoo that were not built yet."""
    return variants.with_zoo(await context.store.read(models.listing))


async def add_zoo_model(context: Context, name: str) -> Variant:
    """Builds the network of the zoo called `name` unless `context` has it.

    Raises NotFound or StorageUnavailable.
    """
    built = variants.zoo_variant(name.removeprefix("zoo:"), stored=True)
    known = replace(built, top1=None)  # an accuracy of the user's stays
    for variant in await context.store.read(models.listing):
        if variant.sha256 == built.sha256:
            path = await asyncio.to_thread(context.lake.model_path, variant.sha256)
            if path.exists():
                return await context.store.write(lambda connection: models.add(connection, known))
    context.check_room()
    done = await context.worker.run("build_zoo", lake=context.lake.address, name=built.model)
    built = replace(built, graph=done["graph"])
    return await context.store.write(lambda connection: models.add(connection, built))


async def add_model(context: Context, new: NewModel, data: AsyncIterator[bytes]) -> Variant:
    """Receives the `data` of a `new` model file, inspects it and stores it in `context`.

    Nothing is left when any of that fails. Raises ModelRefused, Refused, Taken, NotFound or
    StorageUnavailable.
    """
    if new.is_private:
        new = replace(new, model=private_alias(new.sha256))
    fed = parse_inputs(new.inputs_json) if new.inputs_json else {}
    training = checked_training(new.training_json)
    path = context.lake.temporary(".onnx")
    try:
        parent = await _check_new(context, new)
        files = await _files_of(context, fed)
        await receive(context, Announced(new.model, new.size_bytes, new.sha256), data, path)
        facts = await _inspect(context, path, new.model, Fed(new.sizes, fed))
        if new.precision and new.precision != facts["weights_precision"]:
            raise ModelRefused(
                f"{new.model}: the weights are {facts['weights_precision']}, not {new.precision}; "
                "leave --precision out or export the model again."
            )
        variant = Variant(
            model=new.variant_of or new.model,
            variant=new.model if new.variant_of else "file",
            sha256=new.sha256,
            recipe=facts.pop("recipe", "file"),
            parent=parent.sha256 if parent else None,
            top1=new.top1,
            top1_n=new.top1_n,
            top1_source=_top1_source(new),
            accuracy_group=_accuracy_group(new),
            top5=new.top5,
            licence=new.licence or None,
            weights_source=new.weights_source or None,
            is_private=new.is_private,
            training=training,
            **facts,
        )
        try:
            settled = default_feed(description_of(variant), Fed(new.sizes, fed), files)
        except Refused as error:
            raise ModelRefused(f"{new.model}: {error}") from None
        if settled.sizes != new.sizes:  # samples say more of them, and so of the work
            variant = replace(variant, **await _inspect(context, path, new.model, settled))
        return await keep(context, replace(variant, sizes=settled.sizes, inputs=settled.inputs), path)
    except Refused:
        await inputs.drop_unused(context, (each.get("sha256", "") for each in fed.values()))
        raise
    finally:
        path.unlink(missing_ok=True)


def private_alias(sha256: str) -> str:
    """What a private file is called everywhere: by 12 digits of its `sha256`."""
    return f"private-{sha256[:12]}"


def _top1_source(new: NewModel) -> str | None:
    return None if new.top1 is None else new.top1_source or "user"


def _accuracy_group(new: NewModel) -> str | None:
    """A checkpoint's files share its accuracy, whatever they are exported to."""
    if new.top1 is None:
        return None
    return new.weights_source[:128] if new.top1_source == PUBLISHED else f"user {new.sha256[:16]}"


async def _inspect(context: Context, path: Path, model: str, fed: Fed) -> dict[str, Any]:
    """The facts of a model file by what it is fed."""
    facts: dict[str, Any] = await context.worker.run(
        "inspect", path=str(path), called=model, sizes=dict(fed.sizes), inputs=dict(fed.inputs)
    )
    return facts


async def keep(context: Context, variant: Variant, path: Path) -> Variant:
    """Puts the inspected file at `path` in its place in `context`, then stores the row of the `variant`.

    Without the row the file goes again. Raises Taken and StorageUnavailable.
    """
    async with context.neighbours.claimed(f"model {variant.sha256}", waits=True):
        return await _keep_alone(context, variant, path)


async def _keep_alone(context: Context, variant: Variant, path: Path) -> Variant:
    relative = model_file(variant.sha256)
    if variant.is_private:
        await asyncio.to_thread(path.chmod, 0o600)
        variant = replace(variant, graph={**variant.graph, "name": variant.model})
    await asyncio.to_thread(context.lake.commit, path, relative)
    try:
        return await context.store.write(lambda connection: _add(connection, variant))
    except StorageUnavailable:
        raise  # nobody knows whether the row was stored, and a row without its file would be worse
    except CollectorError:
        if all(stored.sha256 != variant.sha256 for stored in await context.store.read(models.listing)):
            await asyncio.to_thread(context.lake.remove, relative)
        raise


def _add(connection: sa.Connection, variant: Variant) -> Variant:
    """Stores a variant; of a file that is there already only what it is fed, where that was given now."""
    stored = models.add(connection, variant)
    if not variant.sizes and not variant.inputs and stored.graph:
        return stored
    sizes, fed = (
        (variant.sizes, variant.inputs) if variant.sizes or variant.inputs else (stored.sizes, stored.inputs)
    )
    return models.set_fed(
        connection, replace(stored, sizes=sizes, inputs=fed, graph=variant.graph, macs=variant.macs)
    )


async def _files_of(context: Context, fed: Inputs) -> dict[str, InputFile]:
    """The files of samples that `fed` names, by SHA-256; raises NotFound."""

    def work(connection: sa.Connection) -> dict[str, InputFile]:
        files = {file.sha256: file for file in input_files.listing(connection)}
        check_sent(fed, files)
        return files

    return await context.store.read(work)


def _check_accuracy(new: NewModel) -> None:
    """Refuses an accuracy that is none, or says of no items or of nobody's checkpoint."""
    for called, accuracy in (("top1", new.top1), ("top5", new.top5)):
        if accuracy is not None and not 0 <= accuracy <= 100:
            raise Refused(f"{called} is {accuracy:g}; it is a percentage from 0 to 100.")
    if new.top1_source not in {"", "user", PUBLISHED, TRAINED} or (
        new.top1_source == PUBLISHED and not new.weights_source
    ):
        raise Refused("An accuracy is the user's, or that of a published checkpoint, which is then named.")
    if new.top1_source == TRAINED and not new.training_json:
        raise Refused("An accuracy of a training comes with that training: `paretofleet train` sends both.")
    if new.top5 is not None and (new.top1 is None or new.top5 < new.top1):
        raise Refused("The class among the five best comes with --top1 of the same items, and is no smaller.")
    if (new.top1 is None) != (new.top1_n is None) or (new.top1_n is not None and new.top1_n < 1):
        raise Refused("An accuracy comes with the number of test items; give both --top1 and --top1-n.")


async def _check_new(context: Context, new: NewModel) -> Variant | None:
    """Refuses what can be refused before the file comes; returns the variant that it descends from."""
    if not MODEL_NAME.fullmatch(new.model):
        raise Refused(
            f"'{new.model}' is not a model's name; use letters, digits, dots, hyphens and underscores."
        )
    if new.precision and new.precision not in PRECISIONS:
        raise Refused(f"'{new.precision}' is not a precision; choose one of {', '.join(PRECISIONS)}.")
    _check_accuracy(new)
    if new.size_bytes > context.config.model_max_bytes:
        most = context.config.model_max_bytes / 2**30
        raise ModelRefused(f"{new.model} has {new.size_bytes} bytes; at most {most:g} GiB are accepted.")
    if not re.fullmatch(r"[0-9a-f]{64}", new.sha256):
        raise Refused(f"{new.model}: the SHA-256 that came with the file is not one; upgrade the command.")
    context.check_room()
    stored = await list_models(context)
    if not new.variant_of:
        if new.model in zoo.NAMES:
            raise Refused(
                f"'{new.model}' is the name of a network of the zoo; add the file under another: "
                "`paretofleet models add FILE --name OTHER`."
            )
        return None
    family = [variant for variant in stored if variant.model == new.variant_of]
    if not family:
        near = did_you_mean(new.variant_of, (variant.model for variant in stored))
        raise NotFound(f"There is no model '{new.variant_of}'; {near or 'none is stored'}")
    return next((variant for variant in family if variant.parent is None), family[0])
