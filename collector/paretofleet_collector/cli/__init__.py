"""The command `paretofleet`: one file per noun, and the one place where errors become sentences."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from paretofleet_collector import __version__, interpreter
from paretofleet_collector.cli import deferred, no_pandas
from paretofleet_collector.cli.help import LazyCommand, LazyGroup, tidy
from paretofleet_collector.cli.session import COLLECTOR_VARIABLE, Settings
from paretofleet_collector.cli.terminal import write_message
from paretofleet_collector.errors import CollectorError

FAILED, USAGE, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141
#: The variable in which a shell asks for completions.
_COMPLETING = "_PARETOFLEET_COMPLETE"
_UNWRITTEN = "standard output cannot be written: {}"
#: Typer's own or, in older releases, Click's: the class above that of a bad parameter.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]

#: Every command in the order of the help, with the summary that it shows.
COMMANDS = {
    "up": LazyCommand("up", "up", "Start a collector and a local agent here; Ctrl-C ends both."),
    "open": LazyCommand(
        "open_page", "open_page", "Open the live page of the collector in a browser, or print its link."
    ),
    "bench": LazyCommand(
        "bench",
        "bench",
        "Compare model files here: runs in turns, a verdict within three minutes, the report as a file.",
    ),
    "collector": LazyCommand(
        "collector", "app", "The collector: it schedules sweeps, stores samples and builds reports."
    ),
    "token": LazyCommand("token", "app", "Tokens with which devices and people join the collector."),
    "login": LazyCommand(
        "login", "login", "Join a collector on another machine by a token; its commands then work from here."
    ),
    "devices": LazyCommand("devices", "app", "The devices of the fleet."),
    "models": LazyCommand("models", "app", "The models that sweeps can run."),
    "train": LazyCommand(
        "train",
        "train",
        "Train small networks here, several seeds each, and add them with their accuracies and what they "
        "cost.",
    ),
    "sweep": LazyCommand("sweep", "app", "Sweeps: configurations, repeated in randomised blocks."),
    "report": LazyCommand("report", "app", "Reports: one row per configuration and environment."),
    "search": LazyCommand("search", "app", "Architecture searches with measured times and energies."),
    "doctor": LazyCommand(
        "collector",
        "doctor",
        "Check all that the collector keeps: database, staged chunks, files, models, disk.",
        example="Example: paretofleet doctor",
    ),
    "gc": LazyCommand(
        "gc",
        "gc",
        "Free what nobody needs: models of no sweep, the agent's copies of them, what was merged or "
        "superseded.",
    ),
    "logs": LazyCommand(
        "log_command",
        "logs_",
        "Show the collector's log, kept on its machine; of a DEVICE of this machine also the agent's own.",
    ),
    "rank": LazyCommand(
        "rank",
        "rank",
        "Rank what sweeps, reports or bundles hold, with probabilities and the evidence for them.",
    ),
    "analyze": LazyCommand(
        "analyze",
        "analyze",
        "Write what sweeps or reports show as one HTML page: no network, fit for a mail.",
    ),
    "compare": LazyCommand(
        "compare",
        "compare",
        "Compare two sweeps of the same configurations: what became faster, slower, or cannot be told.",
    ),
    "watch": LazyCommand(
        "watch",
        "watch",
        "Measure a canary set again where a device's environment changes, and say which rows moved.",
    ),
}


class Root(LazyGroup):
    """The group of all commands."""

    lazy = COMMANDS


app = typer.Typer(
    name="paretofleet",
    cls=Root,
    help="Which network, at which precision, in which runtime, on which device? Answers from measurements.",
    epilog="Example: paretofleet sweep submit --model zoo:resnet18 --batch-size 1,2 --watch",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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
    interpreter.collect_seldom()
    no_pandas.hide()
    deferred.defer()
    code = run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _pipe_closed()
    except OSError as error:
        if code == 0:
            write_message(f"paretofleet: {_UNWRITTEN.format(error.strerror)}")
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
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{message}\n")
        return USAGE
    if "option: --collector" in message:
        message = "--collector stands before the noun, as in `paretofleet --collector HOST:PORT devices list`"
    if message:
        message = " ".join(message.split()).rstrip(".")
        write_message(f"{where}: {message}; see `{where} --help`")
    return USAGE


def _left(error: BaseException) -> int:
    """Completion leaves by SystemExit; rich and Typer do so, too, when the pipe is closed."""
    code = getattr(error, "code", 1)
    if isinstance(error, SystemExit) and (code in (None, 0) or _COMPLETING in os.environ):
        return int(code or 0)
    return _pipe_closed()


def _failed(error: Exception) -> int:
    write_message(f"paretofleet: {' '.join(_sentence(error).split())}")
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
