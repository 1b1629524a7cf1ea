"""Makes an answerer of the settings of a DIMSE destination."""

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.answering.answerer import DimseAnswerer
from hilum.destinations.dimse.opening import options_of
from hilum.destinations.dimse.seats import Seats
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.kernel.names import AETitle
from hilum.pipeline.answerers.ports import Homecomings


def dimse_answerer(
    name: str,
    settings: DimseDestinationSettings,
    *,
    calling: AETitle,
    homecomings: Homecomings | None = None,
    seats: Seats | None = None,
) -> DimseAnswerer:
    """Make the answerer `name`; `calling` is our AE title unless the settings have one.

    `homecomings`: where stores of a C-MOVE to ourselves are announced; None: nothing listens here.
    `seats`: shared with all that call the same peer.

    Raises:
        Misconfigured: a TLS file cannot be used.
    """
    address = Address(
        settings.host, settings.port, settings.ae_title, settings.calling_ae_title or calling
    )
    options = options_of(settings, seats)
    return DimseAnswerer(name, address, options, settings.archive, homecomings)
