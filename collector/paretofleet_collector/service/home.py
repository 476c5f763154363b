"""The collector's home folder: one collector at a time, its id, its address, and where it may listen."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paretofleet_collector.config import SOCKET_ONLY, default_home, last_started, socket_path
from paretofleet_collector.errors import Refused, StorageUnavailable

ENDPOINT = "endpoint"
JOIN_ENDPOINT = "join-endpoint"
#: Stands in a home while a backup is being brought back to it.
RESTORING = "restoring"
_LOCK = "lock"
#: Holds the random id of the collector.
ID = "id"


@contextmanager
def hold_home(home: Path) -> Iterator[None]:
    """Creates the folder `home` if need be and holds it; raises Refused while another collector does."""
    try:
        private_folder(home)
        descriptor = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(
            f"The folder {home} cannot be used: {error.strerror}; choose another with --home."
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(
                f"A collector works in {home} already, perhaps of `paretofleet up` in another terminal: use "
                "that one, or end it there with Ctrl-C first, or name another folder with --home."
            ) from None
        yield
    finally:
        os.close(descriptor)


def private_folder(folder: Path) -> None:
    """Makes `folder` if need be, and keeps other users of the machine out of it.

    Raises OSError, and Refused where the folder is another user's.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = folder.stat()
    if facts.st_uid != os.geteuid():
        raise Refused(f"The folder {folder} belongs to another user; start the collector as that one.")
    # A folder with a sticky bit, such as /tmp, is everybody's.
    if facts.st_mode & 0o077 and not facts.st_mode & stat.S_ISVTX:
        folder.chmod(0o700)


def make_socket_folder(home: Path) -> Path:
    """Makes the folder of the local socket of `home`, for its user only; returns the socket's path.

    A socket that a collector left behind is removed: the lock on `home` shows that it is gone. Raises
    Refused.
    """
    path = socket_path(home)
    try:
        # Below the folder for temporary files anybody may have put a link here before.
        if path.parent.is_symlink():
            raise Refused(f"{path.parent} is a link, and the local socket needs a folder there; remove it.")
        private_folder(path.parent)
        path.parent.chmod(0o700)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Refused(f"The folder {path.parent} cannot be used: {error.strerror}.") from None
    return path


def remove_socket(home: Path) -> None:
    """Removes the local socket of `home`, and its folder where that is not in `home`."""
    path = socket_path(home)
    path.unlink(missing_ok=True)
    if home.absolute() not in path.parents:
        with suppress(OSError):
            path.parent.rmdir()


def note_started(home: Path, address: str) -> None:
    """Says where the collector of `home` listens, to commands of its user that name none.

    The usual folder needs no such word. `address` is that of the local socket.
    """
    if home != default_home():
        with suppress(OSError, StorageUnavailable):
            last_started().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(last_started(), address + "\n")


def check_restored(home: Path) -> None:
    """Raises Refused where bringing a backup back to the folder `home` broke off."""
    path = home / RESTORING
    if path.exists():
        raise Refused(
            f"A backup was being brought back to {home} and that broke off; run `paretofleet collector "
            f"restore {path.read_text(encoding='utf-8').strip()} --home {home}` again."
        )


def noted_id(home: Path) -> str:
    """The id of the collector whose folder is `home`; empty before its first start."""
    path = home / ID
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def note_id(home: Path, collector_id: str) -> None:
    """Keeps `collector_id` as that of the collector whose folder is `home`; raises StorageUnavailable."""
    write_atomically(home / ID, collector_id + "\n")


def collector_id(home: Path) -> str:
    """The random id of the collector whose folder is `home`, made at its first start.

    Raises StorageUnavailable.
    """
    if noted := noted_id(home):
        return noted
    made = secrets.token_hex(8)
    note_id(home, made)
    return made


def write_atomically(path: Path, text: str) -> None:
    """Writes the small file `path` with `text` in it, for its user, whole or not at all.

    Raises StorageUnavailable.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        with open(temporary, "w", encoding="utf-8", opener=_private) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageUnavailable(f"{path} cannot be written: {error.strerror}.") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def checked_address(listen: str, *, has_identity: bool) -> tuple[str, int] | None:
    """Host and port of `listen` (HOST:PORT); None for the local socket only.

    Raises Refused for an address beyond this machine's loopback where the collector `has_identity` not.
    """
    if listen == SOCKET_ONLY:
        return None
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise Refused(
            f"'{listen}' is not an address to listen on; write HOST:PORT, as in 127.0.0.1:7411, "
            f"or {SOCKET_ONLY} for this machine's users of this folder only."
        )
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback and not has_identity:
        raise Refused(
            f"The collector does not listen on {host}: it cannot tell yet who speaks; give it an identity "
            "with `paretofleet collector init`, or listen on loopback (127.0.0.1:7411) and reach it from "
            "elsewhere through the SSH tunnel described in the README."
        )
    return host, int(port)


def check_free(host: str, port: int) -> None:
    """Raises Refused when something else listens at `host` and `port` already; 0 is always free."""
    if port == 0:
        return
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise Refused(
                f"Port {port} on {host} cannot be used ({error.strerror}); stop what listens there, or "
                "choose another with --listen 127.0.0.1:PORT."
            ) from None
