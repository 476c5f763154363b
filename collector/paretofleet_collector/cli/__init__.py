"""The command `paretofleet`: one file per noun, and the one place where errors become sentences."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from paretofleet_collector import __version__
from paretofleet_collector.cli import (
    analyze,
    bench,
    collector,
    compare,
    devices,
    gc,
    log_command,
    login,
    models,
    rank,
    report,
    sweep,
    token,
    up,
)
from paretofleet_collector.cli.help import tidy
from paretofleet_collector.cli.session import COLLECTOR_VARIABLE, Settings
from paretofleet_collector.errors import CollectorError
from paretofleet_collector.plain_text import printable

FAILED, USAGE, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141
#: The variable in which a shell asks for completions.
_COMPLETING = "_PARETOFLEET_COMPLETE"
_UNWRITTEN = "standard output cannot be written: {}"
#: Typer's own or, in older releases, Click's: the class above that of a bad parameter.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="paretofleet",
    help="Which network, at which precision, in which runtime, on which device? Answers from measurements.",
    epilog="Example: paretofleet sweep submit --model zoo:resnet18 --batch-size 1,2 --watch",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("up", epilog=up.EXAMPLE)(up.up)
app.command("bench", epilog=bench.EXAMPLE)(bench.bench)
app.add_typer(collector.app, name="collector")
app.add_typer(token.app, name="token")
app.command("login", epilog=login.EXAMPLE)(login.login)
app.add_typer(devices.app, name="devices")
app.add_typer(models.app, name="models")
app.add_typer(sweep.app, name="sweep")
app.add_typer(report.app, name="report")
app.command("doctor", epilog="Example: paretofleet doctor")(collector.doctor)
app.command("gc", epilog=gc.EXAMPLE)(gc.gc)
app.command("logs", epilog=log_command.EXAMPLE)(log_command.logs_)
app.command("rank", epilog=rank.EXAMPLE)(rank.rank)
app.command("analyze", epilog=analyze.EXAMPLE)(analyze.analyze)
app.command("compare", epilog=compare.EXAMPLE)(compare.compare)


def _version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"paretofleet {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    address: Annotated[
        str,
        typer.Option(
            "--collector",
            metavar="HOST:PORT",
            envvar=COLLECTOR_VARIABLE,
            help="The collector to talk to; by default yours on this machine.",
        ),
    ] = "",
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Which network, at which precision, in which runtime, on which device? Answers from measurements."""
    context.obj = Settings(address)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command and exits: 0 all well, 1 error, 2 usage, 3 finished with failed configurations, 4 a
    comparison that found a regression.
    """
    _open_streams()
    code = run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _pipe_closed()
    except OSError as error:
        if code == 0:
            sys.stderr.write(f"paretofleet: {_UNWRITTEN.format(error.strerror)}\n")
        _pipe_closed()
        code = code or FAILED
    sys.exit(code)


def _open_streams() -> None:
    """Makes both outputs usable where they are closed or cannot hold every letter."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the exit
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def run(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit code; every error has become one line on standard error."""
    command = tidy(typer.main.get_command(app))
    try:
        result = command.main(list(arguments), prog_name="paretofleet", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        return _left(error)
    except typer.Exit as end:
        return end.exit_code
    except _USAGE_ERROR as error:
        return _usage(error)
    except Exception as error:
        if os.environ.get("PARETOFLEET_DEBUG"):
            raise
        return _failed(error)
    return result if isinstance(result, int) else 0


def _usage(error: Exception) -> int:
    """The complaint with the command that it is about; a bare noun has shown its help instead."""
    context = getattr(error, "ctx", None)
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    where = context.command_path if context else "paretofleet"
    if "option: --collector" in message:
        message = "--collector stands before the noun, as in `paretofleet --collector HOST:PORT devices list`"
    if message:
        message = printable(" ".join(message.split()).rstrip("."))
        sys.stderr.write(f"{where}: {message}; see `{where} --help`\n")
    return USAGE


def _left(error: BaseException) -> int:
    """Completion leaves by SystemExit; rich and Typer do so, too, when the pipe is closed."""
    code = getattr(error, "code", 1)
    if isinstance(error, SystemExit) and (code in (None, 0) or _COMPLETING in os.environ):
        return int(code or 0)
    return _pipe_closed()


def _failed(error: Exception) -> int:
    sys.stderr.write(f"paretofleet: {printable(' '.join(_sentence(error).split()))}\n")
    is_usage = getattr(error, "is_usage", False) or any(
        k.__name__ == "RequestError" for k in type(error).__mro__
    )
    return USAGE if is_usage else FAILED


def _sentence(error: Exception) -> str:
    """What an error says to the user. The analysis' errors are known by name: no command has to load it."""
    if isinstance(error, CollectorError) or any(k.__name__ == "AnalysisError" for k in type(error).__mro__):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else _UNWRITTEN.format(error.strerror)
    detail = f"{type(error).__name__}: {error}"
    return f"internal error ({detail}); set PARETOFLEET_DEBUG=1 to see where, and please report it"


def _pipe_closed() -> int:
    """The reader went away: nothing more can be said, and the interpreter must not try at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED
