"""What the commands share: the collector they talk to and how they speak to the user."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from paretofleet_collector.cli.terminal import write_message

if TYPE_CHECKING:
    from paretofleet_collector.model.entities import Refusal
    from paretofleet_collector.rpc.access_client import AccessClient
    from paretofleet_collector.rpc.client import Client
    from paretofleet_collector.rpc.search_client import SearchClient

COLLECTOR_VARIABLE = "PARETOFLEET_COLLECTOR_ADDRESS"


@dataclass(frozen=True)
class Settings:
    """The options that stand before the noun. `address`: empty for this user's collector on this machine."""

    address: str


@contextmanager
def collector_client(context: typer.Context) -> Iterator[Client]:
    """A client of the collector that the user named."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its own lines would stand between ours
    from paretofleet_collector.rpc.client import Client  # gRPC takes a while to load, and help needs none

    with Client(address_of(context)) as client:
        yield client


@contextmanager
def access_client(context: typer.Context) -> Iterator[AccessClient]:
    """A client for tokens and people of the collector that the user named."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from paretofleet_collector.rpc.access_client import AccessClient

    with AccessClient(address_of(context)) as client:
        yield client


@contextmanager
def search_client(context: typer.Context) -> Iterator[SearchClient]:
    """A client for architecture searches of the collector that the user named."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from paretofleet_collector.rpc.search_client import SearchClient

    with SearchClient(address_of(context)) as client:
        yield client


def address_of(context: typer.Context) -> str:
    """The collector that the user named, else theirs on this machine, else the one that they joined."""
    if context.obj.address:
        return str(context.obj.address)
    from paretofleet_collector.config import DEFAULT_ADDRESS, local_address
    from paretofleet_collector.rpc.login import only_address

    local = local_address()
    return only_address() or local if local == DEFAULT_ADDRESS else local


def notify(message: str) -> None:
    """One sentence to the user, beside the data: on standard error."""
    write_message(message)


def notify_refusals(refusals: Sequence[Refusal]) -> None:
    """What is left out of a sweep, one line each."""
    for refusal in refusals:
        notify(f"left out: {refusal.combination}: {refusal.why}")
