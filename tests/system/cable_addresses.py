"""Addresses for the two ends of a cable that a test lays, of which this machine's networks have none."""

from __future__ import annotations

import ipaddress
import itertools
import os

#: 198.18.0.0/15 is for tests of network devices only (RFC 2544).
FIRST, ENDS = ipaddress.IPv4Address("198.18.0.0"), 30
NETWORKS, OF_ONE_PROCESS = 2**15, 64
_numbers = itertools.count()


def cable_addresses() -> tuple[str, str]:
    """The addresses of the near and the far end, in a network of ENDS bits that no other cable has."""
    number = (os.getpid() * OF_ONE_PROCESS + next(_numbers)) % NETWORKS
    network = FIRST + 4 * number
    return str(network + 1), str(network + 2)
