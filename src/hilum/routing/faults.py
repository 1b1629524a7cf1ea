"""What is wrong with a route, and where in it: collected, so that all is told at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that cannot work, or can and is hardly meant (a warning)."""

    path: KeyPath
    message: str
    remedy: str = ""
    is_warning: bool = False


@dataclass(slots=True)
class Faults:
    """All that was found so far."""

    found: list[Fault] = field(default_factory=list)

    def error(self, path: KeyPath, message: str, remedy: str = "") -> None:
        """Note what cannot work."""
        self.found.append(Fault(path, message, remedy))

    def warning(self, path: KeyPath, message: str, remedy: str = "") -> None:
        """Note what is hardly meant."""
        self.found.append(Fault(path, message, remedy, is_warning=True))

    @property
    def errors(self) -> Sequence[Fault]:
        """Give what cannot work."""
        return [fault for fault in self.found if not fault.is_warning]
