"""`paretofleet bench`: a few model files against each other, on this machine, with nothing set up before."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.bench_text import show_result
from paretofleet_collector.cli.bench_watch import until_clear
from paretofleet_collector.cli.fed_options import FedInputs, Sizes
from paretofleet_collector.cli.model_upload import FileDetails, add_model, model_name
from paretofleet_collector.cli.output import Format
from paretofleet_collector.cli.private_fleet import PrivateFleet, private_fleet, time_limit
from paretofleet_collector.cli.progress import follow, working
from paretofleet_collector.cli.session import notify, notify_refusals
from paretofleet_collector.cli.specification import add_files, build
from paretofleet_collector.cli.sweep_options import SweepFlags
from paretofleet_collector.cli.units import counted, duration
from paretofleet_collector.errors import CollectorError, Refused, misused
from paretofleet_collector.model.run_time import Span

if TYPE_CHECKING:
    from paretofleet_collector.model.views import SweepProgress, SweepView
    from paretofleet_collector.planning.specification import Spec

EXAMPLE = "Example: paretofleet bench small.onnx large.onnx"
SWEEP = "bench"
INTERRUPTED, SOME_FAILED = 130, 3
#: How measuring ends before the sweep does.
BY_USER, BY_CLOCK, CLEAR = "by the user", "by the clock", "clear"
#: Seconds for what was uploaded to be sealed once no further run is made.
_SEAL_S = 60.0


def bench(
    *,
    files: Annotated[list[Path], typer.Argument(metavar="A.onnx B.onnx..", help="Two or more ONNX files.")],
    minutes: Annotated[
        float, typer.Option(min=0.01, metavar="N", help="Measure for so many minutes at most.")
    ] = 3.0,
    repeats: Annotated[
        str | None,
        typer.Option(metavar="N|MIN-MAX", help="Runs of each file.", show_default="the protocol's"),
    ] = None,
    protocol: Annotated[str, typer.Option(help="quick, standard or sustained.")] = "standard",
    batch_size: Annotated[int, typer.Option(min=1, help="Items in a batch.")] = 1,
    target: Annotated[str, typer.Option(help="cpu, cuda:0, ...")] = "cpu",
    runtime: Annotated[str, typer.Option(help="onnxruntime, openvino, ...")] = "onnxruntime",
    threads: Annotated[
        str, typer.Option(metavar="N", help="Threads of a run, or `default`: one for each free core.")
    ] = "default",
    sizes: Sizes = None,
    inputs: FedInputs = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the order of the runs.")] = 1,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.parquet", help="Where the report goes.", show_default="bench.parquet"),
    ] = None,
    output: Annotated[Format, typer.Option("-o", "--output", help="How to write the result.")] = Format.table,
) -> None:
    """Compare model files here: runs in turns, a verdict within three minutes, the report as a file.

    What is clear sooner ends sooner, unless --repeats says how many runs are wanted. A collector and an
    agent of its own end with it. Two sweeps instead are for `paretofleet compare`.
    """
    names = _named(files)
    target_file = _report_file(report)
    flags = SweepFlags(
        models=list(names.values()),
        targets=target,
        runtimes=runtime,
        batch_sizes=str(batch_size),
        sizes=sizes,
        inputs=inputs,
        threads=threads,
        protocol=protocol,
        repeats=repeats,
        seed=seed,
        name=SWEEP,
    )
    spec = build(None, flags)
    with private_fleet() as fleet, tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        measured = replace(spec, models=_prepare(fleet, names))
        so_far = Path(folder) / "report.parquet"
        ended = _measure(fleet, measured, 60.0 * minutes, so_far if repeats is None else None)
        pulled = fleet.client.pull_report(SWEEP, so_far)
        target_file.write_bytes(pulled.read_bytes())
    has_failed = show_result(target_file, output, minutes=minutes, is_watched=ended == CLEAR)
    by = "--objective batch_latency_mean_s --objective memory_peak_bytes"
    notify(f"the report is {target_file}; rank it with `paretofleet rank {target_file} {by}`")
    if ended == BY_USER:
        raise typer.Exit(INTERRUPTED)
    if has_failed:
        raise typer.Exit(SOME_FAILED)


def _prepare(fleet: PrivateFleet, names: Mapping[Path, str]) -> tuple[str, ...]:
    """Gives the fleet the files by their `names`, and waits until it is ready to measure.

    Returns the names that they got: the collector keeps those of its zoo, and a network's file has just that.
    """
    zoo = {each.model for each in fleet.client.list_models()}
    added = {path: f"{name}-file" if name in zoo else name for path, name in names.items()}
    for path, name in added.items():
        add_model(fleet.client, str(path), FileDetails(name=name))
    with working("looking at this machine"):
        # what judges the runs takes a second to load, and nothing is timed yet
        import paretofleet_analysis.ranking.head_to_head  # noqa: F401

        fleet.wait_until_online()
    return tuple(added.values())


def _named(files: Sequence[Path]) -> dict[Path, str]:
    """A name for each of the `files`, by which the verdict calls it; raises Refused for what is none."""
    if len(files) < 2:
        raise typer.BadParameter(
            "give two or more ONNX files; one alone is measured by `paretofleet-agent bench FILE`"
        )
    from paretofleet_collector.rpc.client import sha256_of

    seen: dict[str, Path] = {}
    for path in files:
        if not path.is_file():
            raise misused(f"{path} is not a file; give ONNX files, as in {EXAMPLE.removeprefix('Example: ')}")
        first = seen.setdefault(sha256_of(path), path)
        if first is not path:
            raise misused(f"{path} holds the same bytes as {first}: a file is not compared with itself.")
    stems = {path: model_name(path) for path in files}
    often = Counter(stems.values())
    names = {
        path: stem if often[stem] == 1 else model_name(Path(f"{path.absolute().parent.name}-{stem}"))
        for path, stem in stems.items()
    }
    often = Counter(names.values())
    return {
        path: name if often[name] == 1 else f"{name[:60]}-{at}"
        for at, (path, name) in enumerate(names.items(), start=1)
    }


def _report_file(chosen: Path | None) -> Path:
    """Where the report goes: as `chosen`, else bench.parquet or the first of bench-2, -3, .. that is free."""
    path = chosen or Path("bench.parquet")
    if not path.absolute().parent.is_dir():
        raise misused(f"{path.absolute().parent} is no folder; make it, or choose another with --report.")
    number = 1
    while chosen is None and path.exists():
        number += 1
        path = Path(f"bench-{number}.parquet")
    return path


def _measure(fleet: PrivateFleet, spec: Spec, seconds: float, so_far: Path | None) -> str | None:
    """Runs the sweep until it has ended, for so many `seconds` at most, and where `so_far` is given, to which
    reports are pulled meanwhile, until what is measured is clear.

    Returns what ended it before, None where nothing did. What was uploaded by then is sealed.
    """
    client = fleet.client
    spec = add_files(client, spec)
    plan = client.plan_sweep(spec.to_json())
    if len(plan.configurations) < 2:
        why = "; ".join(f"{each.combination}: {each.why}" for each in plan.refusals)
        raise Refused(f"Fewer than two of the files can be measured here: {why or 'see above'}")
    sweep, refusals = client.submit_sweep(spec.to_json(), secrets.token_hex(16))
    notify_refusals(refusals)
    notify(f"{counted(len(plan.configurations), 'file')}, in turns on {', '.join(sweep.devices)}")
    is_over = threading.Event()
    ended: list[str] = []

    def stop(why: str) -> None:
        ended.append(why)
        is_over.set()
        with suppress(CollectorError):
            client.cancel_sweep(sweep.sweep_id)

    ends = time.monotonic() + seconds
    messages = _until(client.watch_sweep(sweep.sweep_id), is_over, ends)
    if so_far is not None:
        size = len(plan.configurations)
        messages = until_clear(messages, size, lambda: client.pull_report(SWEEP, so_far), lambda: stop(CLEAR))
    try:
        with time_limit(seconds, lambda: stop(BY_CLOCK)):
            follow(messages)
    except KeyboardInterrupt:
        ended.clear()
        stop(BY_USER)
    fleet.check()
    first = ended[0] if ended else None
    if first in (BY_USER, BY_CLOCK):
        notify("interrupted" if first == BY_USER else f"{duration(seconds)} are over")
    _wait_for_seals(fleet, sweep)
    return first


def _until(
    messages: Iterable[SweepProgress], is_over: threading.Event, ends: float
) -> Iterator[SweepProgress]:
    """The `messages` until it `is_over`; no more time is left than until the clock (time.monotonic) is at
    `ends`.
    """
    for message in messages:
        if is_over.is_set():
            return
        left_s = max(0.0, ends - time.monotonic())
        known = message.left or Span(left_s, left_s, left_s)
        yield replace(message, left=known.at_most(left_s))


def _wait_for_seals(fleet: PrivateFleet, sweep: SweepView) -> None:
    """Waits until no uploaded run is without its summary any more, _SEAL_S at most."""
    deadline = time.monotonic() + _SEAL_S
    while time.monotonic() < deadline:
        if not fleet.client.show_sweep(sweep.sweep_id).sweep.runs_by_state.get("uploaded"):
            return
        time.sleep(0.1)
    notify(f"some runs were not sealed within {_SEAL_S:.0f} s and are left out")
