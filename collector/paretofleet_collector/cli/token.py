"""`paretofleet token`: tokens with which devices and people join, and the people who did."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from paretofleet_collector.cli.output import Column, Format, Output, column, row_of, show, write_json
from paretofleet_collector.cli.session import access_client, notify
from paretofleet_collector.cli.units import clock, counted
from paretofleet_collector.errors import misused
from paretofleet_collector.model.views import TokenView

app = typer.Typer(
    no_args_is_help=True,
    help="Tokens with which devices and people join the collector.",
    epilog="Example: paretofleet token create --pool lab --uses 4",
)
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_COLUMNS = (
    column("token_id", "token", kept=True),
    column("name", kept=True),
    column("role"),
    column("pool"),
    Column("uses", lambda row: f"{row['uses'] - row['uses_left']} of {row['uses']}"),
    column("state"),
    Column("until", lambda row: clock(row["expires_unix_s"])),
)


@app.command(epilog="Example: paretofleet token create --name tx2-1 --ttl 1h")
def create(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Option(help="The one name that it is for.")] = "",
    pool: Annotated[str, typer.Option(help="The group of devices that it joins.")] = "",
    uses: Annotated[int, typer.Option(help="How many may join by it.")] = 1,
    ttl: Annotated[str, typer.Option(metavar="TIME", help="How long it lasts: 90s, 30m, 1h, 2d.")] = "1h",
    role: Annotated[
        str, typer.Option(help="agent for a device; admin, operator or viewer for a person.")
    ] = "agent",
    approve: Annotated[
        bool, typer.Option("--approve", help="What joins by it waits for `paretofleet devices approve`.")
    ] = False,
    output: Output = Format.table,
) -> None:
    """Make a join token; it is shown this once."""
    with access_client(context) as client:
        token, text, address = client.create_token(TokenView(role, name, pool, approve, uses), _seconds(ttl))
    if output is Format.json:
        write_json({**row_of(token), "text": text, "address": address})
        return
    print(text)
    where = address if address.rpartition(":")[0] else f"HOST{address}"
    joins = "paretofleet-agent join" if role == "agent" else "paretofleet login"
    named = f" --name {token.name}" if token.name else ""
    notify(
        f"{token.token_id}: {token.role}, {counted(token.uses, 'use')}, until "
        f"{clock(token.expires_unix_s)}; there: `{joins} {where} -{named}` "
        "with this machine's name for HOST, which asks for the token"
    )


@app.command("list", epilog="Example: paretofleet token list -o json")
def list_(context: typer.Context, output: Output = Format.table) -> None:
    """List the tokens, without their secrets."""
    with access_client(context) as client:
        rows = [row_of(token) for token in client.list_tokens()]
    show(rows, _COLUMNS, output, nothing="no token was made; make one with `paretofleet token create`")


@app.command(epilog="Example: paretofleet token revoke 0123456789abcdef")
def revoke(
    context: typer.Context,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, as in `token list`, or all of it.")],
) -> None:
    """End a token before its time; what joined by it stays."""
    parts = token.split("-")
    with access_client(context) as client:
        ended = client.revoke_token(parts[1] if len(parts) > 1 else token)
    notify(f"{ended.token_id} is {ended.state}")


@app.command(epilog="Example: paretofleet token users")
def users(
    context: typer.Context,
    revoke: Annotated[str, typer.Option(metavar="NAME", help="End the certificates of this person.")] = "",
    output: Output = Format.table,
) -> None:
    """List the people who have joined, or end the certificates of one."""
    with access_client(context) as client:
        if revoke:
            ended = client.revoke_user(revoke)
            notify(f"{ended.name} is {ended.state}")
            return
        rows = [row_of(user) for user in client.list_users()]
    until = Column("until", lambda row: clock(row["expires_unix_s"]))
    columns = (column("name", kept=True), column("role"), column("state"), until)
    show(rows, columns, output, nothing="nobody has joined; the local user needs no certificate")


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise misused(f"'{text}' is not a time; write 90s, 30m, 1h or 2d.")
    return float(match[1]) * _UNITS_S[match[2]]
