"""Who is behind a peer, if it is a gateway like us, and who has asked, said to it (`query.via`)."""

import asyncio
import socket

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.requestor import Requestor
from hilum.dicom.dataset import DataSet
from hilum.query.via import FACE_UID, Via, tell_via


async def hosts_of(address: Address) -> frozenset[str]:
    """Give the addresses that the name of a host stands for; none, if that is not known now."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(place[0]) for *_, place in found)


def face_of(requestor: Requestor) -> str:
    """Give the pseudonym of who has accepted an association; "": it is no gateway like us."""
    told = requestor.accept.user_information.extended
    faces = [one.application_information for one in told if one.sop_class_uid == FACE_UID]
    return faces[0].decode("ascii", "replace") if faces else ""


def tell(requestor: Requestor, identifier: DataSet, via: Via) -> None:
    """Say in an identifier who has asked; others than gateways like us would take it for a key."""
    if via and face_of(requestor):
        tell_via(identifier, via)
