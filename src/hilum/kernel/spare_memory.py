"""Memory that sockets are read into, lent again when nobody looks at it.

New memory is dear, page by page. What was read stays where it lies for as long as anybody has a
view of it: nobody says when he is done, so that nobody can say it too early.
"""


class SpareMemory:
    """Lends memory of one size. Lives on one thread; views may be let go of by others."""

    def __init__(self, size: int, *, spare_max: int) -> None:
        """Keep at most so many pieces for use again; others go back to the system."""
        self._size = size
        self._spare_max = spare_max
        self._spare: list[bytearray] = []

    def lend(self) -> bytearray:
        """Give memory that nobody uses, as much as possible the same again: it is still at hand.

        It is the borrower's as soon as he has a view of it.
        """
        for memory in self._spare:
            if _is_unused(memory):
                return memory
        new = bytearray(self._size)
        if len(self._spare) < self._spare_max:
            self._spare.append(new)
        return new

    def rest(self, spare_max: int) -> None:
        """Keep no more than so many: nobody reads now."""
        del self._spare[spare_max:]


def _is_unused(memory: bytearray) -> bool:
    """Tell whether nobody has a view of it: under one Python changes no length."""
    try:
        memory.append(memory.pop())
    except BufferError:
        return False
    return True
