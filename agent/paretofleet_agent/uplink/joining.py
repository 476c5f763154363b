"""How this device joins a collector: a token for a certificate, and a new certificate for an old one."""

from __future__ import annotations

import hashlib
import logging
import random
import re
import ssl
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, TypeVar

import grpc
from paretofleet_proto.v1 import join_pb2 as pb
from paretofleet_proto.v1 import join_pb2_grpc

from paretofleet_agent.config import Config
from paretofleet_agent.errors import HomeError, Refused, Unreachable
from paretofleet_agent.files import write_atomically
from paretofleet_agent.uplink import backoff, credentials, identity
from paretofleet_agent.uplink.call_errors import as_refusal
from paretofleet_agent.uplink.channels import open_join_channel
from paretofleet_agent.uplink.credentials import Credentials

log = logging.getLogger(__name__)

CALL_S = 15.0
ASK_AGAIN_S = 2.0
#: While a join server has too many calls of this machine, it is asked again after at most so long.
BUSY_FIRST_S, BUSY_LONGEST_S = 0.5, 5.0
#: A key that waits for its certificate: asked again with it, the collector gives what it gave.
KEY_FILE = "joining.key"
_TOKEN = re.compile(r"pft-[0-9a-f]{16}-[A-Za-z0-9_-]{43}-([0-9a-f]{64})")
T = TypeVar("T")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)


def join(config: Config, address: str, token: str, wait_s: float) -> Credentials:
    """Joins the collector whose join server is at `address` (HOST:PORT) by a `token`, as `config` names this
    device, and keeps what it gives in the home. Waits at most `wait_s` seconds for an approval.

    Raises Refused where token or collector are wrong, Unreachable where nobody answers or approves.
    """
    match = _TOKEN.fullmatch(token.strip())
    if match is None:
        raise Refused(
            "This is not a join token, or not all of one: take the whole line that "
            "`paretofleet token create` printed."
        )
    device_id = identity.ensure(config.home)
    until = time.monotonic() + wait_s
    trusted = fetch_authority(address, match.group(1), until)
    key_pem = _pending_key(config.home)
    request = pb.EnrolRequest(
        token=token.strip(),
        request_pem=credentials.request_for(key_pem),
        device_id=device_id,
        name=config.name,
        device_class=config.device_class,
        labels=dict(config.labels),
    )
    reply = _enrol(address, trusted, request, until)
    made = Credentials(
        address=_beside(address, reply.address),
        collector_id=reply.collector_id,
        name=reply.name,
        device_class=config.device_class,
        key_pem=key_pem,
        certificate_pem=reply.certificate_pem,
        authorities_pem=reply.authorities_pem,
    )
    if reply.device_id != device_id:
        identity.take_over(config.home, reply.device_id)
    credentials.save(config.home, made)
    (config.home / KEY_FILE).unlink()
    return made


def renew(channel: grpc.Channel, address: str, home: Path, old: Credentials) -> Credentials:
    """A new key and certificate over the `channel` of the `old` ones, kept in `home` before they are used.

    `address` is for messages. Raises Refused or Unreachable.
    """
    key_pem, request_pem = credentials.make_request()
    stub: Any = join_pb2_grpc.IdentityStub(channel)  # type: ignore[no-untyped-call]
    try:
        reply = stub.Renew(pb.RenewRequest(request_pem=request_pem), timeout=CALL_S)
    except grpc.RpcError as error:
        raise as_refusal(error, address) from error
    made = replace(
        old,
        key_pem=key_pem,
        certificate_pem=reply.certificate_pem,
        authorities_pem=reply.authorities_pem,
    )
    credentials.save(home, made)
    return made


def fetch_authority(address: str, sha256: str, until: float = 0.0) -> str:
    """The certificate in PEM of the authority with `sha256`, from the join server at `address`.

    The server's certificate is trusted for this one question; the answer counts only if its hash is right.
    One that is busy is asked again `until` then (by time.monotonic). Raises Refused where it is another,
    Unreachable where nobody answers.
    """
    host, _, port = address.rpartition(":")
    try:
        leaf = ssl.get_server_certificate((host.strip("[]"), int(port)))
    except OSError as error:
        raise Unreachable(
            f"No join server answers at {address} ({error.strerror or type(error).__name__}): its port is "
            "that of `join_listen`, mostly 7412; does the collector run, and has it an identity?"
        ) from error
    with open_join_channel(address, leaf) as channel:
        stub: Any = join_pb2_grpc.JoinStub(channel)  # type: ignore[no-untyped-call]
        try:
            bundle = _patiently(lambda: stub.Authorities(pb.AuthoritiesRequest(), timeout=CALL_S), until)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise as_refusal(error, address) from error
            raise Refused(
                f"What answers at {address} is no join server: its port is that of `join_listen`, "
                "mostly 7412. The token was not sent."
            ) from error
    for block in _CERTIFICATE.findall(bundle.authorities_pem):
        if hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest() == sha256:
            return str(block)
    raise Refused(
        f"What answers at {address} is not the collector that made this token (its authority is another): "
        "check the address. The token was not sent."
    )


def _patiently(ask: Callable[[], T], until: float) -> T:
    """What `ask` returns; while the server has too many calls it is asked again, with full jitter.

    Raises the RpcError of any other refusal, and of that one after `until` (by time.monotonic).
    """
    waits = backoff.waits(random.Random(), BUSY_FIRST_S, BUSY_LONGEST_S)
    is_told = False
    while True:
        try:
            return ask()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED or time.monotonic() > until:
                raise
            if not is_told:
                log.info("the join server is busy and is asked again: %s", error.details())
                is_told = True
        time.sleep(next(waits))


def _enrol(address: str, trusted: str, request: pb.EnrolRequest, until: float) -> Any:
    """The reply with a certificate, asked for again while somebody has to approve, `until` then."""
    waiting = False
    with open_join_channel(address, trusted) as channel:
        stub: Any = join_pb2_grpc.JoinStub(channel)  # type: ignore[no-untyped-call]
        while True:
            try:
                reply = _patiently(lambda: stub.Enrol(request, timeout=CALL_S), until)
            except grpc.RpcError as error:
                raise as_refusal(error, address) from error
            if reply.certificate_pem:
                return reply
            if not waiting:
                waiting = True
                log.info(
                    "waiting for `paretofleet devices approve %s`; the fingerprint of this device is %s",
                    reply.name,
                    reply.fingerprint,
                )
            if time.monotonic() > until:
                raise Unreachable(
                    f"Nobody approved device {reply.name} ({reply.fingerprint}) within the time of --wait-s: "
                    "run the same join again, the collector remembers this device."
                )
            time.sleep(ASK_AGAIN_S)


def _pending_key(home: Path) -> str:
    """The key of a join that did not end, or a new one; in PEM."""
    path = home / KEY_FILE
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        key_pem, _ = credentials.make_request()
        try:
            write_atomically(path, key_pem)
        except OSError as error:
            raise HomeError(f"{path} cannot be written ({error.strerror}).") from error
        return key_pem


def _beside(address: str, given: str) -> str:
    """The address at which certificates are accepted; without a host it is on the machine of `address`."""
    host, _, port = given.rpartition(":")
    return f"{host or address.rpartition(':')[0]}:{port}" if port else ""
