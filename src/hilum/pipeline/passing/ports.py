"""What a passage needs of the destinations that are configured now; the service fills it."""

from collections.abc import Callable
from dataclasses import dataclass

from hilum.pipeline.ports import Destination


@dataclass(frozen=True, slots=True)
class Target:
    """Where instances are handed on to. One process opens `window_max` sessions at most."""

    destination: Destination
    window_max: int
    batch_instances_max: int
    batch_bytes_max: int


# By the name of a destination; None: there is none of that name now.
Targets = Callable[[str], Target | None]
