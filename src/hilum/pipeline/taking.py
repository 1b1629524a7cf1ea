"""What takes instances from the doors: our own intake, or a passage to another archive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from hilum.pipeline.answers import Answer
from hilum.pipeline.reception import Announcement, Reception


class Taker(Protocol):
    """Who instances are brought to. `carriers`: who might bring one now; the doors count them."""

    carriers: int

    @property
    def obstacle(self) -> str | None:
        """Say why nothing can be taken now, or None."""
        ...

    def receive(
        self,
        announcement: Announcement,
        *,
        answered: Callable[[Answer], None],
        resumed: Callable[[], None],
    ) -> Reception:
        """Begin to take an instance; the caller feeds it and then finishes or abandons it."""
        ...

    def withdraw(self, reception: Reception) -> None:
        """Nobody waits any more for the answer about a reception that was finished.

        What would only be done for the sake of the answer is stopped; it may never come.
        """
        ...


@dataclass(frozen=True, slots=True)
class Takers:
    """Who takes what is brought to which entity, by AE title. `default`: all that has no other."""

    default: Taker
    by_title: Mapping[str, Taker]

    def of(self, ae_title: str) -> Taker:
        """Give who takes what is brought to the entity that was called."""
        return self.by_title.get(ae_title, self.default)
