"""Sweeps and the configurations that they plan."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import NotFound, Taken
from paretofleet_collector.model.entities import (
    SWEEP_FINAL,
    Repeats,
    Sweep,
)
from paretofleet_collector.model.remarks import Remarks
from paretofleet_collector.store.base import METADATA, changed, new_id
from paretofleet_collector.store.configurations import PLANNED
from paretofleet_collector.store.runs import RUNS
from paretofleet_collector.suggest import near_names

SWEEPS = sa.Table(
    "sweeps",
    METADATA,
    sa.Column("sweep_id", sa.String(16), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, unique=True),
    sa.Column("request_id", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(80), nullable=False, unique=True),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("spec_json", sa.Text, nullable=False),
    sa.Column("runs_min", sa.Integer, nullable=False),
    sa.Column("runs_max", sa.Integer, nullable=False),
    sa.Column("relative_half_width", sa.Float),
    sa.Column("seed", sa.BigInteger, nullable=False),
    #: The use whose ranking chooses the later blocks; null where none does.
    sa.Column("adaptive", sa.String(16)),
    sa.Column("boots", sa.Integer, nullable=False, server_default="1"),
    sa.Column("days", sa.Integer, nullable=False, server_default="1"),
    #: As the specification has them; here they are found without reading it.
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("labels_json", sa.Text, nullable=False, server_default="[]"),
    #: The person whose certificate submitted it; empty for the local command.
    sa.Column("submitted_by", sa.String(64), nullable=False, server_default=""),
    sa.Column("created_unix_s", sa.Float, nullable=False),
    sa.Column("ended_unix_s", sa.Float),
    #: Of a sweep that is paused: since when, and whose certificate did it; empty for the local command.
    sa.Column("paused_unix_s", sa.Float),
    sa.Column("paused_by", sa.String(64), nullable=False, server_default=""),
)

#: States of sweeps that nobody sees: not yet whole, no longer whole.
SUBMITTING, DELETING = "submitting", "deleting"
_HIDDEN = (SUBMITTING, DELETING)
#: The state of a sweep of which nothing is granted until somebody lets it go on.
PAUSED = "paused"
_NOT_PAUSED: Mapping[str, Any] = {"paused_unix_s": None, "paused_by": ""}
VISIBLE = SWEEPS.c.state.not_in(_HIDDEN)
#: Sweeps that one query asks for: databases limit what a query may name.
_AT_ONCE = 500


def begin(connection: sa.Connection, spec_json: str, repeats: Repeats, remarks: Remarks, now: float) -> str:
    """Stores a sweep through `connection` that nobody sees before `publish`; returns its id.

    `spec_json` and `repeats` are as they were asked for, with `remarks`; `now` is in seconds since 1970.
    """
    sweep_id = new_id()
    number = connection.execute(sa.select(sa.func.coalesce(sa.func.max(SWEEPS.c.number), 0))).scalar_one() + 1
    connection.execute(
        SWEEPS.insert().values(
            sweep_id=sweep_id,
            number=number,
            request_id=_hidden(sweep_id),
            name=_hidden(sweep_id),
            state=SUBMITTING,
            spec_json=spec_json,
            runs_min=repeats.runs_min,
            runs_max=repeats.runs_max,
            relative_half_width=repeats.relative_half_width,
            seed=repeats.seed,
            adaptive=repeats.adaptive,
            boots=repeats.boots,
            days=repeats.days,
            note=remarks.note,
            labels_json=json.dumps(remarks.labels, ensure_ascii=False),
            created_unix_s=now,
            ended_unix_s=None,
        )
    )
    return sweep_id


def publish(
    connection: sa.Connection, sweep_id: str, request_id: str, name: str, *, keep_name: bool = False
) -> None:
    """Makes the sweep `sweep_id`, of which everything is stored now, visible through `connection`.

    It is what `request_id` has made. A `name` that is taken gets a number, an empty one is made up. Raises
    Taken instead where a user chose it: `keep_name`.
    """
    if keep_name:
        check_name_free(connection, name)
    number = connection.execute(sa.select(SWEEPS.c.number).where(SWEEPS.c.sweep_id == sweep_id)).scalar_one()
    values = {"request_id": request_id, "name": _free_name(connection, name or f"sweep-{number}")}
    connection.execute(SWEEPS.update().where(SWEEPS.c.sweep_id == sweep_id).values(state="planned", **values))


def hide(connection: sa.Connection, sweep_id: str) -> None:
    """Takes the sweep `sweep_id` out of sight through `connection`: what is left of it is to be deleted."""
    hidden = {"request_id": _hidden(sweep_id), "name": _hidden(sweep_id)}
    connection.execute(SWEEPS.update().where(SWEEPS.c.sweep_id == sweep_id).values(state=DELETING, **hidden))


def hidden(connection: sa.Connection) -> list[str]:
    """Ids of the sweeps that are being submitted or deleted, as `connection` sees them."""
    return list(connection.execute(sa.select(SWEEPS.c.sweep_id).where(SWEEPS.c.state.in_(_HIDDEN))).scalars())


def is_submitted(connection: sa.Connection, sweep_id: str) -> bool:
    """Whether the sweep `sweep_id` is being submitted, as `connection` sees it."""
    query = sa.select(SWEEPS.c.sweep_id).where(SWEEPS.c.sweep_id == sweep_id, SWEEPS.c.state == SUBMITTING)
    return connection.execute(query).first() is not None


def in_state(connection: sa.Connection, state: str) -> list[str]:
    """Ids of the sweeps in a `state` that `connection` sees."""
    return list(connection.execute(sa.select(SWEEPS.c.sweep_id).where(SWEEPS.c.state == state)).scalars())


def _hidden(sweep_id: str) -> str:
    """A name, and a request, that no user can choose."""
    return f"//{sweep_id}"


def check_name_free(connection: sa.Connection, name: str) -> None:
    """Raises Taken where `connection` shows another sweep with that `name`, and says which is free."""
    free = _free_name(connection, name)
    if name and free != name:
        raise Taken(
            f"There is a sweep '{name}' already: give another name, such as --name {free}, or delete that "
            f"one first with `paretofleet sweep delete {name}`."
        )


def _free_name(connection: sa.Connection, base: str) -> str:
    names = set(connection.execute(sa.select(SWEEPS.c.name)).scalars())
    number, name = 1, base
    while name in names:
        number += 1
        name = f"{base}-{number}"
    return name


def find(connection: sa.Connection, name: str) -> Sweep:
    """The sweep with a `name` or an id that `connection` sees, with its counts; raises NotFound.

    An id comes before a name: nobody hides another's sweep by naming one after its id.
    """
    query = SWEEPS.select().where(sa.or_(SWEEPS.c.sweep_id == name, SWEEPS.c.name == name), VISIBLE)
    query = query.order_by(sa.case((SWEEPS.c.sweep_id == name, 0), else_=1))
    row = connection.execute(query).first()
    if row is None:
        near = near_names(name, connection.execute(sa.select(SWEEPS.c.name).where(VISIBLE)).scalars())
        listed = f"{near} `paretofleet sweep list` shows those there are.".lstrip()
        raise NotFound(f"There is no sweep '{name}'; {listed}")
    return _counted(connection, [row])[0]


def submitted_by(connection: sa.Connection, name: str) -> str:
    """Whose certificate submitted the sweep with a `name` or an id, by what `connection` sees.

    Empty for the local command. Raises NotFound.
    """
    query = sa.select(SWEEPS.c.submitted_by).where(SWEEPS.c.sweep_id == find(connection, name).sweep_id)
    return str(connection.execute(query).scalar_one())


def note_submitter(connection: sa.Connection, sweep_id: str, person: str) -> None:
    """Keeps through `connection` that the sweep `sweep_id` is that of a `person`."""
    connection.execute(SWEEPS.update().where(SWEEPS.c.sweep_id == sweep_id).values(submitted_by=person))


def by_request(connection: sa.Connection, request_id: str) -> Sweep | None:
    """The sweep that `request_id` made, with its counts, as `connection` sees it, or None."""
    row = connection.execute(SWEEPS.select().where(SWEEPS.c.request_id == request_id, VISIBLE)).first()
    return None if row is None else _counted(connection, [row])[0]


def listing(
    connection: sa.Connection,
    states: Collection[str] = (),
    labels: Collection[str] = (),
    last: int | None = None,
) -> list[Sweep]:
    """Sweeps that `connection` sees, with their counts, the oldest first.

    Only those in one of `states`, with all of `labels`, and of these the `last` so many; by default all.
    """
    query = sa.select(SWEEPS.c.sweep_id, SWEEPS.c.labels_json).where(VISIBLE).order_by(SWEEPS.c.number)
    if states:
        query = query.where(SWEEPS.c.state.in_(tuple(states)))
    found = [
        row.sweep_id for row in connection.execute(query) if set(labels) <= set(json.loads(row.labels_json))
    ]
    chosen = found if last is None else found[max(0, len(found) - last) :]
    return by_ids(connection, chosen)


def by_ids(connection: sa.Connection, sweep_ids: Sequence[str]) -> list[Sweep]:
    """The sweeps `sweep_ids`, which `connection` must see, with their counts, in that order."""
    made: dict[str, Sweep] = {}
    for at in range(0, len(sweep_ids), _AT_ONCE):
        some = SWEEPS.c.sweep_id.in_(sweep_ids[at : at + _AT_ONCE])
        rows = connection.execute(SWEEPS.select().where(some)).all()
        made |= {sweep.sweep_id: sweep for sweep in _counted(connection, rows)}
    return [made[each] for each in sweep_ids]


def heading(connection: sa.Connection, sweep_id: str) -> tuple[str, str, Repeats]:
    """State, name and repeats of the sweep `sweep_id`, which `connection` must see; nothing is counted."""
    row = connection.execute(SWEEPS.select().where(SWEEPS.c.sweep_id == sweep_id)).one()
    return row.state, row.name, _repeats(row)


def repeats(connection: sa.Connection, sweep_id: str) -> Repeats:
    """How often the sweep `sweep_id`, which `connection` must see, repeats, and its seed."""
    return _repeats(connection.execute(SWEEPS.select().where(SWEEPS.c.sweep_id == sweep_id)).one())


def name_of(connection: sa.Connection, sweep_id: str) -> str:
    """The name of the sweep `sweep_id`, which `connection` must see."""
    query = sa.select(SWEEPS.c.name).where(SWEEPS.c.sweep_id == sweep_id)
    return str(connection.execute(query).scalar_one())


def timeout_s(connection: sa.Connection, sweep_id: str) -> float | None:
    """Seconds of a run that the sweep `sweep_id` gives, None for its protocol's, as `connection` sees it.

    The specification is parsed only where it has the key: a lease costs the same in a sweep of many models.
    """
    text = spec_json(connection, sweep_id)
    given = json.loads(text).get("timeout_s") if '"timeout_s"' in text else None
    return None if given is None else float(given)


def spec_json(connection: sa.Connection, sweep_id: str) -> str:
    """The specification of the sweep `sweep_id`, which `connection` must see."""
    query = sa.select(SWEEPS.c.spec_json).where(SWEEPS.c.sweep_id == sweep_id)
    return str(connection.execute(query).scalar_one())


def is_over(connection: sa.Connection, sweep_id: str) -> bool:
    """Whether `connection` shows that the sweep `sweep_id` has ended, was cancelled or is gone."""
    state = state_of(connection, sweep_id)
    return state is None or state in (*SWEEP_FINAL, *_HIDDEN)


def state_of(connection: sa.Connection, sweep_id: str) -> str | None:
    """The state of the sweep `sweep_id` that `connection` sees, None where there is none."""
    return connection.execute(sa.select(SWEEPS.c.state).where(SWEEPS.c.sweep_id == sweep_id)).scalar()


def set_state(connection: sa.Connection, sweep_id: str, state: str, now: float) -> bool:
    """Moves the sweep `sweep_id` to a `state` through `connection`, `now` (seconds since 1970).

    False, and nothing done, when it was over or in that state already.
    """
    ended_unix_s = now if state in SWEEP_FINAL else None
    return bool(
        changed(
            connection,
            SWEEPS.update()
            .where(SWEEPS.c.sweep_id == sweep_id, SWEEPS.c.state.not_in((*SWEEP_FINAL, *_HIDDEN, state)))
            .values(state=state, ended_unix_s=ended_unix_s, **_NOT_PAUSED),
        )
    )


def pause(connection: sa.Connection, sweep_id: str, person: str, now: float) -> bool:
    """Pauses the sweep `sweep_id` through `connection` for a `person`, `now` (seconds since 1970).

    False, and nothing done, where it is paused already or over.
    """
    goes_on = SWEEPS.c.state.in_(("planned", "running"))
    statement = SWEEPS.update().where(SWEEPS.c.sweep_id == sweep_id, goes_on)
    return bool(changed(connection, statement.values(state=PAUSED, paused_unix_s=now, paused_by=person)))


def resume(connection: sa.Connection, sweep_id: str) -> bool:
    """Lets the paused sweep `sweep_id` go on, through `connection`; False where it is not paused."""
    is_begun = sa.select(RUNS.c.run_id).where(RUNS.c.sweep_id == sweep_id, RUNS.c.state != "pending").limit(1)
    state = "planned" if connection.execute(is_begun).first() is None else "running"
    statement = SWEEPS.update().where(SWEEPS.c.sweep_id == sweep_id, SWEEPS.c.state == PAUSED)
    return bool(changed(connection, statement.values(state=state, **_NOT_PAUSED)))


def reopen(connection: sa.Connection, sweep_id: str) -> None:
    """Makes the sweep `sweep_id` run again, through `connection`, if it was over."""
    was_over = SWEEPS.c.state.in_(SWEEP_FINAL)
    statement = SWEEPS.update().where(SWEEPS.c.sweep_id == sweep_id, was_over)
    connection.execute(statement.values(state="running", ended_unix_s=None))


def delete(connection: sa.Connection, sweep_id: str) -> None:
    """Deletes through `connection` the sweep `sweep_id`, which has no runs left, and what it planned."""
    connection.execute(SWEEPS.delete().where(SWEEPS.c.sweep_id == sweep_id))


def _repeats(row: sa.Row[Any]) -> Repeats:
    return Repeats(
        row.runs_min,
        row.runs_max,
        row.relative_half_width,
        row.seed,
        row.adaptive,
        boots=row.boots,
        days=row.days,
    )


def _counted(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[Sweep]:
    """The sweeps in `rows` with their counts: two queries for all of them."""
    ids = [row.sweep_id for row in rows]
    states: dict[str, dict[str, int]] = defaultdict(dict)
    by_state = sa.select(RUNS.c.sweep_id, RUNS.c.state, sa.func.count().label("runs"))
    by_state = by_state.where(RUNS.c.sweep_id.in_(ids)).group_by(RUNS.c.sweep_id, RUNS.c.state)
    for row in connection.execute(by_state):
        states[row.sweep_id][row.state] = row.runs
    devices: dict[str, list[str]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    by_device = sa.select(PLANNED.c.sweep_id, PLANNED.c.device, sa.func.count().label("configurations"))
    by_device = by_device.where(PLANNED.c.sweep_id.in_(ids)).group_by(PLANNED.c.sweep_id, PLANNED.c.device)
    for row in connection.execute(by_device.order_by(PLANNED.c.device)):
        devices[row.sweep_id].append(row.device)
        counts[row.sweep_id] += row.configurations
    return [_sweep(row, counts[row.sweep_id], states[row.sweep_id], devices[row.sweep_id]) for row in rows]


def _sweep(
    row: sa.Row[Any], configurations: int, by_state: Mapping[str, int], devices: Sequence[str]
) -> Sweep:
    return Sweep(
        sweep_id=row.sweep_id,
        name=row.name,
        state=row.state,
        spec_json=row.spec_json,
        repeats=_repeats(row),
        created_unix_s=row.created_unix_s,
        ended_unix_s=row.ended_unix_s,
        configurations=configurations,
        runs=sum(by_state.values()),
        runs_by_state=dict(by_state),
        devices=tuple(devices),
        remarks=Remarks(row.note, tuple(json.loads(row.labels_json))),
        paused_unix_s=row.paused_unix_s,
        paused_by=row.paused_by,
    )
