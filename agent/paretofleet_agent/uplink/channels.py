"""Channels to a collector: plain for a local socket or loopback, else with this device's certificate."""

from __future__ import annotations

import grpc

from paretofleet_agent.config import UNIX
from paretofleet_agent.uplink.credentials import Credentials

#: Every collector has this name in its certificate; the authority is what counts, so that tunnels work.
SERVER_NAME = "collector.paretofleet.internal"
OPTIONS = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # The answer to a keepalive ping is awaited for this long, 60 s if unset, whatever keepalive_timeout says.
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Between tries to connect; the daemon waits with jitter of its own.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Two agents of one process, or a channel and the one after it, share no connection.
    ("grpc.use_local_subchannel_pool", 1),
    # A proxy named in the environment is never meant for the collector of this network.
    ("grpc.enable_http_proxy", 0),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 4 << 20),
    ("grpc.max_send_message_length", 8 << 20),
    ("grpc.max_receive_message_length", 8 << 20),
)
_SECURE = (*OPTIONS, ("grpc.ssl_target_name_override", SERVER_NAME))


def open_channel(address: str, credentials: Credentials | None) -> grpc.Channel:
    """A channel to the collector at `address`, by `credentials` where this device has joined one.

    An agent that has joined never falls back to a plain connection but on the local socket.
    """
    if credentials is None or address.startswith(UNIX):
        return grpc.insecure_channel(address, options=list(OPTIONS))
    made = grpc.ssl_channel_credentials(
        credentials.authorities_pem.encode(),
        credentials.key_pem.encode(),
        credentials.certificate_pem.encode(),
    )
    return grpc.secure_channel(address, made, options=list(_SECURE))


def open_join_channel(address: str, trusted_pem: str) -> grpc.Channel:
    """A channel to the join server at `address`, which shows a certificate of `trusted_pem` or is it."""
    return grpc.secure_channel(
        address, grpc.ssl_channel_credentials(trusted_pem.encode()), options=list(_SECURE)
    )
