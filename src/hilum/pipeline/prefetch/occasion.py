"""What a search was about, as far as it can set off prefetching. Values and pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from hilum.dicom import tags
from hilum.dicom.dictionary import tag_of
from hilum.ledger.entry import Origin
from hilum.pipeline.prefetch.settings import PrefetchRule
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Query

MODALITIES_IN_STUDY: Final = tag_of("ModalitiesInStudy") or 0
# Whoever finds more studies does not look at one patient's.
_STUDIES_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Occasion:
    """One patient who was asked about. `study`: the only study that was found, which is no prior.

    `caller`: who asked. `is_search`: by a search; else nothing is known but the patient.
    """

    patient_id: str
    issuer: str = ""
    study: str = ""
    modalities: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()
    caller: str = ""
    is_search: bool = False


@dataclass(slots=True)
class Impression:
    """What has been found by a search until now."""

    query: Query
    asker: Origin
    patients: set[tuple[str, str]] = field(default_factory=set)
    studies: set[str] = field(default_factory=set)
    modalities: set[str] = field(default_factory=set)
    body_parts: set[str] = field(default_factory=set)

    @property
    def is_of_interest(self) -> bool:
        """Tell whether it can be about one patient still."""
        return (
            self.query.level >= Level.STUDY
            and len(self.patients) <= 1
            and len(self.studies) <= _STUDIES_MAX
        )

    def add(self, matches: Iterable[Match]) -> None:
        """Take in what was found."""
        for match in matches:
            found = match.attributes
            issuer = found.text(tags.ISSUER_OF_PATIENT_ID)
            self.patients.add((found.text(tags.PATIENT_ID), issuer))
            self.studies.add(found.uid(tags.STUDY_INSTANCE_UID))
            self.modalities.update(found.texts(MODALITIES_IN_STUDY), found.texts(tags.MODALITY))
            self.body_parts.update(found.texts(tags.BODY_PART_EXAMINED))
            if not self.is_of_interest:
                return

    def occasion(self) -> Occasion | None:
        """Say what it was about; None: not about one patient, or nothing was found."""
        if not self.is_of_interest or len(self.patients) != 1:
            return None
        [(patient, issuer)] = self.patients
        if not patient:
            # Not asked for, so not told; but perhaps asked by.
            patient = next(iter(self.query.uids(Level.PATIENT)), "")
        if not patient:
            return None
        return Occasion(
            patient,
            issuer,
            min(self.studies) if len(self.studies) == 1 else "",
            frozenset(one for one in self.modalities if one),
            frozenset(one for one in self.body_parts if one),
            self.asker.calling_ae_title or self.asker.peer,
            is_search=True,
        )


def sets_off(rule: PrefetchRule, occasion: Occasion) -> bool:
    """Tell whether a rule fires."""
    if ("find" if occasion.is_search else "api") not in rule.on:
        return False
    if not occasion.is_search:
        return True
    when = rule.when
    return (
        _share(when.modalities, occasion.modalities)
        and _share(when.body_parts, occasion.body_parts)
        and (not when.callers or any(fnmatchcase(occasion.caller, one) for one in when.callers))
    )


def codes_of(texts: Iterable[str]) -> frozenset[str]:
    """Give codes as they are compared: devices write Chest where the standard says CHEST."""
    return frozenset(one.upper() for one in texts)


def _share(wanted: tuple[str, ...], found: frozenset[str]) -> bool:
    return not wanted or not codes_of(found).isdisjoint(codes_of(wanted))
