"""The peers of the configuration with their host names resolved, as admission wants them."""

import ipaddress
import socket
from collections.abc import Callable

from hilum.service.config_entities import titles_of
from hilum.service.config_settings import Config
from hilum.sources.dimse.admission import Known, Rules
from hilum.sources.dimse.services import Rulebook
from hilum.sources.dimse.settings import PeerSettings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Told (peer, host, reason) of every name that has no address.
Unresolved = Callable[[str, str, str], None]


def rulebook_of(config: Config, unresolved: Unresolved) -> Rulebook:
    """Give the door's rules. Asks the resolver: not for the event loop."""
    source = config.sources.dimse
    titles = (config.gateway.ae_title, *source.called_ae_titles, *titles_of(config.entities))
    return Rulebook(
        rules=Rules(
            own_titles=frozenset(titles),
            check_called=source.check_called_ae_title,
            peers=tuple(_known(name, peer, unresolved) for name, peer in config.peers.items()),
            unknown_callers=config.gateway.unknown_callers,
            associations_max=source.limits.associations_max,
        ),
        accept_private_sop_classes=source.accept_private_sop_classes,
    )


def _known(name: str, settings: PeerSettings, unresolved: Unresolved) -> Known:
    networks: list[Network] = []
    for host in settings.host:
        try:
            networks.append(ipaddress.ip_network(host, strict=False))
        except ValueError:
            networks.extend(_resolved(name, host, unresolved))
    return Known(name, settings, tuple(networks))


def _resolved(name: str, host: str, unresolved: Unresolved) -> list[Network]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        unresolved(name, host, error.strerror or str(error))
        return []
    return [ipaddress.ip_network(address[0]) for *_, address in found]
