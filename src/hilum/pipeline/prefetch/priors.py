"""Which earlier studies a rule wants, of those that there are. Pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from hilum.dicom import tags
from hilum.dicom.dictionary import tag_of
from hilum.dicom.matching import AnyOf, Key
from hilum.pipeline.prefetch.occasion import MODALITIES_IN_STUDY, Occasion, codes_of
from hilum.pipeline.prefetch.settings import PrefetchRule
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Query, Wanted

_INSTANCES = tag_of("NumberOfStudyRelatedInstances") or 0
# Of one patient; the latest of them are chosen from.
STUDIES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier study. `instances`: how many it has, None where nobody says."""

    study_instance_uid: str
    study_date: str
    modalities: frozenset[str]
    instances: int | None


def question_of(occasion: Occasion) -> Query:
    """Ask for the studies of the patient."""
    keys = [Key(tags.PATIENT_ID, "LO", AnyOf((occasion.patient_id,)))]
    if occasion.issuer:
        keys.append(Key(tags.ISSUER_OF_PATIENT_ID, "LO", AnyOf((occasion.issuer,))))
    wanted = (
        Wanted(tags.STUDY_INSTANCE_UID, "UI"),
        Wanted(tags.STUDY_DATE, "DA"),
        Wanted(MODALITIES_IN_STUDY, "CS"),
        Wanted(_INSTANCES, "IS"),
    )
    return Query(Level.STUDY, tuple(keys), wanted, limit=STUDIES_MAX)


def body_parts_question(study: str) -> Query:
    """Ask for the body parts of a study's series."""
    keys = (Key(tags.STUDY_INSTANCE_UID, "UI", AnyOf((study,))),)
    wanted = (
        Wanted(tags.SERIES_INSTANCE_UID, "UI"),
        Wanted(tags.BODY_PART_EXAMINED, "CS"),
    )
    return Query(Level.SERIES, keys, wanted, limit=STUDIES_MAX)


def prior_of(match: Match) -> Prior:
    """Read a match of `question_of`."""
    found = match.attributes
    return Prior(
        found.uid(tags.STUDY_INSTANCE_UID),
        found.text(tags.STUDY_DATE).replace(".", ""),  # as ACR-NEMA wrote dates
        frozenset(one for one in found.texts(MODALITIES_IN_STUDY) if one),
        found.integer(_INSTANCES),
    )


def candidates(
    rule: PrefetchRule, occasion: Occasion, found: Iterable[Prior], *, today: date
) -> Sequence[Prior]:
    """Give those that a rule may want, the latest first; body parts are not looked at.

    A study whose modalities or date nobody tells is one.
    """
    oldest = ""
    if rule.age_max is not None:
        oldest = (today - timedelta(seconds=rule.age_max)).strftime("%Y%m%d")
    modalities = codes_of(rule.modalities)
    wanted = [
        one
        for one in found
        if one.study_instance_uid
        and one.study_instance_uid != occasion.study
        and (not modalities or not one.modalities or codes_of(one.modalities) & modalities)
        and (not one.study_date or one.study_date >= oldest)
    ]
    by_uid = {one.study_instance_uid: one for one in wanted}
    return sorted(by_uid.values(), key=lambda one: one.study_date, reverse=True)
