"""Patients of a peer that can only be asked for studies: what its studies say of them."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Final

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.vrs import vr_of
from hilum.query.attributes import KEYS, level_of
from hilum.query.level import Level
from hilum.query.query import Query, Wanted

_OF_ANY_LEVEL: Final = frozenset((tags.SPECIFIC_CHARACTER_SET, tags.TIMEZONE_OFFSET_FROM_UTC))


def studies_for(query: Query) -> Query:
    """Ask for studies in place of patients."""
    own = [Wanted(tag, vr_of(tag)) for tag in (tags.PATIENT_ID, tags.ISSUER_OF_PATIENT_ID)]
    everything = [Wanted(tag, vr_of(tag)) for tag in KEYS[Level.PATIENT] if vr_of(tag) != "SQ"]
    wanted = (*query.wanted, *own, *(everything if query.everything else ()))
    return replace(query, level=Level.STUDY, wanted=wanted, everything=False)


async def patients_of(
    studies: AsyncGenerator[list[DataSet], None],
) -> AsyncGenerator[list[DataSet], None]:
    """Give each patient once, in the order of their first studies."""
    seen: set[tuple[str, str]] = set()
    async with contextlib.aclosing(studies):
        async for some in studies:
            fresh: list[DataSet] = []
            for study in some:
                who = study.text(tags.ISSUER_OF_PATIENT_ID), study.text(tags.PATIENT_ID)
                if who not in seen:
                    seen.add(who)
                    fresh.append(_patient_in(study))
            if fresh:
                yield fresh


def _patient_in(study: DataSet) -> DataSet:
    for tag in list(study.elements):
        if level_of(tag) != Level.PATIENT and tag not in _OF_ANY_LEVEL:
            del study.elements[tag]
    return study
