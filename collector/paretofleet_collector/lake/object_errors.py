"""What an object store, or the way to it, refuses: a sentence each, that says what to do."""

from __future__ import annotations

import os
import re

from paretofleet_collector.errors import StorageUnavailable

#: How the library says it: the code of the protocol, what was asked for, and the server's own words.
_SAID = re.compile(
    r"AWS Error (?P<code>[A-Z0-9_]+)(?: \(HTTP status (?P<status>\d+)\))? during (?P<call>\w+)"
)
_DENIED = frozenset(
    {
        "ACCESS_DENIED",
        "INVALID_ACCESS_KEY_ID",
        "INVALID_CLIENT_TOKEN_ID",
        "INVALID_SIGNATURE",
        "MISSING_AUTHENTICATION_TOKEN",
        "REQUEST_EXPIRED",
        "SIGNATURE_DOES_NOT_MATCH",
        "UNRECOGNIZED_CLIENT",
    }
)
_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_REASON_MAX = 300


def no_bucket(bucket: str) -> StorageUnavailable:
    """The error of a lake whose `bucket` is not there."""
    return StorageUnavailable(f"There is no bucket '{bucket}' at the lake's address; make it first.")


def unavailable(error: OSError, lake: str, bucket: str) -> StorageUnavailable:
    """What an `error` of the store means for the `lake`, as people write its place, in that `bucket`.

    The sentence holds nothing of the credentials that a server may have repeated.
    """
    text = " ".join(str(error.strerror or error).split())
    said = _SAID.search(text)
    code, status = (said["code"], said["status"]) if said else ("", "")
    words = code.lower().replace("_", " ")
    if said and (code in _DENIED or status in ("401", "403")):
        return StorageUnavailable(
            f"The lake {lake} refuses the collector's keys ({words} at {said['call']}): in AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY, or in ~/.aws/credentials, give it ones that may get, put, delete and "
            "list there."
        )
    if code == "NO_SUCH_BUCKET":
        return no_bucket(bucket)
    if code == "REQUEST_TIME_TOO_SKEWED":
        return StorageUnavailable(
            f"The lake {lake} refuses requests of this machine, whose clock differs too much from its own: "
            "let NTP set both."
        )
    if code == "NETWORK_CONNECTION":
        return StorageUnavailable(
            f"The lake {lake} cannot be reached ({_reason(text.rpartition('Details: ')[2])}): see that its "
            "server runs and that the address is right."
        )
    return StorageUnavailable(f"The lake {lake} cannot be used now ({_reason(text)}); nothing was changed.")


def _reason(text: str) -> str:
    """The `text` of an error, cut to a length, without keys and without the number of the request."""
    for name in _SECRETS:
        secret = os.environ.get(name)
        if secret:
            text = text.replace(secret, "...")
    return text.partition(" (Request ID")[0][:_REASON_MAX].rstrip(".")
