"""How much memory may be held with pieces: all of what they are cut out of counts, and once."""

import threading
from collections.abc import Iterable, Mapping
from typing import cast

from hilum.pipeline.landing import Bytes

# What pieces are cut out of, by what tells one from another for as long as it is there.
_Memories = Mapping[int, bytes | bytearray]


class Budget:
    """So many bytes, shared by holds. The loop adds to these, threads let go of them."""

    def __init__(self, size: int) -> None:
        self.left = size
        self._holds: dict[int, int] = {}  # how many there are on each memory
        self._counting = threading.Lock()

    def take(self, memories: _Memories) -> bool:
        """Have one more hold on memories; False: there is not so much left."""
        holds = self._holds
        with self._counting:
            cost = sum(len(memory) for key, memory in memories.items() if key not in holds)
            if cost > self.left:
                return False
            self.left -= cost
            for key in memories:
                holds[key] = holds.get(key, 0) + 1
        return True

    def give_back(self, memories: _Memories) -> None:
        """Have one hold less on each; what has none is free."""
        holds = self._holds
        with self._counting:
            for key, memory in memories.items():
                holds[key] -= 1
                if not holds[key]:
                    del holds[key]
                    self.left += len(memory)


class Hold:
    """What one instance has of the budget."""

    __slots__ = ("_budget", "_memories")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._memories: dict[int, bytes | bytearray] = {}

    def add(self, pieces: Iterable[Bytes]) -> bool:
        """Hold what pieces are cut out of; False: there is no room, and nothing was added."""
        more: dict[int, bytes | bytearray] = {}
        for piece in pieces:
            memory = cast("bytes", piece.obj) if isinstance(piece, memoryview) else piece
            if id(memory) not in self._memories:
                more[id(memory)] = memory
        if not self._budget.take(more):
            return False
        self._memories.update(more)
        return True

    def let_go(self) -> None:
        """Hold nothing any more."""
        memories, self._memories = self._memories, {}
        self._budget.give_back(memories)
