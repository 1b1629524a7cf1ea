"""Who hears our reports on storage commitment, and the voucher of one process."""

from collections.abc import Callable

from hilum.destinations.dimse.destination import DimseDestination
from hilum.destinations.dimse.reporting import CommitmentListener
from hilum.kernel.clock import Clock
from hilum.kernel.names import AETitle
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.ledger import Ledger
from hilum.pipeline.answerers.ports import Answerer
from hilum.pipeline.vouching.archives import Archives
from hilum.pipeline.vouching.ports import Witnesses
from hilum.pipeline.vouching.voucher import Voucher
from hilum.service.clock import SteadyClock
from hilum.service.config_entities import LOCAL, EntitySettings, members_of, title_of
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


class ConfiguredWitnesses:
    """Who keeps what is brought to entities, by the configuration in force (`ports.Witnesses`)."""

    def __init__(
        self,
        config: Callable[[], Config],
        asked: Callable[[str], Answerer | None],
        study_of: Callable[[str], str | None],
    ) -> None:
        """Take the configuration; `asked` gives the archive of a destination, if it has one."""
        self._config = config
        self._asked = asked
        self._study_of = study_of

    def of(self, ae_title: str) -> Archives | None:
        """Give the archives of an entity; None: it is all held here."""
        for name, settings in self._config().entities.items():
            if title_of(name, settings) == ae_title:
                return self._of(settings)
        return None

    def _of(self, settings: EntitySettings) -> Archives | None:
        """Ask first where stores are handed to, then who answers."""
        places = [name for place in settings.answers for name in members_of(place)]
        names = dict.fromkeys([settings.through, *places])
        found = [self._asked(name) for name in names if name not in {"", LOCAL}]
        archives = [one for one in found if one is not None]
        if not archives and not settings.through:
            return None
        counts = LOCAL in places or not settings.through
        return Archives(archives, study_of=self._study_of, counts_what_is_here=counts)


def voucher_of(  # noqa: PLR0913 - parts of one process, each named
    config: Config,
    delivering: Delivering,
    ledger: Ledger,
    clock: Clock,
    telemetry: Telemetry,
    witnesses: Witnesses | None = None,
    *,
    vouched: Clock,
) -> Voucher:
    """Put it together from what a process of the gateway has."""
    return Voucher(
        config.sources.dimse.commitment,
        commitments=ledger.commitments,
        payloads=delivering.payloads,
        listeners=ConfiguredListeners(delivering),
        clock=clock,
        vouched=vouched,
        steady=SteadyClock(),
        telemetry=telemetry,
        witnesses=witnesses,
        promised=delivering.listed,
    )
