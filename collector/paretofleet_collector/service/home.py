"""The collector's home folder: one collector at a time, its id, its address, and where it may listen."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paretofleet_collector.errors import Refused, StorageFull

ENDPOINT = "endpoint"
_LOCK = "lock"
_ID = "id"


@contextmanager
def hold_home(home: Path) -> Iterator[None]:
    """Creates the folder `home` if need be and holds it; raises Refused while another collector does."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
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
                f"Another collector works in {home}; stop it, or start this one with another --home."
            ) from None
        yield
    finally:
        os.close(descriptor)


def collector_id(home: Path) -> str:
    """The random id of the collector whose folder is `home`, made at its first start; raises StorageFull."""
    path = home / _ID
    if path.exists():
        text = path.read_text(encoding="utf-8").strip()
        if text:
            return text
    made = secrets.token_hex(8)
    write_atomically(path, made + "\n")
    return made


def write_atomically(path: Path, text: str) -> None:
    """Writes the small file `path` with `text` in it whole or not at all; raises StorageFull."""
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageFull(f"{path} cannot be written: {error.strerror}.") from None


def checked_address(listen: str) -> tuple[str, int]:
    """Host and port of `listen` (HOST:PORT) on this machine's loopback; raises Refused for any other."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise Refused(f"'{listen}' is not an address to listen on; write HOST:PORT, as in 127.0.0.1:7411.")
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise Refused(
            f"The collector does not listen on {host}: it cannot tell yet who speaks; listen on "
            f"127.0.0.1:{port} and reach it from elsewhere through the SSH tunnel described in the README."
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
