"""What every response of a peer must have."""

from hilum.dimse.message import Command
from hilum.kernel.errors import RemoteProtocolError


def status_of(response: Command) -> int:
    """Give the status that every response must have (PS3.7 §9.3).

    Raises:
        RemoteProtocolError: it has none.
    """
    if response.status is None:
        raise RemoteProtocolError("a response without Status (0000,0900) (PS3.7 §9.3)")
    return response.status
