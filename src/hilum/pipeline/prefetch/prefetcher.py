"""Looks for earlier studies of patients who are asked about, and has them fetched.

In the background, one patient after the other, and only while no instances come in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from hilum.dicom import tags
from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError, Unreachable
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.delivery import Priority
from hilum.ledger.entry import Origin
from hilum.ledger.fetch import Bidding, Wanted
from hilum.pipeline.archive.ports import Archive
from hilum.pipeline.closing import closing
from hilum.pipeline.prefetch.events import PrefetchCrowded, PrefetchFailed, PriorsRequested
from hilum.pipeline.prefetch.occasion import Occasion, codes_of, sets_off
from hilum.pipeline.prefetch.priors import (
    Prior,
    body_parts_question,
    candidates,
    prior_of,
    question_of,
)
from hilum.pipeline.prefetch.settings import PrefetchRule

# Patients that wait to be looked after, in one process.
WAITING_MAX: Final = 256
# A reading session asks about one patient again and again; the rule fires once in so long.
QUIET_SECONDS: Final = 600.0
# ... and so long after it could not find out what there is.
FAILED_SECONDS: Final = 60.0
# Studies whose body parts are asked for, for one patient and rule.
_ASKED_MAX: Final = 50
_PAUSE_SECONDS: Final = 1.0
_ASKER: Final = Origin("", "", "prefetch", "", "", "fetch-prefetch")


class Requests(Protocol):
    """What prefetching needs of who fetches."""

    async def ask(self, bidding: Bidding, by: Origin) -> str:
        """Ask for something to be fetched; give the request's id. Raises HilumError."""
        ...


class Prefetcher:
    """The rules of one process. Lives on the event loop."""

    def __init__(  # noqa: PLR0913 - parts of one process, by keyword
        self,
        rules: Sequence[PrefetchRule],
        *,
        sources: Callable[[str], Archive | None],
        held: Callable[[str], Awaitable[int]],
        requests: Requests,
        clock: Clock,
        telemetry: Telemetry,
        is_busy: Callable[[], bool],
    ) -> None:
        """Begin; `held` counts the instances of a study that are held here."""
        self.rules = rules
        self._sources = sources
        self._held = held
        self._requests = requests
        self._clock = clock
        self._telemetry = telemetry
        self._is_busy = is_busy
        self._waiting: asyncio.Queue[tuple[PrefetchRule, Occasion]] = asyncio.Queue(WAITING_MAX)
        # By rule, patient and issuer: until when it does not fire again.
        self._quiet: dict[tuple[str, str, str], float] = {}

    def notice(self, occasion: Occasion) -> int:
        """Somebody asks about a patient; give how many rules look for earlier studies now."""
        return sum(self._begin(rule, occasion) for rule in self.rules if sets_off(rule, occasion))

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            rule, occasion = await self._waiting.get()
            # Nothing tells when intake has nothing to do.
            while self._is_busy():  # noqa: ASYNC110
                await asyncio.sleep(_PAUSE_SECONDS)
            try:
                await self._look_after(rule, occasion)
            except HilumError as error:
                self._failed(rule, occasion, str(error))
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the others
                where = f"{type(error).__name__} at {place_of(error)}"
                self._failed(rule, occasion, f"an error of ours ({where})")

    async def _look_after(self, rule: PrefetchRule, occasion: Occasion) -> None:
        """Ask for what is wanted of what is found. Raises HilumError also if not all answered."""
        warnings: dict[str, None] = {}
        chosen = await self._choose(rule, occasion, warnings)
        for one in chosen:
            await self._ask(rule, one)
        if chosen:
            self._telemetry.emit(PriorsRequested(rule.name, len(chosen)))
        if warnings:
            raise Unreachable(f"not all archives have answered ({'; '.join(warnings)})")

    def _failed(self, rule: PrefetchRule, occasion: Occasion, reason: str) -> None:
        self._quiet[_key(rule, occasion)] = self._clock.monotonic() + FAILED_SECONDS
        self._telemetry.emit(PrefetchFailed(rule.name, reason))

    def _begin(self, rule: PrefetchRule, occasion: Occasion) -> bool:
        now = self._clock.monotonic()
        key = _key(rule, occasion)
        if occasion.is_search and self._quiet.get(key, now) > now:
            return False
        if self._waiting.full():
            self._telemetry.emit(PrefetchCrowded(WAITING_MAX))
            return False
        self._waiting.put_nowait((rule, occasion))
        self._quiet = {one: until for one, until in self._quiet.items() if until > now}
        self._quiet[key] = now + QUIET_SECONDS
        return True

    async def _choose(
        self, rule: PrefetchRule, occasion: Occasion, warnings: dict[str, None]
    ) -> Sequence[Prior]:
        archive = self._sources(rule.source)
        if archive is None:
            raise HilumError(f"there is nothing called {rule.source!r} any more")
        found: list[Prior] = []
        async with closing(archive.find(question_of(occasion), _ASKER)) as given:
            async for batch in given:
                found += [prior_of(match) for match in batch.matches]
                warnings |= dict.fromkeys(batch.warnings)
        wanted = candidates(rule, occasion, found, today=self._clock.now().date())
        chosen: list[Prior] = []
        for asked, one in enumerate(wanted):
            if len(chosen) == rule.count_max or (rule.body_parts and asked == _ASKED_MAX):
                break
            if not rule.body_parts or await self._has_body_part(archive, rule, one):
                chosen.append(one)
        return [one for one in chosen if not await self._is_held(one)]

    async def _has_body_part(self, archive: Archive, rule: PrefetchRule, one: Prior) -> bool:
        """Ask for it; a study of which nobody says the body part is none that is wanted."""
        question = body_parts_question(one.study_instance_uid)
        wanted = codes_of(rule.body_parts)
        async with closing(archive.find(question, _ASKER)) as given:
            async for batch in given:
                for match in batch.matches:
                    if codes_of(match.attributes.texts(tags.BODY_PART_EXAMINED)) & wanted:
                        return True
        return False

    async def _is_held(self, one: Prior) -> bool:
        """Tell whether all of a study is here; what is here of others is not fetched again."""
        if one.instances is None:
            return False
        return await self._held(one.study_instance_uid) >= one.instances

    async def _ask(self, rule: PrefetchRule, one: Prior) -> None:
        bidding = Bidding(
            Wanted(one.study_instance_uid),
            source=rule.source,
            target="local",
            asker="prefetch",
            host="",
            rule=rule.name,
            priority=Priority.BULK,
        )
        await self._requests.ask(bidding, _ASKER)


def _key(rule: PrefetchRule, occasion: Occasion) -> tuple[str, str, str]:
    return rule.name, occasion.patient_id, occasion.issuer
