"""Which callers are reverse proxies whose word counts, and who called them."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

IsProxy = Callable[[str], bool]
# What says that a request came through a proxy, and which address it had before.
_FORWARDING: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_ADDRESSES_KEPT: Final = 1024
_HOPS_MAX: Final = 32


def proxies_of(networks: Iterable[str]) -> IsProxy:
    """Give what tells proxies that are trusted, by their address."""
    trusted = tuple([ip_network(network, strict=False) for network in networks])
    if not trusted:
        return lambda _: False

    @lru_cache(maxsize=_ADDRESSES_KEPT)
    def is_proxy(address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        return any(found in network for network in trusted)

    return is_proxy


def is_forwarded(headers: Mapping[str, str]) -> bool:
    """Tell whether a proxy, trusted or not, has passed this request on."""
    return any(name in headers for name in _FORWARDING)


def caller_address(address: str, headers: Mapping[str, str], is_proxy: IsProxy) -> str:
    """Give the address of who called: behind trusted proxies, the nearest that is none of them.

    What stands further away was written by a stranger (RFC 7239 §8.1). "" when it is not said.
    """
    if not is_proxy(address):
        return address
    for hop in reversed(_hops(headers)):
        address = hop
        if not is_proxy(hop):
            break
    return address


def _hops(headers: Mapping[str, str]) -> list[str]:
    """Give the addresses a request went through, the first one first."""
    if "forwarded" in headers:
        elements = headers["forwarded"].split(",")[-_HOPS_MAX:]
        found = [_for_of(element) for element in elements]
    elif "x-forwarded-for" in headers:
        found = headers["x-forwarded-for"].split(",")[-_HOPS_MAX:]
    else:
        found = [headers["x-real-ip"]] if "x-real-ip" in headers else []
    return [_without_port(one.strip()) for one in found]


def _for_of(element: str) -> str:
    for pair in element.split(";"):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            return value.strip().strip('"')
    return ""


def _without_port(text: str) -> str:
    """Give an address without the port that may follow, "" for what is no address."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
