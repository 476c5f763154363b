"""`paretofleet collector`: the service itself."""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from paretofleet_collector import config
from paretofleet_collector.cli import garbage_text, logs
from paretofleet_collector.cli.output import Format, Output, column, show
from paretofleet_collector.cli.session import access_client, notify
from paretofleet_collector.cli.terminal import write_text
from paretofleet_collector.cli.units import counted
from paretofleet_collector.errors import Refused, StorageUnavailable

app = typer.Typer(
    no_args_is_help=True,
    help="The collector: it schedules sweeps, stores samples and builds reports.",
    epilog="Example: paretofleet collector serve",
)

Home = Annotated[
    Path | None,
    typer.Option(
        help="Folder of everything the collector keeps.", show_default="~/.local/state/paretofleet/collector"
    ),
]
Listen = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Address beside the local socket; port 0 picks one.",
        show_default="the local socket only",
    ),
]
NetworkListen = Annotated[
    str | None,
    typer.Option(
        "--listen",
        metavar="HOST:PORT",
        help="Address for agents and people, beside the local socket.",
        show_default=config.NETWORK_ADDRESS,
    ),
]
StoreAddress = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="ADDRESS",
        help="`sqlite`, or postgresql://USER@HOST/DATABASE (a password belongs into ~/.pgpass).",
        show_default=config.SQLITE,
    ),
]
LakeAddress = Annotated[
    str | None,
    typer.Option(
        "--lake",
        metavar="ADDRESS",
        help="`local`, or s3://BUCKET/PREFIX (credentials belong into the environment).",
        show_default=config.LOCAL,
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Serve Prometheus metrics at HOST:PORT on loopback or at unix:PATH.",
        show_default=config.NO_METRICS,
    ),
]

Web = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Serve the live page at HOST:PORT on loopback; port 0 picks one, `off` serves none.",
        show_default=config.NO_PAGE,
    ),
]


@app.command(epilog="Example: paretofleet collector init --home /var/lib/paretofleet/collector")
def init(
    home: Home = None, listen: NetworkListen = None, store: StoreAddress = None, lake: LakeAddress = None
) -> None:
    """Make an identity, with which the collector listens on the network, and a collector.toml."""
    from paretofleet_collector.identity import authority

    settings = config.load(home, listen=listen, store=store, lake=lake)
    path = settings.home / config.FILE_NAME
    if authority.load(settings.home):
        raise Refused(f"{path} and an identity exists already; edit it, or name another folder with --home.")
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.listen == config.SOCKET_ONLY:
        settings = replace(settings, listen=config.NETWORK_ADDRESS)
    try:
        # It may hold a password.
        with open(path, "x", encoding="utf-8", opener=_private) as file:
            file.write(config.render(settings))
        notify(
            f"wrote {path}: it listens on {settings.listen}, and lets devices join at {settings.join_listen}"
        )
    except FileExistsError:
        notify(f"{path} is left as it is; `listen` and `join_listen` in it say where it listens")
    authority.add(settings.home, authority.make_authority(secrets.token_hex(8)))
    notify(
        f"made the authority of this collector in {settings.home / authority.FOLDER}: keep a copy of it; "
        f"start the collector with `paretofleet collector serve --home {settings.home}`, then let devices "
        "join with `paretofleet token create`"
    )


@app.command(epilog="Example: paretofleet collector rotate --finish")
def rotate(
    context: typer.Context,
    finish: Annotated[
        bool, typer.Option("--finish", help="Retire the old authority, once everybody has renewed.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --finish: lock out whoever has not renewed yet.")
    ] = False,
) -> None:
    """Change the collector's authority: first both count, and everybody renews; then the old one goes."""
    with access_client(context) as client:
        rotation = client.rotate(finish=finish, force=force)
    if len(rotation.authorities) > 1:
        behind = ", ".join(rotation.behind) or "nobody"
        notify(
            f"both authorities count; still to renew: {behind}; then `paretofleet collector rotate --finish`"
        )
    else:
        notify(f"the authority is {rotation.authorities[0][:16]}; tokens made before it are void")


@app.command(epilog="Example: paretofleet collector serve --home /var/lib/paretofleet/collector")
def serve(
    home: Home = None,
    listen: Listen = None,
    *,
    store: StoreAddress = None,
    lake: LakeAddress = None,
    metrics: Metrics = None,
    web: Web = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what happens, not only what is wrong.")
    ] = False,
    log_format: Annotated[str, typer.Option(help="`text`, or `json` for one object a line.")] = "text",
) -> None:
    """Run the collector until it is interrupted."""
    if not sys.platform.startswith("linux"):
        raise Refused(f"The collector runs on Linux, this is {sys.platform}; `paretofleet rank` works here.")
    settings = config.load(home, listen=listen, store=store, lake=lake, metrics=metrics, web=web)
    logs.set_up(log_format, verbose=verbose, home=settings.home)
    os.environ.update(config.TLS_1_3_ONLY)
    from paretofleet_collector.rpc.server import serve as serve_until_signal

    if settings.web == config.NO_PAGE:
        raise typer.Exit(serve_until_signal(settings))
    from paretofleet_collector.web.page_server import serving

    raise typer.Exit(serve_until_signal(settings, serving))


@app.command(epilog="Example: paretofleet collector health --home /var/lib/paretofleet/collector")
def health(home: Home = None) -> None:
    """Say whether the collector can store what comes, by the exit code: for probes on its machine."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from paretofleet_collector.rpc.health import can_store

    folder = config.load(home).home
    if not can_store(folder):
        raise StorageUnavailable(
            f"The collector in {folder} cannot store what comes: store, lake or disk are away; `paretofleet "
            "logs` says which."
        )
    write_text("serving")


@app.command(epilog="Example: paretofleet collector gc --orphans-older-than 30 --yes")
def gc(
    home: Home = None,
    orphans_older_than: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS", min=0, help="Also files that were set aside, listed by nothing, so long ago."
        ),
    ] = None,
    models: Annotated[
        bool, typer.Option("--models", help="Also models and samples that no sweep plans.")
    ] = False,
    samples_older_than: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            min=0,
            help="Also samples of runs sealed so long ago; their summaries, and so the reports, stay.",
            show_default="keep_samples_days of collector.toml",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove it; without this, only say what it would be.")
    ] = False,
) -> None:
    """Remove chunks kept aside of superseded attempts, and what else is asked for.

    The collector must be stopped.
    """
    from paretofleet_collector.service import garbage

    settings = config.load(home)
    if samples_older_than is None and settings.keep_samples_days:
        samples_older_than = settings.keep_samples_days
    with garbage.opened(settings) as (store, lake):
        scope = garbage.Scope(orphans_older_than, models, samples_older_than)
        removable = garbage.collect(store, lake, scope)
        garbage_text.tell_what_stays(removable)
        lines = garbage_text.lines(removable)
        for line in lines:
            write_text(line)
        if yes:
            garbage.remove(store, lake, removable)
    garbage_text.tell_end(lines, removable.size_bytes, is_removed=yes)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@app.command(epilog="Example: paretofleet collector backup /mnt/backup/collector")
def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the copy, on another disk.")],
    home: Home = None,
) -> None:
    """Copy store, samples, models and keys to a folder; the collector may run.

    What is there already is not copied again, so that a run that broke off, or yesterday's copy, goes on.
    """
    from paretofleet_collector.service.backup import back_up

    done = back_up(config.load(home), folder)
    notify(f"{folder} holds {counted(done.files, 'file')}, {done.copied} copied now")
    _tell_faults(done.faults)


@app.command(epilog="Example: paretofleet collector restore /mnt/backup/collector --home /var/lib/collector")
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A finished backup.")],
    home: Home = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Set a database that is there aside, in its folder `backups`.")
    ] = False,
    store: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Bring the store here: `sqlite`, or an empty postgresql://.."),
    ] = None,
    lake: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Bring the lake here: `local`, or s3://BUCKET/..")
    ] = None,
) -> None:
    """Bring a backup back, each file checked; it can be broken off and run again."""
    from paretofleet_collector.service.restoring import restore as bring_back

    target = home or config.load(home).home
    done = bring_back(folder, target.expanduser().absolute(), replace=replace, store=store, lake=lake)
    notify(f"{target} holds {counted(done.files, 'file')} again, {done.copied} copied now")
    chosen = [key for key, address in (("store", store), ("lake", lake)) if address is not None]
    if chosen:
        notify(f"write {' and '.join(chosen)} into {target / config.FILE_NAME} as you gave them here, first")
    notify(f"start it with `paretofleet collector serve --home {target}`")


@app.command(epilog="Example: paretofleet collector doctor --adopt")
def doctor(
    home: Home = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="List samples again that the store does not list.")
    ] = False,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Make a new database of what can be read of a damaged one.")
    ] = False,
    forget_clock: Annotated[
        bool,
        typer.Option(
            "--forget-clock",
            help="Forget the latest time: the clock was ahead, and certificates expired by it.",
        ),
    ] = False,
    output: Output = Format.table,
) -> None:
    """Check all that the collector keeps: database, staged chunks, files, models, disk."""
    from paretofleet_collector.service import adoption
    from paretofleet_collector.service import doctor as examination

    settings = config.load(home)
    if not settings.home.is_dir():
        raise Refused(f"There is no folder {settings.home}; name the collector's with --home.")
    if forget_clock:
        examination.forget_clock(settings)
        notify("the latest time is forgotten; certificates expire by the clock as it is now")
    if salvage:
        lost = examination.save_readable(settings)
        notify(f"a new database holds what could be read; lost rows by table: {dict(lost) or 'none'}")
    if adopt:
        for sentence in adoption.adopt(settings):
            notify(sentence)
    findings = list(examination.examine(settings))
    rows = [
        {"subject": each.subject, "state": "ok" if each.is_well else "wrong", "finding": each.sentence}
        for each in findings
    ]
    columns = (column("subject", kept=True), column("state", kept=True), column("finding", kept=True))
    show(rows, columns, output)
    if not all(each.is_well for each in findings):
        raise typer.Exit(1)


def _tell_faults(faults: tuple[str, ...]) -> None:
    for fault in faults:
        notify(f"left out: {fault}")
    if faults:
        raise typer.Exit(3)
