"""Who a C-MOVE can send to: DIMSE destinations, and peers that say where they listen."""

from collections.abc import Collection

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.destination import DimseDestination
from hilum.destinations.dimse.options import RequestorOptions
from hilum.kernel.names import UID
from hilum.pipeline.archive.movers import Errand, Kind, MoveTarget
from hilum.pipeline.ports import Session
from hilum.service.delivering import Delivering
from hilum.sources.dimse.settings import PeerSettings, listening_host


class ConfiguredMovers:
    """The move destinations of the configuration in force (`pipeline.archive.movers.Movers`).

    A section of `[destinations]` goes before one of `[peers]` with the same AE title: it says more.
    """

    def __init__(self, delivering: Delivering) -> None:
        """Take what follows the configuration."""
        self._delivering = delivering

    def find(self, ae_title: str) -> MoveTarget | None:
        """Give who has this title now; None: nobody that we know where to find."""
        for opened in self._delivering.opened.values():
            destination = opened.destination
            if isinstance(destination, DimseDestination) and destination.address.called == ae_title:
                return _Target(destination)
        for name, peer in self._delivering.peers.items():
            if peer.ae_title == ae_title and (host := listening_host(peer)) is not None:
                return _Target(peer_destination(name, peer, host, self._delivering))
        return None


def peer_destination(
    name: str, peer: PeerSettings, host: str, delivering: Delivering
) -> DimseDestination:
    """Give a peer as somebody whom we call where it listens."""
    address = Address(host, peer.port or 0, peer.ae_title, delivering.title)
    return DimseDestination(name, address, RequestorOptions(), delivering.payloads)


class _Target:
    """One of them."""

    def __init__(self, destination: DimseDestination) -> None:
        self._destination = destination

    @property
    def syntaxes(self) -> Collection[UID]:
        """Give what its settings allow."""
        return sorted(self._destination.manner.transfer_syntaxes or ())

    def session(self, errand: Errand, kinds: Collection[Kind]) -> Session:
        """Give a new session; nothing is opened yet."""
        return self._destination.moving(errand, kinds)
