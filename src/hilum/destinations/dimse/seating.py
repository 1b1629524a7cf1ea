"""Connects a wire to a peer when there is a seat for it."""

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.connection import connect
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.seats import Seat, Seats
from hilum.destinations.dimse.wire import Wire


async def seated(wire: Wire, address: Address, options: RequestorOptions) -> Seat:
    """Connect, and give the seat; it is free again when the transport is closed.

    Raises:
        NoSeat: none came free in time; and as `connect` does.
    """
    seats = options.seats or Seats(1)  # of its own, where nobody counts
    seat = await seats.take(seconds=options.association_timeout_seconds, peer=str(address))
    wire.when_closed = seat.give_back
    try:
        await connect(address, options, wire)
    except BaseException:
        seat.give_back()
        raise
    return seat
