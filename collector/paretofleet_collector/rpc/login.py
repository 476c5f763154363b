"""A person's side of joining: the certificate of each collector, kept in files of the user's."""

from __future__ import annotations

import hashlib
import json
import os
import re
import ssl
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import grpc
from paretofleet_proto.v1 import join_pb2 as pb
from paretofleet_proto.v1 import join_pb2_grpc

from paretofleet_collector.config import default_home
from paretofleet_collector.errors import CollectorError, Refused, Unreachable
from paretofleet_collector.identity import authority, tokens
from paretofleet_collector.rpc.statuses import error_of

CALL_S = 30.0
#: Seconds for which a port that nobody listens on yet is asked again.
START_S = 5.0
#: A certificate is renewed by use, at most so often.
RENEW_S = 86_400.0
OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.ssl_target_name_override", authority.SERVER_NAME),
    ("grpc.max_receive_message_length", 512 * 1024 * 1024),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


@dataclass(frozen=True)
class Credentials:
    """A person's certificate of one collector, its key, and whom to trust; all in PEM."""

    address: str
    name: str
    role: str
    key_pem: str
    certificate_pem: str
    authorities_pem: str

    def __repr__(self) -> str:
        return f"Credentials({self.address!r}, {self.name!r}, {self.role!r})"


def stored(address: str) -> Credentials | None:
    """The credentials that this user has for the collector at `address` (HOST:PORT); raises Refused."""
    path = _path(address)
    try:
        return Credentials(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise Refused(f"{path} cannot be used ({type(error).__name__}); join the collector again.") from None


def only_address() -> str:
    """The address of the one collector that this user has joined; empty where it is none or several."""
    paths = list(default_home("joined").glob("*.json"))
    if len(paths) != 1:
        return ""
    try:
        return str(json.loads(paths[0].read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError):
        return ""


def connect(address: str) -> grpc.Channel:
    """A channel to the collector at `address`, with this user's certificate where there is one."""
    credentials = None if address.startswith("unix:") else stored(address)
    if credentials is None:
        return grpc.insecure_channel(address, options=[o for o in OPTIONS if "ssl" not in o[0]])
    return _secure(address, _renewed(credentials))


def login(address: str, token: str, name: str) -> Credentials:
    """Joins the collector whose join server is at `address` by a `token`, as `name`, and keeps what it gives.

    Raises Refused where the token or the collector is wrong, Unreachable without one.
    """
    parts = tokens.parse(token)
    trusted = fetch_authority(address, parts.authority_sha256)
    key_pem, request_pem = authority.make_request()
    roots = grpc.ssl_channel_credentials(trusted.encode())
    with grpc.secure_channel(address, roots, options=OPTIONS) as channel:
        stub: Any = join_pb2_grpc.JoinStub(channel)  # type: ignore[no-untyped-call]
        request = pb.EnrolRequest(token=token.strip(), request_pem=request_pem, name=name)
        try:
            reply = stub.Enrol(request, timeout=CALL_S)
        except grpc.RpcError as error:
            raise error_of(error, address) from None
    if reply.role == "agent":
        raise Refused("This token is for a device; use it there: `paretofleet-agent join HOST:PORT -`.")
    host = reply.address.rpartition(":")[0] or address.rpartition(":")[0]
    made = Credentials(
        address=f"{host}:{reply.address.rpartition(':')[2]}",
        name=reply.name,
        role=reply.role,
        key_pem=key_pem.decode(),
        certificate_pem=reply.certificate_pem,
        authorities_pem=reply.authorities_pem,
    )
    _keep(made)
    return made


def fetch_authority(address: str, sha256: str) -> str:
    """The certificate in PEM of the authority with `sha256`, from the join server at `address`.

    The server's certificate is trusted for this one question; the answer counts only if its hash is right.
    Raises Refused where it is another, Unreachable where nobody answers.
    """
    host, _, port = address.rpartition(":")
    try:
        leaf = _server_certificate(host.strip("[]"), int(port))
    except (OSError, ValueError):
        raise Unreachable(
            f"nobody with identity answers at {address}; give HOST:PORT of the join server"
        ) from None
    with grpc.secure_channel(
        address, grpc.ssl_channel_credentials(leaf.encode()), options=OPTIONS
    ) as channel:
        stub: Any = join_pb2_grpc.JoinStub(channel)  # type: ignore[no-untyped-call]
        try:
            bundle = stub.Authorities(pb.AuthoritiesRequest(), timeout=CALL_S).authorities_pem
        except grpc.RpcError:
            raise Refused(
                f"What answers at {address} is no join server: its port is that of `join_listen`, "
                "mostly 7412. The token was not sent."
            ) from None
    for block in re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", bundle, re.DOTALL):
        if hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest() == sha256:
            return str(block)
    raise Refused(
        f"What answers at {address} is not the collector that made this token (its authority is another); "
        "check the address. The token was not sent."
    )


def _server_certificate(host: str, port: int) -> str:
    """The certificate in PEM of the server there; a collector that is just starting is waited for."""
    ends_s = time.monotonic() + START_S
    while True:
        try:
            return ssl.get_server_certificate((host, port), timeout=CALL_S)
        except ConnectionRefusedError:
            if time.monotonic() > ends_s:
                raise
            time.sleep(0.2)


def _renewed(credentials: Credentials) -> Credentials:
    """The credentials, new ones where these have been used for a day; the old ones where that fails."""
    try:
        if time.time() - _path(credentials.address).stat().st_mtime < RENEW_S:
            return credentials
        key_pem, request_pem = authority.make_request()
        with _secure(credentials.address, credentials) as channel:
            stub: Any = join_pb2_grpc.IdentityStub(channel)  # type: ignore[no-untyped-call]
            reply = stub.Renew(pb.RenewRequest(request_pem=request_pem), timeout=CALL_S)
    except (grpc.RpcError, OSError):
        return credentials
    made = replace(
        credentials,
        key_pem=key_pem.decode(),
        certificate_pem=reply.certificate_pem,
        authorities_pem=reply.authorities_pem,
    )
    _keep(made)
    return made


def _secure(address: str, credentials: Credentials) -> grpc.Channel:
    made = grpc.ssl_channel_credentials(
        credentials.authorities_pem.encode(),
        credentials.key_pem.encode(),
        credentials.certificate_pem.encode(),
    )
    return grpc.secure_channel(address, made, options=OPTIONS)


def _keep(credentials: Credentials) -> None:
    path = _path(credentials.address)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(credentials), file)
        temporary.replace(path)
    except OSError as error:
        raise CollectorError(f"{path} cannot be written: {error.strerror}.") from None


def _path(address: str) -> Path:
    return default_home("joined") / (re.sub(r"[^A-Za-z0-9.-]", "_", address) + ".json")
