"""What the page looks at of each sweep: counted again only where it can have moved."""

from __future__ import annotations

import sqlalchemy as sa
from paretofleet_collector.service import sweeps
from paretofleet_collector.store.overview import sweep_marks


def test_runs_of_a_sweep_that_is_over_are_counted_once(rig):
    rig.measure("first")
    first = {mark.sweep_id: mark for mark in rig.context.store.read_now(lambda each: sweep_marks(each, {}))}
    statements = []
    rig.measure("second")

    def look(connection):
        sa.event.listen(connection, "before_cursor_execute", lambda *call: statements.append(call[3]))
        return sweep_marks(connection, first)

    second, over = rig.context.store.read_now(look)
    assert over == next(iter(first.values()))
    assert second.counts == (("sealed", 3),)
    counted = [parameters for parameters in statements if over.sweep_id in parameters]
    assert counted == []


def test_runs_of_a_cancelled_sweep_that_wait_for_their_seal_are_counted_again(rig):
    session = rig.joined()
    name = rig.submit().name
    rig.upload(session, rig.lease(session))
    rig.do(sweeps.cancel(rig.context, name))
    marks = rig.context.store.read_now(lambda connection: sweep_marks(connection, {}))
    assert ("uploaded", 1) in marks[0].counts
    rig.seal()
    before = {mark.sweep_id: mark for mark in marks}
    (after,) = rig.context.store.read_now(lambda connection: sweep_marks(connection, before))
    assert ("sealed", 1) in after.counts
