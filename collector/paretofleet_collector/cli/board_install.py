"""What `paretofleet devices add` does on a board: everything over the user's own ssh, step by step."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from paretofleet_collector.errors import CollectorError, Refused, misused

#: Fits a shell, a unit file and the agent's own rules.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_CONNECT_S = 20


@dataclass(frozen=True)
class Board:
    """Where a board is reached: as ssh's own `destination` and `port`, None for what ssh's settings say."""

    destination: str
    port: int | None

    def command(self, remote: str, *, terminal: bool = False) -> list[str]:
        """The ssh command that runs a shell line on the board, with a `terminal` for questions of sudo."""
        port = ["-p", str(self.port)] if self.port else []
        flags = ["-t"] if terminal else ["-T"]
        return ["ssh", "-o", f"ConnectTimeout={_CONNECT_S}", *flags, *port, "--", self.destination, remote]


@dataclass(frozen=True)
class BoardFacts:
    """What the board says of itself: who logs in, where this machine is as it sees it, and its name."""

    is_root: bool
    this_machine: str
    name: str


def board_of(url: str) -> Board:
    """The board at `url`, ssh://[USER@]HOST[:PORT]; raises Refused."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "ssh" or not parts.hostname or parts.path.strip("/") or parts.hostname.startswith("-"):
        raise misused(f"'{url}' is not a board; write ssh://HOST, ssh://USER@HOST or ssh://USER@HOST:PORT.")
    user = f"{parts.username}@" if parts.username else ""
    if user.startswith("-"):
        raise misused(f"'{url}' is not a board; a user's name does not begin with a hyphen.")
    return Board(f"{user}{parts.hostname}", port)


def newest_bundle(folder: Path) -> Path:
    """The bundle in `folder` that was made last; raises Refused where there is none."""
    bundles = sorted(folder.glob("paretofleet-agent-bundle-*.tar"), key=lambda path: path.stat().st_mtime)
    if not bundles:
        raise Refused(
            f"There is no bundle in {folder}; make one with `make bundle`, or name one by --bundle."
        )
    return bundles[-1]


def look(board: Board) -> BoardFacts:
    """Asks the `board` who logs in and how it sees this machine; raises CollectorError where ssh fails."""
    text = _run(board, 'id -u; echo "${SSH_CONNECTION:-}"; uname -n', b"", "be reached")
    lines = [*text.decode("utf-8", "replace").splitlines(), "", "", ""]
    address = lines[1].split(" ")[0]
    name = re.sub(r"[^A-Za-z0-9._-]", "-", lines[2]).strip("-._") or "board"
    return BoardFacts(lines[0] == "0", f"[{address}]" if ":" in address else address, name)


def install(
    board: Board,
    facts: BoardFacts,
    bundle: Path,
    options: Sequence[str],
    token: str,
    say: Callable[[str], None],
) -> None:
    """Copies the `bundle` to the `board`, installs it with `options` and joins by `token`.

    `facts` are of `look`, `say` hears of each step. What was copied is removed in the end. Raises
    CollectorError where a step fails.
    """
    say(f"copying {bundle.name} to {board.destination}")
    with bundle.open("rb") as file:
        unpack = 'umask 077; d=$(mktemp -d) && tar -xf - -C "$d" && echo "$d"'
        done = subprocess.run(board.command(unpack), stdin=file, capture_output=True, check=False)
    folder = done.stdout.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if done.returncode or not re.fullmatch(r"/[A-Za-z0-9._/-]+", folder):
        raise _failed(board, "take the bundle", done.stderr)
    script = f"{folder}/paretofleet-agent-bundle/install.sh"
    quoted = " ".join(shlex.quote(option) for option in options)
    sudo = "" if facts.is_root or "--no-systemd" in options else "sudo "
    try:
        # The token goes through standard input: no other user of either machine sees it.
        _run(board, f"umask 077; cat > {folder}/token", token.encode(), "take the token")
        say(f"installing on {board.destination}")
        command = f"{sudo}sh {script} {quoted} --token-file {folder}/token"
        ended = subprocess.run(board.command(command, terminal=bool(sudo)), check=False)
        if ended.returncode:
            raise CollectorError(
                f"{board.destination} could not install the agent; its own lines above say why."
            )
    finally:
        subprocess.run(board.command(f"rm -rf {folder}"), capture_output=True, check=False)


def checked_word(option: str, value: str) -> str:
    """`value` where it is fit for the board's settings; raises Refused, which names the `option`."""
    if not _WORD.fullmatch(value):
        raise misused(f"{option} '{value}' may hold 63 letters, digits, dots, hyphens and underscores.")
    return value


def free_name(name: str, names: Collection[str]) -> str:
    """The `name` that a board gives itself, where no device of `names` has it; raises Refused.

    A token for a name takes the place of the device with that name: only the user may say so.
    """
    checked_word("the board's name", name)
    if name in names:
        raise Refused(
            f"The board calls itself '{name}', as a device of the fleet does already: say --name {name} if "
            "it is that device, or another --name."
        )
    return name


def _run(board: Board, remote: str, data: bytes, aim: str) -> bytes:
    try:
        done = subprocess.run(board.command(remote), input=data, capture_output=True, check=False)
    except FileNotFoundError:
        raise CollectorError("There is no command ssh here; install an SSH client.") from None
    if done.returncode:
        raise _failed(board, aim, done.stderr)
    return done.stdout


def _failed(board: Board, aim: str, stderr: bytes) -> CollectorError:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return CollectorError(
        f"{board.destination} could not {aim} ({lines[-1] if lines else 'ssh failed'}); try `ssh "
        f"{board.destination}` first, by a key or an agent."
    )
