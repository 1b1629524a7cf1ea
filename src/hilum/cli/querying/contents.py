"""What is in a target: how many instances, of which SOP classes; for the contexts of a C-GET."""

import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from typing import Final

from hilum.cli.querying.targets import Target
from hilum.destinations.dimse.finding import Find
from hilum.destinations.dimse.refusals import OperationFailed
from hilum.destinations.dimse.requestor import Requestor
from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.likely_classes import COMMON, classes_of_modalities
from hilum.dimse.upper.negotiation import looks_like_storage
from hilum.kernel.names import UID
from hilum.query.level import Level

_SOP_CLASSES_IN_STUDY: Final = 0x00080062
_IN_STUDY: Final = 0x00201208
_IN_SERIES: Final = 0x00201209
# Looking into series one by one ends here: the most frequent classes do for the rest.
_SERIES_MAX: Final = 200


@dataclass(slots=True)
class Contents:
    """What a peer says is in it; `is_complete`: it named the classes of everything."""

    instances: int = 0
    is_counted: bool = True
    is_complete: bool = True
    classes: dict[UID, None] = field(default_factory=dict)  # in the order they were named
    modalities: set[str] = field(default_factory=set)

    def add(self, classes: Iterable[str]) -> bool:
        """Take note of classes; tell whether there were any."""
        found = [UID(one) for one in classes if looks_like_storage(one)]
        self.classes.update(dict.fromkeys(found))
        return bool(found)

    def proposed(self) -> list[UID]:
        """Give the classes to propose contexts for."""
        guessed = () if self.is_complete else classes_of_modalities(self.modalities)
        common = () if guessed or (self.is_complete and self.classes) else COMMON
        return list(dict.fromkeys([*self.classes, *guessed, *common]))


class Survey:
    """Asks a peer, at the highest level that answers, what is in targets."""

    def __init__(self, requestor: Requestor, find_class: UID) -> None:
        self.contents = Contents()
        self._requestor = requestor
        self._find_class = find_class
        self._series = 0

    async def look_at(self, target: Target) -> None:
        """Add what is in a target; what the peer does not tell is left open.

        Raises:
            Unreachable, RemoteProtocolError: the association is over.
        """
        try:
            if target.level <= Level.STUDY:
                await self._look_at_studies(target)
            else:
                await self._look_at_images(target)
        except OperationFailed:
            self.contents.is_complete = self.contents.is_counted = False

    async def _look_at_studies(self, target: Target) -> None:
        wanted = (tags.STUDY_INSTANCE_UID, _SOP_CLASSES_IN_STUDY, _IN_STUDY)
        silent: list[DataSet] = []
        async for match in self._matches(target, Level.STUDY, *wanted):
            number = match.integer(_IN_STUDY)
            self.contents.instances += number or 0
            if not self.contents.add(match.texts(_SOP_CLASSES_IN_STUDY)) or number is None:
                self.contents.instances -= number or 0
                silent.append(match)
        for match in silent:
            study = target.below(Level.STUDY, match.text(tags.STUDY_INSTANCE_UID))
            await self._look_at_series(study)

    async def _look_at_series(self, study: Target) -> None:
        found: list[str] = []
        wanted = (tags.SERIES_INSTANCE_UID, tags.MODALITY)
        async for match in self._matches(study, Level.SERIES, *wanted):
            self.contents.modalities.add(match.text(tags.MODALITY))
            found.append(match.text(tags.SERIES_INSTANCE_UID))
        for uid in found:
            await self._look_at_images(study.below(Level.SERIES, uid))

    async def _look_at_images(self, target: Target) -> None:
        self._series += 1
        if self._series > _SERIES_MAX:
            self.contents.is_complete = self.contents.is_counted = False
            return
        wanted = (tags.SOP_INSTANCE_UID, tags.SOP_CLASS_UID)
        if target.level > Level.STUDY and not self.contents.modalities:
            series = target.without(Level.IMAGE)
            async for match in self._matches(series, Level.SERIES, tags.MODALITY):
                self.contents.modalities.add(match.text(tags.MODALITY))
        async for match in self._matches(target, Level.IMAGE, *wanted):
            self.contents.instances += 1
            if not self.contents.add(match.texts(tags.SOP_CLASS_UID)):
                self.contents.is_complete = False

    async def _matches(
        self, target: Target, level: Level, *wanted: int
    ) -> AsyncGenerator[DataSet, None]:
        find = Find(self._requestor, self._find_class, target.question(level, *wanted))
        async with contextlib.aclosing(find.matches()) as matches:
            async for match in matches:
                yield match
