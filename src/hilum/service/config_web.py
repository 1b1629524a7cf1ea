"""What single settings of the HTTP listener cannot tell: those that contradict each other."""

from collections.abc import Iterator
from ipaddress import ip_network
from itertools import combinations
from pathlib import Path

from hilum.service.config_finding import Finding
from hilum.service.config_positions import KeyPath
from hilum.service.config_tls import tls_errors, tls_warnings, why_unreadable
from hilum.sources.web.access.fetching import check_keys
from hilum.sources.web.access.grant import is_loopback
from hilum.sources.web.settings import WebSourceSettings

_WEB: KeyPath = ("sources", "web")


def errors(web: WebSourceSettings) -> Iterator[Finding]:
    """Find what cannot work, or would not be as strict as it looks."""
    if not web.is_plain and web.tls is None:
        yield Finding(
            ((*_WEB, "plain"),),
            "without the plain port and without TLS nobody can call",
            "Set up sources.web.tls, or enabled = false",
        )
    if web.tls is not None:
        for key, message, remedy in tls_errors(web.tls):
            yield Finding(((*_WEB, "tls", key),), message, remedy)
    yield from _clients(web)
    yield from _provider(web)
    yield from _addresses(web)


def warnings(web: WebSourceSettings) -> Iterator[Finding]:
    """Find what works but may not be meant."""
    if web.tls is not None:
        for key, message, remedy in tls_warnings(web.tls):
            yield Finding(((*_WEB, "tls", key),), message, remedy)
    if not web.enabled or not web.is_plain or _is_local(web.host) or web.trusted_proxies:
        return
    yield Finding(
        ((*_WEB, "host"),),
        f"keys and images go readable over the network of {web.host}:{web.port}",
        "Remove plain = true"
        if web.tls is not None
        else "Set up [sources.web.tls], or listen on 127.0.0.1 behind a proxy that has HTTPS",
    )


def _is_local(host: str) -> bool:
    return host == "localhost" or is_loopback(host)


def _clients(web: WebSourceSettings) -> Iterator[Finding]:
    if web.clients and (web.tls is None or web.tls.client_ca is None):
        name = next(iter(web.clients))
        yield Finding(
            ((*_WEB, "clients", name), (*_WEB, "tls", "client_ca")),
            "nobody is asked for a certificate, so no client can be known by one",
            "Set client_ca in [sources.web.tls]: who signs the certificates of clients",
        )
    for (name, one), (other, another) in combinations(web.clients.items(), 2):
        for same in sorted(set(one.certificate) & set(another.certificate))[:1]:
            yield Finding(
                ((*_WEB, "clients", other, "certificate"), (*_WEB, "clients", name, "certificate")),
                f"{same!r} is also in [sources.web.clients.{name}]: it could be either",
                "Name what only one of their certificates says",
            )


def _provider(web: WebSourceSettings) -> Iterator[Finding]:
    if web.jwt is None:
        return
    if web.jwt.ca is not None and web.jwt.jwks_file is not None:
        yield _about_jwt("ca", "it does nothing with jwks_file: nobody is asked", "Remove it")
    for key, path in (("jwks_file", web.jwt.jwks_file), ("ca", web.jwt.ca)):
        if path is not None and (why := why_unreadable(path)):
            yield _about_jwt(key, why, "The path starts at the folder of the configuration file")
            return
    if web.jwt.jwks_file is not None and (why := _unusable(web.jwt.jwks_file)):
        yield _about_jwt("jwks_file", why, "Save what the provider's jwks_uri shows")


def _unusable(path: Path) -> str:
    return check_keys(path.read_bytes())


def _about_jwt(key: str, message: str, remedy: str) -> Finding:
    return Finding(((*_WEB, "jwt", key),), message, remedy)


def _addresses(web: WebSourceSettings) -> Iterator[Finding]:
    if not web.callers_from:
        return
    allowed = [ip_network(one) for one in web.callers_from]
    for text in web.metrics_from:
        wanted = ip_network(text)
        if not any(one.version == wanted.version and one.overlaps(wanted) for one in allowed):
            yield Finding(
                ((*_WEB, "metrics_from"), (*_WEB, "callers_from")),
                f"{text} may not call at all: callers_from has it not",
                "Add it to callers_from, or remove it here",
            )
