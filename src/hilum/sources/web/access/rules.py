"""The rules of access that are in force, read once from the settings. Values and pure functions."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hilum.sources.web.access.grant import (
    Grant,
    Network,
    is_loopback,
    is_within,
    networks_of,
)
from hilum.sources.web.access.need import Family, Need
from hilum.sources.web.access.refusal import AccessRefused
from hilum.sources.web.caller import EVERYTHING
from hilum.sources.web.proxies import IsProxy, caller_address, is_forwarded, proxies_of
from hilum.sources.web.settings import WebSourceSettings

# Whoever is on this machine, and whoever has the token of the configuration.
LOCAL: Final = Grant("", EVERYTHING, is_ambient=True)
TOKEN: Final = Grant("token", EVERYTHING)
_READING: Final = frozenset(("GET", "HEAD", "OPTIONS"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says of who sends it. `peer` is the other end of its connection."""

    method: str
    raw_path: bytes
    headers: Mapping[str, str]
    peer: str
    certificate: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may call. `is_configured`: local programs are not the only ones that may."""

    own_title: str
    token: str | None
    local_access: bool | None
    is_configured: bool
    callers_from: tuple[Network, ...]
    metrics_from: tuple[Network, ...]
    is_proxy: IsProxy
    clients: tuple[tuple[frozenset[str], Grant], ...]
    origins: frozenset[str]

    def address_of(self, asked: Asked) -> str:
        """Give the address of the caller; behind trusted proxies not that of the connection."""
        return caller_address(asked.peer, asked.headers, self.is_proxy)

    def is_local(self, asked: Asked) -> bool:
        """Tell whether a program on this machine has sent it, by itself, and not for another."""
        return (
            is_loopback(asked.peer)
            and not self.is_proxy(asked.peer)
            and not is_forwarded(asked.headers)
        )

    def check_address(self, asked: Asked, address: str) -> None:
        """Refuse who calls from where nobody may. Raises AccessRefused."""
        if not self.callers_from or self.is_local(asked) or is_within(address, self.callers_from):
            return
        raise AccessRefused(
            403,
            "address",
            "sources.web.callers_from has no such address",
            remedy="Add it there if it may call",
        )

    def may_see_health(self, asked: Asked, address: str) -> bool:
        """Tell whether health and metrics are shown without a key."""
        return self.is_local(asked) or is_within(address, self.metrics_from)

    def is_token(self, text: str) -> bool:
        """Tell whether a text is the token of the configuration."""
        given = text.encode("utf-8", "surrogateescape")
        return self.token is not None and hmac.compare_digest(given, self.token.encode())

    def client(self, asked: Asked) -> Grant | None:
        """Give what the owner of a client certificate may do, None for a stranger."""
        found = (grant for named, grant in self.clients if named & asked.certificate)
        return next(found, None)

    def check_page(self, asked: Asked, grant: Grant) -> None:
        """Refuse what a web page from elsewhere has made a browser send. Raises AccessRefused.

        Browsers show certificates and passwords by themselves, and are on this machine by nature.
        """
        if not grant.is_ambient:
            return
        if grant is LOCAL and not _is_own_name(asked.headers.get("host", "")):
            raise _page("its Host header does not name this machine")
        origin = asked.headers.get("origin", "").lower()
        if origin and origin in self.origins:
            return
        is_changing = asked.method not in _READING
        is_elsewhere = asked.headers.get("sec-fetch-site") == "cross-site"
        is_visit = asked.headers.get("sec-fetch-mode") == "navigate"
        if is_elsewhere and (is_changing or (grant is LOCAL and not is_visit)):
            raise _page("a web page from elsewhere has asked for it")
        if is_changing and origin and not _is_same(origin, asked.headers.get("host", "")):
            raise _page("a web page from elsewhere has asked for it")


def check_need(need: Need, grant: Grant, address: str) -> None:
    """Refuse who is known and may not do this. Raises AccessRefused."""
    if grant.networks and not is_within(address, grant.networks):
        raise AccessRefused(403, "address", "its key is not for that address", caller=grant.name)
    if need.family is Family.HEALTH:
        if grant.roles & {"read", "admin"}:
            return
    elif need.family is not Family.PAGE and grant.entities and need.entity not in grant.entities:
        raise AccessRefused(
            403,
            "entity",
            f"it may only use {', '.join(sorted(grant.entities))}",
            remedy="Give it the entity, or another key",
            caller=grant.name,
        )
    if need.role in grant.roles:
        return
    raise AccessRefused(
        403,
        "role",
        f"that needs the role {need.role}",
        remedy="Give it the role, or another key",
        said=f"That needs the role {need.role}.",
        caller=grant.name,
    )


def rules_of(settings: WebSourceSettings, own_title: str) -> Rules:
    """Read the rules from the settings; `own_title` is the entity of /dicom-web."""
    clients = tuple(
        (
            frozenset(client.certificate),
            Grant(
                name,
                client.roles,
                frozenset(client.entities),
                networks_of(client.callers_from),
                is_ambient=True,
            ),
        )
        for name, client in settings.clients.items()
    )
    return Rules(
        own_title=own_title,
        token=None if settings.token is None else settings.token.get_secret_value(),
        local_access=settings.local_access,
        is_configured=bool(settings.token or settings.jwt or settings.clients),
        callers_from=networks_of(settings.callers_from),
        metrics_from=networks_of(settings.metrics_from),
        is_proxy=proxies_of(settings.trusted_proxies),
        clients=clients,
        origins=frozenset(settings.cors_origins),
    )


def _page(reason: str) -> AccessRefused:
    return AccessRefused(
        403,
        "page",
        reason,
        remedy="If the page may, name its origin in sources.web.cors_origins, or use a key",
    )


def _is_own_name(host: str) -> bool:
    name = host.rpartition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]
    return name.lower() == "localhost" or is_loopback(name)


def _is_same(origin: str, host: str) -> bool:
    return origin.partition("://")[2] == host.lower()
