"""What somebody may do: found out from a key, token or certificate, and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from hilum.sources.web.caller import Role

Network = IPv4Network | IPv6Network
# One of IPv6 with the name of an interface behind it is shorter.
_ADDRESS_CHARACTERS_MAX = 128


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller may do. No entities, or no networks: all of them.

    `is_ambient`: a browser sends by itself what the caller was known by, for foreign pages too.
    """

    name: str
    roles: frozenset[Role]
    entities: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    is_ambient: bool = False


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and networks that were checked when they were set."""
    return tuple([ip_network(text, strict=False) for text in texts])


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Tell whether an address belongs to one of `networks`; what is no address does not."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)


def is_loopback(address: str) -> bool:
    """Tell whether an address is this machine's own; strangers may have written it."""
    return len(address) <= _ADDRESS_CHARACTERS_MAX and _is_loopback(address)


@lru_cache(maxsize=256)
def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
