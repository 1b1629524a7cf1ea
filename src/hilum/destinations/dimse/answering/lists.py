"""Whether a peer answers a list of UIDs: what is set, or what it has shown so far."""

from hilum.destinations.dimse.answering.settings import Wish


class UidLists:
    """Believes in lists until one was answered as if it had been for one UID."""

    def __init__(self, wish: Wish) -> None:
        self.may_be_tried = wish != "never"
        self._is_proven = wish != "auto"

    def are_doubtful(self, *, found: int) -> bool:
        """Tell whether what is missing has to be asked for, after a list that found so many."""
        self._is_proven |= found > 1
        return not self._is_proven

    def are_unknown(self) -> None:
        """One was missing that is there."""
        self.may_be_tried = False
