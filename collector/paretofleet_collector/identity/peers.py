"""Who speaks, whether the certificate counts, and what the role may do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from paretofleet_collector.errors import SessionRefused
from paretofleet_collector.identity.tokens import SKEW_S, set_back, utc

LOCAL = "local"
#: Which roles may call what, by service and method; `*` is every other method. Who is local may call all.
_MAY: dict[str, dict[str, frozenset[str]]] = {
    "Fleet": {"*": frozenset({"agent"})},
    "Identity": {"*": frozenset({"agent", "admin", "operator", "viewer"})},
    "Health": {"*": frozenset({"agent", "admin", "operator", "viewer"})},
    "Access": {"*": frozenset({"admin"})},
    "Control": {
        "*": frozenset({"admin", "operator", "viewer"}),
        "ChangeDevice": frozenset({"admin"}),
        "PrioritiseSweeps": frozenset({"admin"}),
        **dict.fromkeys(
            (
                "AddInputs",
                "AddModel",
                "AddZooModel",
                "ChangeModel",
                "MakeVariant",
                "SubmitSweep",
                "CancelSweep",
                "PauseSweep",
                "ResumeSweep",
                "RetrySweep",
                "SkipSweep",
                "DeleteSweep",
                "RebuildReport",
                "CreateSearch",
                "ChangeSearch",
                "RecordTrials",
                "DeleteSearch",
            ),
            frozenset({"admin", "operator"}),
        ),
    },
}


@dataclass(frozen=True)
class Peer:
    """Who makes a call. `role`: agent, admin, operator, viewer, or LOCAL for a user of this machine.

    `subject` is the device's id or the person's name; `renew_unix_s` when its certificate shall be renewed.
    """

    role: str
    subject: str = ""
    certificate_id: str = ""
    renew_unix_s: float = float("inf")

    @property
    def key(self) -> str:
        """What limits count by: the same for every connection of one device or person."""
        return f"{self.role}:{self.subject}"


def check_role(peer: Peer, service: str, method: str) -> None:
    """Raises SessionRefused unless `peer` may call the `method` of a `service`."""
    methods = _MAY.get(service, {})
    if peer.role == LOCAL or peer.role in methods.get(method, methods.get("*", frozenset())):
        return
    who = "a device" if peer.role == "agent" else f"'{peer.subject}' ({peer.role})"
    needed = " or ".join(sorted(methods.get(method, methods.get("*", frozenset()))))
    raise SessionRefused(
        f"This is not for {who}: {method} needs the role {needed or 'of the local user'}.", "forbidden"
    )


def check_submitter(peer: Peer, submitted_by: str, name: str, noun: str = "sweep") -> None:
    """Raises SessionRefused where `peer` is an operator and the sweep `name` was `submitted_by` another.

    `noun`: what it is, if no sweep.
    """
    if peer.role == "operator" and submitted_by != peer.subject:
        raise SessionRefused(
            f"The {noun} '{name}' was submitted by {submitted_by or 'the local user'}; an operator changes "
            f"{noun}{'es' if noun.endswith('ch') else 's'} of their own only.",
            "forbidden",
        )


def check_device(peer: Peer, device_id: str) -> None:
    """Raises SessionRefused where `peer` is a device and speaks as another than `device_id`."""
    if peer.role == "agent" and device_id != peer.subject:
        raise SessionRefused(
            f"This certificate is that of device {peer.subject}, and it speaks as {device_id or 'nobody'}; "
            "start the agent with the folder with which it joined.",
            "forbidden",
        )


def check_certificate(row: Any | None, now: float, latest: float, late_s: float = 0.0) -> None:
    """Raises SessionRefused unless the certificate of a stored `row` counts `now` (seconds since 1970).

    It expires by the `latest` time that the clock ever said. It counts for `late_s` seconds longer, for
    whoever wants to renew it only.
    """
    if row is None:
        raise SessionRefused(
            "The collector's store does not know this certificate (was an older backup restored?); join "
            "again with a new token of `paretofleet token create`.",
            "unidentified",
        )
    again = f"`paretofleet token create --name NAME` makes a token to join again ({_who(row)})"
    if row.revoked_unix_s is not None:
        raise SessionRefused(
            f"This certificate was revoked at {utc(row.revoked_unix_s)}; {again}.", "forbidden"
        )
    if now < row.issued_unix_s - SKEW_S:
        raise SessionRefused(
            f"This certificate was issued at {utc(row.issued_unix_s)}, ahead of the collector's clock "
            f"({utc(now)}): set the clock of the collector's machine.",
            "skewed",
        )
    until = row.expires_unix_s + late_s
    if now < until <= latest:
        raise SessionRefused(set_back("certificate", row.expires_unix_s, now, latest), "skewed")
    if now >= until:
        raise SessionRefused(
            f"This certificate expired at {utc(row.expires_unix_s)} and was not renewed; {again}.",
            "unidentified",
        )


def check_presented(row: Any, presented_pem: str) -> None:
    """Raises SessionRefused unless `presented_pem` is the certificate of the stored `row`, to the last byte.

    Whoever stole an authority's key can sign others under the same name.
    """
    if _body(presented_pem) != _body(row.pem):
        raise SessionRefused(
            "The collector did not issue this certificate, though its authority signed it: somebody else has "
            "the authority's key; replace it with `paretofleet collector rotate`.",
            "forbidden",
        )


def _body(pem: str) -> str:
    """What a certificate in PEM says, however its lines are broken."""
    return "".join(pem.split())


def check_authority(row: Any, authorities: Collection[str]) -> None:
    """Raises SessionRefused where the certificate of a `row` is of none of the `authorities` (SHA-256).

    TLS asks when a connection begins; one that began before an authority was retired is still open.
    """
    if row.authority_sha256 not in authorities:
        raise SessionRefused(
            "The authority of this certificate was retired; join again with a new token of "
            "`paretofleet token create`.",
            "forbidden",
        )


def renew_unix_s(row: Any, newest_authority: str) -> float:
    """When the certificate of a stored `row` shall be renewed, in seconds since 1970.

    That is after two thirds of its time, and at once where it is not of the `newest_authority` (SHA-256).
    """
    if row.authority_sha256 != newest_authority:
        return 0.0
    return float(row.issued_unix_s + (row.expires_unix_s - row.issued_unix_s) * 2 / 3)


def _who(row: Any) -> str:
    return f"device {row.subject}" if row.role == "agent" else f"{row.role} {row.subject}"
