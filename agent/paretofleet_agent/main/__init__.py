"""The command `paretofleet-agent`: one subcommand, and errors as one sentence and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from typing import Sequence

from paretofleet_agent import __version__
from paretofleet_agent.errors import ConfigError, PfError, Refused
from paretofleet_agent.main import commands
from paretofleet_agent.main.command_line import parser

log = logging.getLogger(__name__)

#: The exit code of a `run` that the collector will not have; `paretofleet up` goes by it.
REFUSED = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the subcommand of `argv`, without the program's name; None takes it from the process.

    Returns the exit code: 0 all well, 1 error, 2 usage, 5 the collector refuses this agent. A PfError
    becomes a line of standard error.
    """
    words = sys.argv[1:] if argv is None else argv
    if not words:
        sys.stderr.write(parser().format_help())
        return 2
    arguments = parser().parse_args(words)
    _log_to_stderr(verbose=arguments.verbose)
    try:
        if not sys.platform.startswith("linux"):
            raise PfError(
                f"paretofleet-agent runs on Linux, and this is {sys.platform}: run it on the device itself."
            )
        return int(arguments.command(arguments))
    except PfError as error:
        return _fail(str(error), _exit_code(error, arguments.command))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the last line of defence: no traceback reaches a user
        log.debug("internal error", exc_info=True)
        return _fail(
            f"paretofleet-agent {__version__} broke ({type(error).__name__}: {error}): "
            "run it again with --verbose and report what it prints."
        )


def _log_to_stderr(*, verbose: bool) -> None:
    pattern = "%(asctime)s %(name)s: %(message)s" if verbose else "%(asctime)s %(message)s"
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format=pattern, stream=sys.stderr)


def _exit_code(error: PfError, command: object) -> int:
    if isinstance(error, ConfigError):
        return 2
    return REFUSED if isinstance(error, Refused) and command is commands.run else 1


def _fail(sentence: str, code: int = 1) -> int:
    from paretofleet_agent.terminal import write_message  # `run` stays for weeks without it

    write_message(f"paretofleet-agent: {sentence}")
    return code
