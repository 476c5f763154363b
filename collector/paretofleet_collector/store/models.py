"""Variants: the model files of the lake, known by their SHA-256."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import NotFound, Taken
from paretofleet_collector.model.canonical import canonical_json
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.store.base import METADATA, changed

VARIANTS = sa.Table(
    "variants",
    METADATA,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(128), nullable=False),
    sa.Column("variant", sa.String(128), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("recipe", sa.Text, nullable=False),
    sa.Column("weights_precision", sa.String(16), nullable=False),
    sa.Column("parent", sa.String(64)),
    sa.Column("parameters", sa.BigInteger),
    sa.Column("macs", sa.BigInteger),
    sa.Column("top1", sa.Float),
    sa.Column("top1_n", sa.BigInteger),
    sa.Column("top1_source", sa.String(64)),
    sa.Column("accuracy_group", sa.String(128)),
    sa.Column("top5", sa.Float),
    sa.Column("licence", sa.String(128)),
    sa.Column("weights_source", sa.String(512)),
    sa.Column("fixed_batch_size", sa.BigInteger),
    #: What is fed where a sweep says nothing, and what the graph asks for; `{}` where nobody has read it.
    sa.Column("sizes_json", sa.Text, nullable=False, server_default="{}"),
    sa.Column("inputs_json", sa.Text, nullable=False, server_default="{}"),
    sa.Column("graph_json", sa.Text, nullable=False, server_default="{}"),
    #: Of the recipe by which it was made here, empty for files that came; its size in a compact format.
    sa.Column("record", sa.Text, nullable=False, server_default=""),
    sa.Column("compressed_bytes", sa.BigInteger),
    sa.Column("is_private", sa.Boolean, nullable=False, server_default=sa.false()),
    #: What its trainings came to and cost; `{}` where nobody measured any.
    sa.Column("training_json", sa.Text, nullable=False, server_default="{}"),
    sa.UniqueConstraint("model", "variant"),
)

#: Fields of a variant that a column holds as JSON.
_FED = ("sizes", "inputs", "graph")
_JSON = (*_FED, "training")


def add(connection: sa.Connection, variant: Variant) -> Variant:
    """Stores a `variant` through `connection` and returns what is stored.

    The same file under the same model is no second one; an accuracy that comes with it is kept where none
    was known. Raises Taken when the file belongs to another model or has another accuracy, or the name
    belongs to another file.
    """
    same_file = _first(connection, VARIANTS.c.sha256 == variant.sha256)
    if same_file is not None:
        if same_file.model != variant.model:
            raise Taken(f"This file is stored already as model '{same_file.model}'; use that name.")
        return _with_given(connection, same_file, variant)
    same_name = _first(
        connection, sa.and_(VARIANTS.c.model == variant.model, VARIANTS.c.variant == variant.variant)
    )
    if same_name is not None:
        raise Taken(
            f"Model '{variant.model}' has a variant '{variant.variant}' from another file "
            f"({same_name.sha256[:12]}); choose another name: `paretofleet models add FILE --name NAME`."
        )
    values = asdict(variant)
    del values["stored"]  # what is in the table is stored
    for name in _JSON:
        values[f"{name}_json"] = canonical_json(values.pop(name))
    connection.execute(VARIANTS.insert().values(**values))
    return variant


def set_fed(connection: sa.Connection, variant: Variant) -> Variant:
    """Stores through `connection` what a stored `variant` is fed by default, and its MACs; returns it."""
    values: dict[str, Any] = {f"{name}_json": canonical_json(getattr(variant, name)) for name in _FED}
    values["macs"] = variant.macs
    connection.execute(VARIANTS.update().where(VARIANTS.c.sha256 == variant.sha256).values(**values))
    return variant


def _with_given(connection: sa.Connection, stored: Variant, again: Variant) -> Variant:
    """A `stored` variant whose file comes `again`, with what came along and was not known."""
    is_new = again.top1 is not None and (again.top1, again.top1_n) != (stored.top1, stored.top1_n)
    if is_new and stored.top1 is not None:
        raise Taken(
            f"{stored.model}@{stored.variant} is stored with top1 {stored.top1:g} of {stored.top1_n} items "
            f"already, and reports use it; `paretofleet models set {stored.model}@{stored.variant} --top1 "
            f"{again.top1:g} --top1-n {again.top1_n}` changes it."
        )
    facts = replace(again if is_new else stored, licence=again.licence or stored.licence)
    facts = replace(facts, weights_source=again.weights_source or stored.weights_source)
    if again.training and again.training != stored.training:
        stored, facts = (replace(each, training=again.training) for each in (stored, facts))
        values = {"training_json": canonical_json(again.training)}
        connection.execute(VARIANTS.update().where(VARIANTS.c.sha256 == stored.sha256).values(**values))
    return stored if facts == stored else set_facts(connection, stored, facts)


#: What people say of a variant.
_GIVEN = ("top1", "top1_n", "top5", "top1_source", "accuracy_group", "licence", "weights_source")


def set_facts(connection: sa.Connection, stored: Variant, given: Variant) -> Variant:
    """Gives through `connection` a `stored` variant the facts that people say of it, of a `given` one."""
    facts: dict[str, Any] = {name: getattr(given, name) for name in _GIVEN}
    values = {**facts, "training_json": canonical_json(given.training)}
    changed(connection, VARIANTS.update().where(VARIANTS.c.sha256 == stored.sha256).values(**values))
    return replace(stored, **facts, training=given.training)


def listing(connection: sa.Connection) -> list[Variant]:
    """Every stored variant that `connection` sees, by model, the original file first."""
    query = VARIANTS.select().order_by(VARIANTS.c.model, VARIANTS.c.parent.is_not(None), VARIANTS.c.variant)
    return [_variant(row) for row in connection.execute(query)]


def get(connection: sa.Connection, sha256: str) -> Variant:
    """The stored variant `sha256` that `connection` sees; raises NotFound."""
    variant = _first(connection, VARIANTS.c.sha256 == sha256)
    if variant is None:
        raise NotFound(
            f"The collector has no model file {sha256[:12]}; add it with `paretofleet models add`."
        )
    return variant


def _first(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Variant | None:
    row = connection.execute(VARIANTS.select().where(condition)).first()
    return None if row is None else _variant(row)


def _variant(row: sa.Row[Any]) -> Variant:
    return Variant(
        model=row.model,
        variant=row.variant,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        recipe=row.recipe,
        weights_precision=row.weights_precision,
        parent=row.parent,
        parameters=row.parameters,
        macs=row.macs,
        top1=row.top1,
        top1_n=row.top1_n,
        top1_source=row.top1_source,
        accuracy_group=row.accuracy_group,
        top5=row.top5,
        licence=row.licence,
        weights_source=row.weights_source,
        fixed_batch_size=row.fixed_batch_size,
        sizes=json.loads(row.sizes_json),
        inputs=json.loads(row.inputs_json),
        graph=json.loads(row.graph_json),
        record=row.record,
        compressed_bytes=row.compressed_bytes,
        is_private=bool(row.is_private),
        training=json.loads(row.training_json),
    )
