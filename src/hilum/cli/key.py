"""`hilum key`: who may call over HTTP. Works on the ledger; a running gateway sees it soon."""

import json as json_format
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, get_args

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from hilum.cli.queueing.opening import ConfigOption, opened_ledger, operator, read_config
from hilum.kernel.errors import HilumError
from hilum.kernel.names import ae_title
from hilum.kernel.setting_types import duration
from hilum.ledger.key import AccessKey
from hilum.sources.web.access.key_text import digest_of, make_key
from hilum.sources.web.access.settings import network

key = App(name="key", help="API keys for callers over HTTP: create, list, revoke.")

RoleOption = Literal["read", "write", "delete", "admin"]
JsonOption = Annotated[bool, Parameter(negative="", show_default=False)]
_NAME_CHARACTERS_MAX: Final = 64


@key.command
def create(
    name: str,
    *,
    role: tuple[RoleOption, ...],
    entity: tuple[str, ...] = (),
    expires: str | None = None,
    from_: Annotated[tuple[str, ...], Parameter(name="--from")] = (),
    config: ConfigOption = None,
) -> int:
    """Make a key and print it, this once: only a digest of it is kept.

    It is sent as `Authorization: Bearer …`, as `X-API-Key`, or as the password of any user.

    Parameters
    ----------
    name:
        Who will use it: shown in the log and in audit records.
    role:
        What it opens, one or more: read, write (store), delete, admin (the API).
    entity:
        AE title of an entity: the key opens only the DICOMweb root of these.
    expires:
        How long it is good for, such as 90d or 12h. Without it: until it is revoked.
    from_:
        Where it may be used, IP or CIDR, one or more. Without it: anywhere.
    config:
        The configuration of the gateway, as for `hilum serve`.
    """
    now = datetime.now(UTC)
    key_id, text = make_key()
    made = AccessKey(
        key_id,
        _named(name),
        digest_of(text),
        tuple(one for one in get_args(RoleOption) if one in role),
        tuple(_checked(entity, ae_title)),
        tuple(_checked(from_, network)),
        now,
        None if expires is None else now + _span(expires),
    )
    with opened_ledger(read_config(config)) as ledger:
        ledger.keys.create(made, by=operator())
    # The key alone on standard output, for scripts.
    print(text)
    print(f"Keep it: it cannot be shown again. {_said(made)}", file=sys.stderr)
    return 0


@key.command(name="list")
def list_(*, config: ConfigOption = None, json: JsonOption = False) -> int:
    """List every key there ever was, and whether it still opens anything.

    Parameters
    ----------
    config:
        The configuration of the gateway, as for `hilum serve`.
    json:
        Print one JSON array, for programs.
    """
    now = datetime.now(UTC)
    with opened_ledger(read_config(config)) as ledger:
        found = ledger.keys.all()
    if json:
        print(json_format.dumps([_as_json(one, now) for one in found], indent=2))
    elif not found:
        print("There are no keys: only programs on this machine may call, if nothing else is set.")
    else:
        Console(highlight=False, markup=False).print(_table(found, now))
    return 0


@key.command
def revoke(name: str, *, config: ConfigOption = None) -> int:
    """End a key: it opens nothing any more, within five seconds.

    Parameters
    ----------
    name:
        Its name, or its id.
    config:
        The configuration of the gateway, as for `hilum serve`.
    """
    with opened_ledger(read_config(config)) as ledger:
        ended = ledger.keys.revoke(name, by=operator(), now=datetime.now(UTC))
    if not ended:
        raise HilumError(f"no key that opens anything is called {name!r}; see `hilum key list`")
    for one in ended:
        print(f"{one.name} ({one.key_id}) opens nothing any more.")
    return 0


def _named(name: str) -> str:
    name = name.strip()
    if not name or len(name) > _NAME_CHARACTERS_MAX or not name.isprintable():
        raise HilumError(f"a name has 1 to {_NAME_CHARACTERS_MAX} characters, all printable")
    return name


def _checked(texts: tuple[str, ...], check: Callable[[str], str]) -> list[str]:
    try:
        return [check(text) for text in texts]
    except ValueError as error:
        raise HilumError(str(error)) from error


def _span(text: str) -> timedelta:
    try:
        seconds = duration(text)
        span = timedelta(seconds=float(str(seconds)))
    except (ValueError, OverflowError) as error:
        raise HilumError(f"--expires: {error}") from error
    if span <= timedelta(0):
        raise HilumError("--expires: a key that has expired opens nothing")
    return span


def _said(made: AccessKey) -> str:
    words = f"{made.name} ({made.key_id}): {', '.join(made.roles)}"
    if made.entities:
        words += f"; of {', '.join(made.entities)}"
    if made.networks:
        words += f"; from {', '.join(made.networks)}"
    return f"{words}; {_until(made)}."


def _until(one: AccessKey) -> str:
    return "until revoked" if one.expires_at is None else f"until {one.expires_at:%Y-%m-%d %H:%M}Z"


def _state(one: AccessKey, now: datetime) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "usable" if one.is_usable(now) else "expired"


def _table(found: list[AccessKey], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("Name", "Id", "Roles", "Entities", "From", "Created", "State", "Until"):
        table.add_column(column)
    for one in found:
        table.add_row(
            one.name,
            one.key_id,
            ", ".join(one.roles),
            ", ".join(one.entities) or "all",
            ", ".join(one.networks) or "anywhere",
            f"{one.created_at:%Y-%m-%d}",
            _state(one, now),
            "" if one.expires_at is None else f"{one.expires_at:%Y-%m-%d %H:%M}Z",
        )
    return table


def _as_json(one: AccessKey, now: datetime) -> dict[str, object]:
    def moment(at: datetime | None) -> str | None:
        return None if at is None else at.isoformat()

    return {
        "name": one.name,
        "id": one.key_id,
        "roles": one.roles,
        "entities": one.entities,
        "from": one.networks,
        "created_at": moment(one.created_at),
        "expires_at": moment(one.expires_at),
        "revoked_at": moment(one.revoked_at),
        "state": _state(one, now),
    }
