"""Where clients reach us: what stands before the paths of every address that we emit (RFC 7239).

Whether the headers of a proxy count is decided by who knows the proxies; read here, they are
texts of a stranger, and what is no host or path is not used.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

_HOST: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
)
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*/?")
_SCHEMES: Final = frozenset(("http", "https"))
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_PAIR: Final = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))\s*')
_HEADER_CHARACTERS_MAX: Final = 2048
_HOST_CHARACTERS_MAX: Final = 300  # no host is longer, with its port


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """`scheme://authority/prefix`; prefix is empty or begins with a slash, and ends with none."""

    scheme: str
    authority: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix}"


def base_url(scheme: str, host: str, prefix: str, *, otherwise: str) -> BaseUrl:
    """Give the address that a client itself used; `otherwise` stands for a Host that is none."""
    named = host if len(host) <= _HOST_CHARACTERS_MAX else ""
    return _base_url(scheme, named, prefix, otherwise)


@lru_cache(maxsize=128)  # clients know us by a few names
def _base_url(scheme: str, host: str, prefix: str, otherwise: str) -> BaseUrl:
    authority = host if _is_host(host) else otherwise
    return _tidy(BaseUrl(scheme if scheme in _SCHEMES else "http", authority, _as_prefix(prefix)))


def behind_proxy(base: BaseUrl, headers: Iterable[tuple[str, str]]) -> BaseUrl:
    """Give the address that the client of a trusted proxy used.

    `Forwarded` counts before `X-Forwarded-Proto`, `-Host`, `-Port` and `-Prefix`. Of several
    proxies, the first one told what the client used. A prefix comes before ours.
    """
    found = _said(headers)
    scheme = found.get("proto", "").lower()
    if scheme in _SCHEMES:
        base = replace(base, scheme=scheme)
    host = found.get("host", "")
    if _is_host(host):
        base = replace(base, authority=host)
    port = found.get("port", "")
    if port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 0xFFFF:
        base = replace(base, authority=f"{_without_port(base.authority)}:{int(port)}")
    prefix = _as_prefix(found.get("prefix", ""))
    if prefix and not base.prefix.startswith(prefix + "/"):
        base = replace(base, prefix=prefix + base.prefix)
    return _tidy(base)


def _said(headers: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Give the first value of everything that the proxies say."""
    found: dict[str, str] = {}
    standard: dict[str, str] = {}
    for header, value in headers:
        name, text = header.lower(), value[:_HEADER_CHARACTERS_MAX]
        if name == "forwarded" and not standard:
            standard = _forwarded(text)
        elif name.startswith("x-forwarded-"):
            found.setdefault(name.removeprefix("x-forwarded-"), text.partition(",")[0].strip())
    if "host" in standard:
        # The port belongs to the other host.
        found.pop("port", None)
    return found | standard


def _forwarded(text: str) -> dict[str, str]:
    """Read the first element of a Forwarded header (RFC 7239 §4)."""
    found: dict[str, str] = {}
    at = 0
    while pair := _PAIR.match(text, at):
        value = pair[3] if pair[2] is None else re.sub(r"\\(.)", r"\1", pair[2])
        found.setdefault(pair[1].lower(), value)
        at = pair.end()
        if not text.startswith(";", at):
            break
        at += 1
    return {name: value for name, value in found.items() if name in {"proto", "host"}}


def _is_host(text: str) -> bool:
    return _HOST.fullmatch(text) is not None


def _without_port(authority: str) -> str:
    return re.sub(r":[0-9]+\Z", "", authority)


def _as_prefix(text: str) -> str:
    if _PREFIX.fullmatch(text) is None or "/../" in f"{text}/":
        return ""
    return text.rstrip("/")


def _tidy(base: BaseUrl) -> BaseUrl:
    """Leave out a port that the scheme implies."""
    return replace(base, authority=base.authority.removesuffix(_DEFAULT_PORTS[base.scheme]))
