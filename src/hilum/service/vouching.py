"""Who hears our reports on storage commitment, and the voucher of one process."""

from hilum.destinations.dimse.destination import DimseDestination
from hilum.destinations.dimse.reporting import CommitmentListener
from hilum.kernel.clock import Clock
from hilum.kernel.names import AETitle
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.ledger import Ledger
from hilum.pipeline.vouching.voucher import Voucher
from hilum.service.config_settings import Config
from hilum.service.delivering import Delivering
from hilum.service.moving import peer_destination
from hilum.sources.dimse.settings import listening_host


class ConfiguredListeners:
    """Peers of the configuration in force (`pipeline.vouching.ports.Listeners`).

    Where a section of `[destinations]` has the AE title of the peer, its host, port and TLS hold.
    """

    def __init__(self, delivering: Delivering) -> None:
        """Take what follows the configuration."""
        self._delivering = delivering

    def find(self, peer: str, *, calling: str) -> CommitmentListener | None:
        """Give where a peer listens; None: it has gone, or nobody says where."""
        settings = self._delivering.peers.get(peer)
        if settings is None:
            return None
        for opened in self._delivering.opened.values():
            match opened.destination:
                case DimseDestination() as one if one.address.called == settings.ae_title:
                    return one.listener(AETitle(calling))
        host = listening_host(settings)
        if host is None:
            return None
        destination = peer_destination(peer, settings, host, self._delivering)
        return destination.listener(AETitle(calling))


def voucher_of(
    config: Config, delivering: Delivering, ledger: Ledger, clock: Clock, telemetry: Telemetry
) -> Voucher:
    """Put it together from what a process of the gateway has."""
    return Voucher(
        config.sources.dimse.commitment,
        commitments=ledger.commitments,
        payloads=delivering.payloads,
        listeners=ConfiguredListeners(delivering),
        clock=clock,
        telemetry=telemetry,
    )
