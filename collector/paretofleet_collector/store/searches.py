"""Architecture searches: what was proposed, in which sweeps it is measured, what its trainings came to.

Trials, batches and trainings are only appended. What is measured stands in the sweeps' runs alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import NotFound, Refused, Taken
from paretofleet_collector.model.searches import (
    FAILED,
    FINISHED,
    RUNNING,
    NewSearch,
    SearchBatch,
    SearchDetail,
    SearchRecord,
    SearchTraining,
    SearchTrial,
    SearchView,
)
from paretofleet_collector.store.base import METADATA, new_id
from paretofleet_collector.suggest import near_names

SEARCHES = sa.Table(
    "searches",
    METADATA,
    sa.Column("search_id", sa.String(16), primary_key=True),
    sa.Column("request_id", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("spec_json", sa.Text, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("budget_s", sa.Float, nullable=False),
    sa.Column("trials_max", sa.BigInteger, nullable=False),
    sa.Column("spent_s", sa.Float, nullable=False),
    #: The person whose certificate made it; empty for the local command.
    sa.Column("submitted_by", sa.String(64), nullable=False),
    sa.Column("created_unix_s", sa.Float, nullable=False),
    sa.Column("changed_unix_s", sa.Float, nullable=False),
    sa.Column("ended_unix_s", sa.Float),
)


def _of_search() -> sa.Column[str]:
    return sa.Column("search_id", sa.ForeignKey("searches.search_id"), primary_key=True)


TRIALS = sa.Table(
    "search_trials",
    METADATA,
    _of_search(),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("codes", sa.Text, nullable=False),
    sa.Column("graph", sa.String(64), nullable=False),
    sa.Column("model", sa.String(128), nullable=False),
    sa.Column("device", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    # no graph is tried twice
    sa.UniqueConstraint("search_id", "graph"),
)
BATCHES = sa.Table(
    "search_batches",
    METADATA,
    _of_search(),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("trials", sa.Text, nullable=False),
    sa.Column("devices", sa.Text, nullable=False),
    sa.Column("sweep", sa.String(80), nullable=False),
)
TRAININGS = sa.Table(
    "search_trainings",
    METADATA,
    _of_search(),
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seed", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("split", sa.String(16), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("top1", sa.Float),
    sa.Column("top1_n", sa.BigInteger),
    sa.Column("wall_s", sa.Float),
    sa.Column("cpu_s", sa.Float),
    sa.Column("memory_peak_bytes", sa.BigInteger),
)
_PARTS = (TRAININGS, BATCHES, TRIALS)
#: Columns that hold several values, as JSON lists.
_LISTS = ("codes", "trials", "devices")
#: A search has at most so many trials, and as many batches and trainings ten times.
TRIALS_MAX = 10_000


def create(connection: sa.Connection, request_id: str, new: NewSearch, person: str, now: float) -> SearchView:
    """Stores a `new` search of a `person` through `connection`, `now` in seconds since 1970.

    The same `request_id` again returns the search that it made. Raises Taken for a name that is taken.
    """
    made = connection.execute(SEARCHES.select().where(SEARCHES.c.request_id == request_id)).first()
    if made is not None:
        return _view(connection, made)
    if connection.execute(sa.select(SEARCHES.c.name).where(SEARCHES.c.name == new.name)).first():
        raise Taken(
            f"There is a search '{new.name}' already: give another --name, go on with it by "
            f"`paretofleet search resume {new.name}`, or delete it first."
        )
    times = {"created_unix_s": now, "changed_unix_s": now}
    values = {**asdict(new), **times, "state": RUNNING, "reason": "", "spent_s": 0.0}
    ids = {"search_id": new_id(), "request_id": request_id, "submitted_by": person}
    connection.execute(SEARCHES.insert().values(**values, **ids))
    return find(connection, ids["search_id"])


def find(connection: sa.Connection, name: str) -> SearchView:
    """The search with a `name` or an id that `connection` sees; raises NotFound."""
    return _view(connection, _row(connection, name))


def listing(connection: sa.Connection) -> list[SearchView]:
    """Every search that `connection` sees, the oldest first."""
    rows = connection.execute(SEARCHES.select().order_by(SEARCHES.c.created_unix_s, SEARCHES.c.name))
    return [_view(connection, row) for row in rows.all()]


def submitted_by(connection: sa.Connection, name: str) -> tuple[str, str]:
    """The id of the search with a `name` or an id that `connection` sees, and its maker; raises NotFound."""
    row = _row(connection, name)
    return row.search_id, row.submitted_by


def detail(connection: sa.Connection, name: str) -> SearchDetail:
    """The search with a `name` or an id that `connection` sees, and what was recorded; raises NotFound."""
    search = find(connection, name)
    parts: list[list[Any]] = []
    for table, kind in ((TRIALS, SearchTrial), (BATCHES, SearchBatch), (TRAININGS, SearchTraining)):
        query = table.select().where(table.c.search_id == search.search_id).order_by(*table.primary_key)
        parts.append([_part(kind, row) for row in connection.execute(query)])
    return SearchDetail(search, *map(tuple, parts))


def change(connection: sa.Connection, search_id: str, state: str, reason: str, now: float) -> SearchView:
    """Puts the search `search_id` in a `state` for a `reason`, through `connection`, `now` since 1970."""
    ended = now if state in (FINISHED, FAILED) else None
    values = {"state": state, "reason": reason, "changed_unix_s": now, "ended_unix_s": ended}
    connection.execute(SEARCHES.update().where(SEARCHES.c.search_id == search_id).values(**values))
    return find(connection, search_id)


def append(connection: sa.Connection, search_id: str, record: SearchRecord, now: float) -> SearchView:
    """Appends a `record` to the search `search_id` through `connection`, all or nothing.

    What is there already is left as it is. `now` is in seconds since 1970. Raises Taken where something else
    is there, or a graph is tried twice, and Refused for a number that leaves a gap.
    """
    for trial in record.trials:
        _add_trial(connection, search_id, trial)
    for batch in record.batches:
        _check_next(connection, BATCHES, search_id, batch.number)
        _add(connection, BATCHES, search_id, batch)
    for training in record.trainings:
        _check_known(connection, search_id, training.trial)
        _add(connection, TRAININGS, search_id, training)
    connection.execute(
        SEARCHES.update()
        .where(SEARCHES.c.search_id == search_id)
        .values(
            changed_unix_s=now,
            spent_s=sa.case((SEARCHES.c.spent_s < record.spent_s, record.spent_s), else_=SEARCHES.c.spent_s),
        )
    )
    return find(connection, search_id)


def delete(connection: sa.Connection, search_id: str) -> None:
    """Deletes the search `search_id` with all that was recorded of it through `connection`."""
    for table in (*_PARTS, SEARCHES):
        connection.execute(table.delete().where(table.c.search_id == search_id))


def _add_trial(connection: sa.Connection, search_id: str, trial: SearchTrial) -> None:
    _check_next(connection, TRIALS, search_id, trial.number)
    query = sa.select(TRIALS.c.number).where(TRIALS.c.search_id == search_id, TRIALS.c.graph == trial.graph)
    number = connection.execute(query).scalar()
    if number is not None and number != trial.number:
        raise Taken(f"Trial {trial.number} has the graph of trial {number}: a graph is tried once.")
    _add(connection, TRIALS, search_id, trial)


def _check_next(connection: sa.Connection, table: sa.Table, search_id: str, number: int) -> None:
    count = connection.execute(
        sa.select(sa.func.count()).select_from(table).where(table.c.search_id == search_id)
    ).scalar_one()
    most = TRIALS_MAX if table is TRIALS else 10 * TRIALS_MAX
    if not 0 <= number <= count:
        raise Refused(f"The search has {count} of these, so the next is number {count}, not {number}.")
    if number >= most:
        raise Refused(f"A search has at most {most:,} of these; begin another one.")


def _check_known(connection: sa.Connection, search_id: str, number: int) -> None:
    query = sa.select(TRIALS.c.number).where(TRIALS.c.search_id == search_id, TRIALS.c.number == number)
    if connection.execute(query).first() is None:
        raise Refused(f"The search has no trial {number}, so nothing was trained of it.")


def _add(connection: sa.Connection, table: sa.Table, search_id: str, part: Any) -> None:
    """Stores a `part` of a search unless it is there; raises Taken where another is in its place."""
    values = {"search_id": search_id, **asdict(part)}
    values |= {name: json.dumps(values[name]) for name in _LISTS if name in values}
    where = [column == values[column.name] for column in table.primary_key]
    there = connection.execute(table.select().where(*where)).first()
    if there is None:
        connection.execute(table.insert().values(**values))
    elif dict(there._mapping) != values:  # noqa: SLF001 - that is its public name
        key = ", ".join(f"{column.name} {values[column.name]}" for column in list(table.primary_key)[1:])
        raise Taken(
            f"The search has another {table.name.removeprefix('search_')} row of {key}: is a second driver "
            "at work? Stop one of them."
        )


def _part(kind: Any, row: sa.Row[Any]) -> Any:
    """The row of a table as the dataclass `kind`."""
    values = {field.name: getattr(row, field.name) for field in fields(kind)}
    return kind(**{name: tuple(json.loads(v)) if name in _LISTS else v for name, v in values.items()})


def _row(connection: sa.Connection, name: str) -> sa.Row[Any]:
    query = SEARCHES.select().where(sa.or_(SEARCHES.c.search_id == name, SEARCHES.c.name == name))
    row = connection.execute(query.order_by(sa.case((SEARCHES.c.search_id == name, 0), else_=1))).first()
    if row is None:
        near = near_names(name, connection.execute(sa.select(SEARCHES.c.name)).scalars())
        listed = f"{near} `paretofleet search list` shows those there are.".lstrip()
        raise NotFound(f"There is no search '{name}'; {listed}")
    return row


def _view(connection: sa.Connection, row: sa.Row[Any]) -> SearchView:
    counts = [
        connection.execute(
            sa.select(sa.func.count()).select_from(table).where(table.c.search_id == row.search_id)
        ).scalar_one()
        for table in (TRIALS, TRAININGS)
    ]
    names = [field.name for field in fields(SearchView) if field.name not in ("trials", "trainings")]
    return SearchView(*(getattr(row, name) for name in names), *counts)
