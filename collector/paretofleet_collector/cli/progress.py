"""Progress on standard error: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from paretofleet_collector.cli.output import clean
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.terminal import folded
from paretofleet_collector.cli.units import duration, left, size
from paretofleet_collector.model.run_time import Span

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from paretofleet_collector.model.views import SweepProgress, SweepView

#: In a pipe a line is written for every event, and at least this often while nothing happens.
_QUIET_S = 60.0
#: So often a line says how far a computation is.
_SAID_S = 10.0
#: Columns from which on a long bar leaves room for the time left.
_WIDE = 100


@contextmanager
def working(task: str) -> Iterator[None]:
    """Shows on a terminal that `task` goes on, and how long it still takes where the analysis reports how far
    it is. Elsewhere only that, as a line every ten seconds.
    """
    from paretofleet_analysis.progress import reported_to

    if not sys.stderr.isatty():
        with reported_to(Follower(task, notify, every_s=_SAID_S).at):
            yield
        return
    from rich.console import Console
    from rich.text import Text

    status = Console(stderr=True).status(Text(clean(task)))
    follower = Follower(task, lambda line: status.update(Text(clean(line))))
    with status, reported_to(follower.at):
        yield


class Follower:
    """Says in a line how far a `task` is and how long it still takes, at most `every_s` seconds."""

    def __init__(self, task: str, say: Callable[[str], None], *, every_s: float = 0.0) -> None:
        self._task, self._say, self._every_s = task, say, every_s
        self._begun_s = self._said_s = time.monotonic()

    def at(self, work: str, share: float) -> None:
        """A `share` (0 to 1) of some `work` is done; 0 begins anew."""
        now = time.monotonic()
        if share <= 0.0:
            self._begun_s = now
            return
        if now - self._said_s < self._every_s:
            return
        self._said_s = now
        rest_s = (now - self._begun_s) * (1.0 - share) / share
        self._say(f"{self._task}, {work}: {share:.0%}, {left(Span(rest_s, rest_s, rest_s))}")


class Transfer:
    """The upload of one file; `at` takes how much is done. Silent where there is no terminal."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: object = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.text import Text

            self._bar = Console(stderr=True).status(Text(clean(self._label)))
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()  # type: ignore[attr-defined]

    def at(self, done: int, whole: int) -> None:
        """`done` of `whole` bytes are on their way."""
        if self._bar is not None:
            from rich.text import Text

            label = Text(f"{clean(self._label)} {size(done)} of {size(whole)}")
            self._bar.update(label)  # type: ignore[attr-defined]


def follow(messages: Iterable[SweepProgress]) -> SweepView | None:
    """Shows a watched sweep until it has ended; returns its last state, None when nothing came."""
    return _follow_live(messages) if sys.stderr.isatty() else _follow_plain(messages)


def tally(sweep: SweepView) -> str:
    """The runs that did not go well, as in "2 failed, 1 skipped"; empty when all did."""
    bad = ((state, sweep.runs_by_state.get(state, 0)) for state in ("failed", "skipped", "cancelled"))
    return ", ".join(f"{number} {state}" for state, number in bad if number)


def _follow_plain(messages: Iterable[SweepProgress]) -> SweepView | None:
    last: SweepView | None = None
    written_s = 0.0
    for message in messages:
        now = time.monotonic()
        for note in message.sweep.notes:
            if last is None or note not in last.notes:
                notify(f"{message.sweep.name}: {note}")
        if message.event or last is None or now - written_s > _QUIET_S or message.sweep.ended_unix_s:
            notify(_line(message))
            written_s = now
        last = message.sweep
    return last


def _line(message: SweepProgress) -> str:
    sweep = message.sweep
    parts = [
        f"{sweep.name}: {sweep.ended_runs}/{sweep.runs} runs",
        tally(sweep),
        message.event,
        left(message.left),
    ]
    return "; ".join(part for part in parts if part)


def _follow_live(messages: Iterable[SweepProgress]) -> SweepView | None:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    last: SweepView | None = None
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        for message in messages:
            live.update(_picture(message, console.width))
            last = message.sweep
    return last


def _picture(message: SweepProgress, columns: int) -> RenderableType:
    """The bar of the sweep, a line for each device at work, and what ended last, on so many `columns`."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    sweep = message.sweep
    head = Table.grid(padding=(0, 1))
    bad = tally(sweep)
    head.add_row(
        Text(clean(sweep.name), style="bold"),
        ProgressBar(
            total=max(1, sweep.runs), completed=sweep.ended_runs, width=32 if columns >= _WIDE else 12
        ),
        Text(clean(f"{sweep.ended_runs}/{sweep.runs} runs")),
        Text(bad, style="red")
        if bad
        else Text(clean(sweep.state if sweep.ended_unix_s else left(message.left))),
    )
    lines: list[RenderableType] = [head]
    for run in message.running:
        phase = run.phase.replace("_", " ")
        at = f"{phase}, {run.iterations} iterations" if run.iterations else phase
        lines.append(_between_words(f"{run.device}: {run.configuration}  {at}", columns, "cyan"))
    if not sweep.ended_unix_s:
        lines += [_between_words(note, columns, "yellow") for note in sweep.notes]
        lines += [_between_words(message.event, columns, "dim")] if message.event else []
    if sweep.ended_unix_s:
        took = duration(sweep.ended_unix_s - sweep.created_unix_s)
        lines.append(Text(f"  ended after {took}", style="dim"))
    return Group(*lines)


def _between_words(line: str, columns: int, style: str) -> Text:
    """An indented `line` below the bar; where it is wider than so many `columns` it goes on further in."""
    from rich.text import Text

    first, *more = folded(clean(line).rstrip(), columns - 2)
    return Text("\n".join(f"  {part}" for part in (first, *more)), style=style)
