"""Makes a DIMSE destination of its settings."""

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.destination import DimseDestination
from hilum.destinations.dimse.manner import Manner
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.seats import Seats
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.destinations.dimse.tls import client_context
from hilum.dimse.upper.items import IdentityType, UserIdentity
from hilum.kernel.names import AETitle
from hilum.pipeline.commitments import Commitments
from hilum.pipeline.ports import Payloads


def dimse_destination(
    name: str,
    settings: DimseDestinationSettings,
    *,
    calling: AETitle,
    payloads: Payloads,
    commitments: Commitments | None = None,
    seats: Seats | None = None,
) -> DimseDestination:
    """Make the destination `name`; `calling` is our AE title unless the settings have one.

    `commitments` is what the DIMSE listener reports to when a peer calls us with its report.
    `seats`: shared with all that call the same peer.

    Raises:
        Misconfigured: a TLS file cannot be used.
    """
    address = Address(
        settings.host, settings.port, settings.ae_title, settings.calling_ae_title or calling
    )
    manner = Manner(
        transfer_syntaxes=frozenset(settings.transfer_syntaxes) or None,
        prefer=settings.prefer,
        keep_open_seconds=settings.keep_alive_seconds,
        already_there=settings.already_there,
        commitment_seconds=settings.commitment_seconds,
    )
    options = options_of(settings, seats)
    return DimseDestination(
        name, address, options, payloads, manner=manner, commitments=commitments
    )


def options_of(settings: DimseDestinationSettings, seats: Seats | None = None) -> RequestorOptions:
    """Give what associations with the peer announce and how long they wait.

    Raises:
        Misconfigured: a TLS file cannot be used.
    """
    tls = settings.tls
    return RequestorOptions(
        fragment_bytes_max=settings.send_pdu_bytes_max,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        association_timeout_seconds=settings.association_timeout_seconds,
        response_timeout_seconds=settings.response_timeout_seconds,
        tls=None
        if tls is None
        else client_context(ca=tls.ca, certificate=tls.certificate, key=tls.key),
        user_identity=_identity_of(settings),
        seats=seats,
    )


def _identity_of(settings: DimseDestinationSettings) -> UserIdentity | None:
    if settings.user is None:
        return None
    user = settings.user.encode()
    if settings.password is None:
        return UserIdentity(IdentityType.USERNAME, response_requested=False, primary=user)
    return UserIdentity(
        IdentityType.USERNAME_AND_PASSCODE,
        response_requested=False,
        primary=user,
        secondary=settings.password.get_secret_value().encode(),
    )
