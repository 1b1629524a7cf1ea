"""The seats of DIMSE destinations, which all who call the same peer share. One object a process."""

from hilum.destinations.dimse.seats import Seats


class SeatsOfPeers:
    """By the names of destinations."""

    def __init__(self) -> None:
        self._seats: dict[str, Seats] = {}

    def of(self, name: str, limit: int) -> Seats:
        """Give the seats of a destination, of which there are `limit` from now on."""
        seats = self._seats.setdefault(name, Seats(limit))
        seats.limit = limit
        return seats
