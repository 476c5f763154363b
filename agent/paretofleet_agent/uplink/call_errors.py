"""What a failed call to the collector means, in one sentence for the user."""

from __future__ import annotations

import grpc

from paretofleet_agent.errors import AttemptFailed, Refused, Unreachable

#: Answers that another try, later or after a new hello, may change. All others are for good.
PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DATA_LOSS,
    }
)


def as_refusal(error: grpc.RpcError, address: str) -> Refused | Unreachable:
    """What the `error` of a hello to `address` means: refused for good, in the collector's words, or not
    reached for now.
    """
    code, details = error.code(), (error.details() or "").strip()
    if code in PASSING:
        return as_unreachable(error, address)
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return Refused(f"What answers at {address} is no paretofleet collector, or too old a one.")
    return Refused(details or f"The collector at {address} refused with {code.name.lower()} and no reason.")


def as_unreachable(error: grpc.RpcError, address: str) -> Unreachable:
    """What the `error` of a later call to `address` means: say hello again, which tells if it is for good."""
    details = (error.details() or "").strip()
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        # The last part of a chain such as "failed to connect to all addresses; ...: Connection refused".
        why = details.rsplit(": ", 1)[-1]
        return Unreachable(
            f"The collector at {address} cannot be reached ({why}): does it run, and is the tunnel open?"
        )
    return Unreachable(f"The collector at {address} cannot serve this agent now: {details}")


def as_missing(error: grpc.RpcError, address: str) -> AttemptFailed | Unreachable:
    """What the `error` of a download from `address` means: there is no such model, or nobody was reached."""
    if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OUT_OF_RANGE):
        return AttemptFailed("model_unavailable", error.details() or "The collector has no such model.")
    return as_unreachable(error, address)
