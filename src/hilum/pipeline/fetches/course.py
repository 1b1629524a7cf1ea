"""The course of one fetch: which studies, what of them is missing, and bringing that."""

from collections.abc import Collection, Sequence
from typing import Final

from hilum.dicom import tags
from hilum.dicom.matching import AnyOf, Key
from hilum.kernel.errors import HilumError, Unreachable
from hilum.ledger.entry import Origin
from hilum.ledger.fetch import Progress, Wanted
from hilum.pipeline.archive.ports import Archive, Holding, Missing, Named, Purpose, Supply
from hilum.pipeline.closing import closing
from hilum.pipeline.fetches.batches import batches
from hilum.pipeline.fetches.ports import Goal
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.query.query import Wanted as Attribute
from hilum.query.retrieval import Retrieval

# Of one request; whoever names a patient with more wants something else.
STUDIES_MAX: Final = 1000
# After so many in a row it is the archive that fails, and no study.
FAILING_MAX: Final = 3
# Reasons are kept for so many instances; the others are counted.
FAILURES_MAX: Final = 100
REASON_CHARACTERS_MAX: Final = 300
# UIDs in one question to an archive elsewhere: what PACS are known to take.
UIDS_MAX: Final = 100


class Course:
    """Brings what one request wants. `progress` is kept up as it goes."""

    def __init__(
        self, archive: Archive, goal: Goal, asker: Origin, progress: Progress | None = None
    ) -> None:
        self._archive = archive
        self._goal = goal
        self._asker = asker
        self.progress = progress or Progress()
        self._warnings: dict[str, None] = {}

    async def run(self, wanted: Wanted) -> None:
        """Bring all of it. Raises HilumError when an archive or our own ledger fails.

        Also when all that was found is brought, and a part of the archive has not answered:
        nobody knows then whether that is all.
        """
        studies = await self._studies(wanted)
        if len(studies) == 1:
            await self._study(studies[0], wanted.series_instance_uids)
        else:
            await self._each(studies)
        if self._warnings:
            raise Unreachable(f"not all archives have answered ({'; '.join(self._warnings)})")

    async def _each(self, studies: Sequence[str]) -> None:
        """Bring several studies: one that cannot be had keeps back none of the others."""
        errors: list[HilumError] = []
        failing = 0
        for study in studies:
            try:
                await self._study(study, ())
                failing = 0
            except HilumError as error:
                errors.append(error)
                failing += 1
            if failing == FAILING_MAX:
                break
        if errors:
            told = f"{len(errors)} of {len(studies)} studies: {errors[0]}"
            raise Unreachable(told) from errors[0]

    async def _studies(self, wanted: Wanted) -> Sequence[str]:
        if wanted.study_instance_uid:
            return (wanted.study_instance_uid,)
        keys = (
            (tags.PATIENT_ID, "LO", wanted.patient_id),
            (tags.ACCESSION_NUMBER, "SH", wanted.accession_number),
        )
        query = Query(
            Level.STUDY,
            tuple(Key(tag, vr, AnyOf((text,))) for tag, vr, text in keys if text),
            (Attribute(tags.STUDY_INSTANCE_UID, "UI"),),
            limit=STUDIES_MAX,
        )
        found: dict[str, None] = {}
        async with closing(self._archive.find(query, self._asker)) as given:
            async for batch in given:
                self._warnings |= dict.fromkeys(batch.warnings)
                for match in batch.matches:
                    found[match.attributes.uid(tags.STUDY_INSTANCE_UID)] = None
        return tuple(found)

    async def _study(self, study: str, series: tuple[str, ...]) -> None:
        known = await self._goal.known(study)
        for whole in _wholes(study, series):
            supply = await self._archive.supply(whole, self._asker, Purpose.FETCH)
            try:
                expected = supply.expected
                self._warnings |= dict.fromkeys(supply.warnings)
                self.progress.expected += len(expected)
                left = [one for one in expected if one.sop_instance_uid not in known]
                self.progress.held += len(expected) - len(left)
                if len(left) == len(expected):
                    await self._bring(supply, known)
                    continue
            finally:
                await supply.aclose()
            for rest in _rests(study, left):
                await self._rest(rest, known)

    async def _rest(self, rest: Retrieval, known: Collection[str]) -> None:
        supply = await self._archive.supply(rest, self._asker, Purpose.FETCH)
        try:
            await self._bring(supply, known)
        finally:
            await supply.aclose()

    async def _bring(self, supply: Supply, known: Collection[str]) -> None:
        async with closing(batches(supply)) as given:
            async for batch in given:
                holdings: list[Holding] = []
                for one in batch:
                    if isinstance(one, Missing):
                        self._failed(one.sop_instance_uid, one.reason)
                    elif one.sop_instance_uid in known:
                        supply.done(one)
                    else:
                        holdings.append(one)
                await self._hand_over(supply, holdings)

    async def _hand_over(self, supply: Supply, holdings: Sequence[Holding]) -> None:
        if not holdings:
            return
        progress = self.progress
        async with closing(self._goal.bring(holdings)) as brought:
            async for holding, reason in brought:
                supply.done(holding)
                if reason:
                    self._failed(holding.sop_instance_uid, reason)
                else:
                    progress.fetched += 1
                    progress.bytes += holding.size

    def _failed(self, uid: str, reason: str) -> None:
        self.progress.failed += 1
        if len(self.progress.failures) < FAILURES_MAX:
            self.progress.failures.append((uid, reason[:REASON_CHARACTERS_MAX]))


def _wholes(study: str, series: tuple[str, ...]) -> Sequence[Retrieval]:
    if series:
        return [Retrieval(Level.SERIES, {Level.STUDY: (study,), Level.SERIES: series})]
    return [Retrieval(Level.STUDY, {Level.STUDY: (study,)})]


def _rests(study: str, left: Sequence[Named]) -> Sequence[Retrieval]:
    """Ask for what is missing of a study, in as few questions as archives take."""
    by_series: dict[str, list[str]] = {}
    for one in left:
        by_series.setdefault(one.series_instance_uid, []).append(one.sop_instance_uid)
    rests: list[Retrieval] = []
    for series, uids in by_series.items():
        above = {Level.STUDY: (study,)} | ({Level.SERIES: (series,)} if series else {})
        for start in range(0, len(uids), UIDS_MAX):
            keys = {**above, Level.IMAGE: tuple(uids[start : start + UIDS_MAX])}
            rests.append(Retrieval(Level.IMAGE, keys))
    return rests
