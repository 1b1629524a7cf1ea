"""What we ask for when we ask for an association, and what we say of ourselves."""

from collections.abc import Sequence

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.dimse.upper.items import (
    ExtendedNegotiation,
    PresentationContext,
    RoleSelection,
    UserInformation,
)
from hilum.dimse.upper.pdu import AssociateRequest


def request_of(
    address: Address,
    contexts: Sequence[PresentationContext],
    options: RequestorOptions,
    *,
    roles: Sequence[RoleSelection],
    extended: Sequence[ExtendedNegotiation],
) -> AssociateRequest:
    """Give the request for an association with the peer at `address`."""
    information = UserInformation(
        maximum_length=options.maximum_pdu_length,
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        roles=tuple(roles),
        extended=tuple(extended),
        user_identity=options.user_identity,
    )
    return AssociateRequest(
        called_ae_title=address.called,
        calling_ae_title=address.calling,
        contexts=tuple(contexts),
        user_information=information,
    )
