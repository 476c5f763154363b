"""Join tokens: their text, and whether one lets somebody in."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

from paretofleet_collector.errors import SessionRefused

ROLES = ("agent", "admin", "operator", "viewer")
#: Seconds by which a clock may run ahead of what it wrote before.
SKEW_S = 300.0
_TEXT = re.compile(r"pft-([0-9a-f]{16})-([A-Za-z0-9_-]{43})-([0-9a-f]{64})")


@dataclass(frozen=True)
class TokenText:
    """What a user hands on: which token, its secret, and the SHA-256 of the authority to trust."""

    token_id: str
    secret: str
    authority_sha256: str

    def __str__(self) -> str:
        return f"pft-{self.token_id}-{self.secret}-{self.authority_sha256}"

    def __repr__(self) -> str:
        return f"TokenText({self.token_id})"


def make(authority_sha256: str) -> TokenText:
    """A new token for joining the collector whose authority has `authority_sha256`."""
    return TokenText(secrets.token_hex(8), secrets.token_urlsafe(32), authority_sha256)


def parse(text: str) -> TokenText:
    """The parts of a token's `text`; raises SessionRefused, which never repeats it."""
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise SessionRefused(
            "This is not a join token, or not all of one; take the whole line that "
            "`paretofleet token create` printed.",
            "unidentified",
        )
    return TokenText(*match.groups())


def sha256_of(secret: str) -> str:
    """What the store keeps of a token's `secret`."""
    return hashlib.sha256(secret.encode()).hexdigest()


def state(row: Any, now: float) -> str:
    """What the token of a `row` is `now` (seconds since 1970): valid, used up, expired or revoked."""
    if row.revoked_unix_s is not None:
        return "revoked"
    if now >= row.expires_unix_s:
        return "expired"
    return "valid" if row.uses_left > 0 else "used up"


def check_secret(row: Any | None, token: TokenText) -> None:
    """Raises SessionRefused unless `token` has the secret of its stored `row`."""
    if row is None or not hmac.compare_digest(row.secret_sha256, sha256_of(token.secret)):
        raise SessionRefused(
            "The collector does not know this join token; make a new one with `paretofleet token create`.",
            "unidentified",
        )


def check(row: Any, token: TokenText, name: str, now: float, latest: float) -> None:
    """Raises SessionRefused unless `token`, whose stored row is `row`, lets in who calls itself `name`.

    `now` is in seconds since 1970, as is the `latest` time that the clock ever said, by which a token
    expires. `name` may be empty.
    """
    check_secret(row, token)
    if now < row.created_unix_s - SKEW_S:
        raise SessionRefused(
            f"The token was made at {utc(row.created_unix_s)}, which is ahead of the collector's clock "
            f"({utc(now)}): set the clock of the collector's machine.",
            "skewed",
        )
    condition = state(row, latest)
    if condition == "expired" and state(row, now) == "valid":
        raise SessionRefused(set_back("token", row.expires_unix_s, now, latest), "skewed")
    if condition != "valid":
        why = {
            "revoked": "was revoked",
            "expired": f"expired at {utc(row.expires_unix_s)}",
            "used up": f"is used up (it was for {row.uses} {'use' if row.uses == 1 else 'uses'})",
        }[condition]
        raise SessionRefused(
            f"The token {row.token_id} {why}; make a new one with `paretofleet token create`.", "forbidden"
        )
    if row.name and name and name != row.name:
        raise SessionRefused(
            f"The token {row.token_id} is for the name '{row.name}', this is '{name}'; join by that name or "
            "make another token.",
            "forbidden",
        )


def set_back(credential: str, expires_unix_s: float, now: float, latest: float) -> str:
    """Why a `credential`, a token or a certificate, has expired that would not have by the clock `now`.

    It expired at `expires_unix_s`, and the clock's `latest` time was after that. All are in seconds since
    1970.
    """
    return (
        f"This {credential} expired at {utc(expires_unix_s)}; the collector's clock was at "
        f"{utc(latest)} before and says {utc(now)} now. Set it; if it was wrong before, stop the "
        "collector and run `paretofleet collector doctor --forget-clock`."
    )


def utc(unix_s: float) -> str:
    """The time `unix_s`, in seconds since 1970, for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unix_s))
