"""What was learned of a server by asking it: how much of QIDO-RS and WADO-RS it understands."""

from dataclasses import dataclass, field
from typing import Final, Literal

from hilum.destinations.dicomweb.archive.settings import WebArchiveSettings

Include = Literal["wanted", "all", "none"]

# Seen: Azure Health Data Services answers 400 to a limit above 200.
MODEST_PAGE: Final = 200
_LESS: Final[dict[Include, Include]] = {"wanted": "all", "all": "none"}
# Answers that a resource has who does not know it; 404 may also mean that nothing matches.
NOT_THERE: Final = frozenset((400, 404, 405, 501))


@dataclass(slots=True)
class Manner:
    """How a server is asked. `lists`: whether it knows lists of UIDs; None: not known yet."""

    include: Include
    page_max: int
    lists: bool | None = None
    unescapes: bool | None = None  # whether it understands %5E; None: not known yet
    unknown: set[str] = field(default_factory=set)  # shapes of paths that it has not
    composes: bool = False  # instances are made of their metadata: it gives no files out
    forms: dict[str, int] = field(default_factory=dict)  # which Accept worked, by what for

    @classmethod
    def of(cls, settings: WebArchiveSettings) -> "Manner":
        """Begin with what the settings say."""
        return cls(settings.include, settings.page_matches_max)

    def less(self) -> "Manner | None":
        """Give a manner that asks for less, to try after a 400; None: there is none."""
        if self.page_max > MODEST_PAGE:
            return self._with(self.include, MODEST_PAGE)
        if self.include in _LESS:
            return self._with(_LESS[self.include], self.page_max)
        return None

    def learn(self, other: "Manner") -> None:
        """Ask in another manner from now on: it worked."""
        self.include, self.page_max = other.include, other.page_max

    def _with(self, include: Include, page_max: int) -> "Manner":
        return Manner(include, page_max)
