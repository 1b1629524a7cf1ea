"""One request for instances, as a value: what it asks for, and what became of each."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hilum.dicomweb.addresses import path_to
from hilum.dicomweb.resource import Place
from hilum.kernel.errors import CorruptPayload, Full, HilumError
from hilum.query.via import Via

_FAULTS_MAX: Final = 10


@dataclass(slots=True)
class Errand:
    """A study, series or instance to fetch. `wanted`: SOP Instance UIDs that are still missing.

    `final`: those that the sink will not have, and why. `faults`: what was wrong with the answer.
    `via`: on whose behalf it is asked.
    """

    place: Place
    asked: frozenset[str]
    wanted: set[str]
    kept: int = 0
    is_absent: bool = False
    is_full: bool = False
    final: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    via: Via = ()

    @classmethod
    def of(cls, place: Place, wanted: Iterable[str]) -> "Errand":
        """Begin one."""
        asked = frozenset(wanted)
        return cls(place, asked, set(asked))

    @property
    def is_single(self) -> bool:
        """Tell whether it asks for one instance by its name."""
        return bool(self.place.instance)

    @property
    def path(self) -> str:
        """Where it asks."""
        return path_to(self.place)

    def takes(self, uid: str) -> bool:
        """Tell whether an instance is still wanted; note one that was not asked for at all."""
        if uid in self.wanted and uid not in self.final:
            return True
        if self.is_single and uid != self.place.instance:
            self.note("it sent another instance than it was asked for")
        return False

    def landed(self, uid: str) -> None:
        """It was kept."""
        self.wanted.discard(uid)
        self.kept += 1

    def refused(self, uid: str, error: HilumError) -> None:
        """The sink did not take it; of what was damaged, another try may come out better."""
        if isinstance(error, CorruptPayload):
            self.note(f"a data set is damaged: {error}")
            return
        self.is_full = self.is_full or isinstance(error, Full)
        self.wanted.discard(uid)
        self.final[uid] = _reason_of(error)

    def note(self, fault: str) -> None:
        """Note what was wrong."""
        if len(self.faults) < _FAULTS_MAX:
            self.faults.append(fault)


def _reason_of(error: HilumError) -> str:
    """Say what the sink complains about; its own words may name paths of ours."""
    return (
        "there is no room for it here" if isinstance(error, Full) else f"it was not taken: {error}"
    )
