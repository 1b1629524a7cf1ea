"""A DIMSE peer as an answerer: asked by others in any language, and by us in DIMSE."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Final

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.answering.ailing import NotOffered, answering, underway
from hilum.destinations.dimse.answering.expecting import expected_of, question_of
from hilum.destinations.dimse.answering.faces import face_of, hosts_of
from hilum.destinations.dimse.answering.fetching import Fetching
from hilum.destinations.dimse.answering.figures import Figures
from hilum.destinations.dimse.answering.finder import Finder, Notes
from hilum.destinations.dimse.answering.gate import Gate, WholeGate
from hilum.destinations.dimse.answering.joining import filled
from hilum.destinations.dimse.answering.lists import UidLists
from hilum.destinations.dimse.answering.parts import are_known, parts_of_series
from hilum.destinations.dimse.answering.patients import patients_of, studies_for
from hilum.destinations.dimse.answering.phrasing import sounds_in
from hilum.destinations.dimse.answering.pool import Bounds, Pool
from hilum.destinations.dimse.answering.settings import DimseArchiveSettings
from hilum.destinations.dimse.answering.steps import steps_of
from hilum.destinations.dimse.answering.summing import MODALITIES_IN_STUDY
from hilum.destinations.dimse.answering.surveying import Surveys
from hilum.destinations.dimse.answering.walk import Walk
from hilum.destinations.dimse.answering.ways import Getting, Moving, Way
from hilum.destinations.dimse.answering.whole_fetching import WholeFetching
from hilum.destinations.dimse.inquiry import Inquiry
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import Requestor
from hilum.dicom.dataset import DataSet
from hilum.dicom.sop_classes import VERIFICATION
from hilum.dimse.service.query_negotiation import FindOptions
from hilum.dimse.status import SUCCESS, Service, describe
from hilum.kernel.errors import Rejected
from hilum.pipeline.answerers.ports import Expected, Fetch, Homecomings
from hilum.pipeline.archive.ports import Batch, Missing, Origin
from hilum.pipeline.landing import Sink
from hilum.query.level import Level, Model
from hilum.query.match import Match
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval

# A peer that offers no C-GET is not asked for it again for so long.
_NO_GET_SECONDS: Final = 600.0
# More questions of one walk at a time would only keep others from asking.
_AT_ONCE_MAX: Final = 4
# Nobody waits longer to hear who it is.
_MEET_SECONDS: Final = 2.0


class DimseAnswerer:
    """One peer (`pipeline.answerers.ports.Answerer`)."""

    def __init__(
        self,
        name: str,
        address: Address,
        options: RequestorOptions,
        settings: DimseArchiveSettings,
        homecomings: Homecomings | None = None,
    ) -> None:
        """Take whom to ask and how; nothing is opened. Without `homecomings` there is no C-MOVE."""
        self.name = name
        self._address = address
        self._options = options
        self._settings = settings
        self._homecomings = homecomings
        bounds = Bounds(
            settings.associations_max, settings.keep_alive_seconds, settings.wait_seconds
        )
        self._pool = Pool(name, str(address), self._open, bounds, options.seats)
        self._finder = Finder(self._pool, settings)
        self._lists = UidLists(settings.uid_lists)
        self._surveys = Surveys(self._all)
        self._no_get_until = float("-inf")
        # What it goes by among gateways, as it said last; "": it is none.
        self._face = ""
        self._has_met = asyncio.Event()
        self._hosts = frozenset((address.host,))
        self._at_once = max(1, min(_AT_ONCE_MAX, settings.associations_max - 1))

    async def _open(self, inquiry: Inquiry) -> Requestor:
        if not self._has_met.is_set():
            self._hosts |= await hosts_of(self._address)
        requestor = await inquiry.associate(self._address, self._options)
        self._face = face_of(requestor)
        self._has_met.set()
        return requestor

    def has_asked(self, asker: Origin) -> bool:
        """Tell whether it is who asks; see the port.

        A gateway like us says who has asked. Of others the one that asks us is known by its title
        and its host: several may be behind one, and titles alone are in use twice.
        """
        if len(asker.via) > 1:
            return self._face in asker.via
        is_called_so = asker.calling_ae_title == self._address.called
        return is_called_so and asker.host in self._hosts

    async def meet(self) -> None:
        """Find out what it calls itself; see the port. Whoever opens an association is told."""
        if self._has_met.is_set():
            return
        ways = [
            asyncio.ensure_future(one) for one in (self._finder.offered(), self._has_met.wait())
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED, timeout=_MEET_SECONDS)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    def figures(self) -> Figures:
        """Tell which associations are open and what they do."""
        return self._pool.figures()

    async def find(self, query: Query) -> AsyncIterator[Batch]:
        """Give all matches; see the port."""
        notes = Notes()
        with answering(self.name, Service.FIND):
            walk, found = await self._begun(query, notes)
            is_given = False
            async with contextlib.aclosing(_page(found, query)) as pages:
                async for page in pages:
                    is_given = True
                    some = await walk.summed(page) if _wants_modalities(query) else page
                    yield Batch(self._matches(some, query), tuple(walk.ignored))
            if notes.warnings or not is_given:
                yield Batch((), tuple(walk.ignored), tuple(notes.warnings))

    async def expect(self, retrieval: Retrieval) -> Sequence[Expected]:
        """Give the instances of a retrieval; see the port."""
        query, notes = question_of(retrieval), Notes()
        with answering(self.name, Service.FIND):
            return expected_of(await self._all(query, notes))

    async def count(self, retrieval: Retrieval) -> int | None:
        """Tell how many instances there are; see the port.

        None also of what has to be listed: a C-GET must be ready for the classes of all.
        """
        with answering(self.name, Service.FIND):
            series = await self._surveys.counted(retrieval)
        if series is None or not (self._is_moving or are_known(series)):
            return None
        return sum([one.count or 0 for one in series])

    async def fetch(self, fetch: Fetch, sink: Sink) -> Mapping[str, Missing]:
        """Bring instances into the sink; see the port."""
        if fetch.wanted is None:
            return await self._fetch_whole(fetch, sink)
        if not fetch.wanted:
            return {}
        wanted = [one.sop_instance_uid for one in fetch.wanted]
        gate = Gate(sink, wanted, asyncio.get_running_loop().time)
        fetching = Fetching(
            self.name,
            self._pool,
            fetch,
            gate,
            at_once=self._settings.associations_per_retrieval,
            lists=self._lists.may_be_tried,
        )
        with answering(self.name, Service.MOVE):
            return await fetching.run(self._ways(fetch))

    async def verify(self) -> None:
        """Find out whether it would answer now: by C-ECHO, if it has that."""
        with answering(self.name, Service.GENERAL):
            if not await self._finder.offered():
                raise NotOffered(f"{self._address} offers us no C-FIND")
            loan = await self._finder.borrow("C-ECHO")
            try:
                contexts = loan.requestor.contexts.values()
                if any(one.abstract_syntax == VERIFICATION for one in contexts):
                    with underway():
                        status = await loan.requestor.echo()
                    if status != SUCCESS:
                        raise Rejected(f"{self._address} answered our C-ECHO: {describe(status)}")
            finally:
                self._pool.give_back(loan)

    async def aclose(self) -> None:
        """Let go of associations."""
        await self._pool.aclose()

    # What a question becomes.

    async def _begun(
        self, query: Query, notes: Notes
    ) -> tuple[Walk, AsyncGenerator[list[DataSet], None]]:
        offered = await self._finder.offered()
        model = self._model_for(query, offered)
        options = offered[model]
        if not options.fuzzy_names and any(map(sounds_in, query.keys)):
            notes.warn("it does not look for sounds: names were looked for as they are written")
        level = query.level
        if level not in model.levels:
            query = studies_for(query)
        steps = steps_of(query, model, relational=self._is_relational(options))
        walk = Walk(
            self._finder,
            model,
            steps,
            notes=notes,
            at_once=self._at_once,
            lists=self._lists,
            charset=query.charset,
            via=query.via,
        )
        found = walk.matches()
        return walk, (found if level in model.levels else patients_of(found))

    def _model_for(self, query: Query, offered: Mapping[Model, FindOptions]) -> Model:
        """Choose the information model: the one that is wished for, or the one there is."""
        is_patient = query.level == Level.PATIENT or self._settings.model == "patient"
        wishes = [Model.PATIENT_ROOT, Model.STUDY_ROOT]
        for model in wishes if is_patient else reversed(wishes):
            if model in offered:
                return model
        raise NotOffered(f"{self._address} offers us no C-FIND")

    def _is_relational(self, options: FindOptions) -> bool:
        wish = self._settings.relational
        return wish == "always" or (wish == "auto" and options.relational)

    def _matches(self, found: Sequence[DataSet], query: Query) -> tuple[Match, ...]:
        return tuple([Match(query.level, filled(one, query.wanted), self.name) for one in found])

    async def _all(self, query: Query, notes: Notes) -> Sequence[DataSet]:
        _, found = await self._begun(query, notes)
        async with contextlib.aclosing(found) as matches:
            return [match async for some in matches for match in some]

    # What a fetch becomes.

    async def _fetch_whole(self, fetch: Fetch, sink: Sink) -> Mapping[str, Missing]:
        with answering(self.name, Service.FIND):
            series = await self._surveys.of(fetch.retrieval)
        gate = WholeGate(sink, asyncio.get_running_loop().time)
        at_once = self._settings.associations_per_retrieval
        whole = WholeFetching(self.name, self._pool, gate, at_once=at_once)
        with answering(self.name, Service.MOVE):
            return await whole.run(self._ways(fetch), parts_of_series(fetch.retrieval, series))

    @property
    def _is_moving(self) -> bool:
        """Tell whether instances come by C-MOVE, whatever their classes are."""
        return self._settings.retrieve == "move" or (
            self._may_move and self._no_get_until > asyncio.get_running_loop().time()
        )

    @property
    def _may_move(self) -> bool:
        return self._settings.retrieve != "get" and self._homecomings is not None

    def _note_no_get(self) -> None:
        self._no_get_until = asyncio.get_running_loop().time() + _NO_GET_SECONDS

    def _ways(self, fetch: Fetch) -> list[Way]:
        """Give the ways in which instances may come, the best first. Raises NotOffered: none."""
        patient = self._settings.model == "patient"
        model = Model.PATIENT_ROOT if patient else Model.STUDY_ROOT
        via = fetch.retrieval.via
        ways: list[Way] = []
        if not self._is_moving:
            ways.append(Getting(self._pool, model, via, fetch.syntaxes, self._note_no_get))
        if self._may_move and self._homecomings is not None:
            ways.append(
                Moving(
                    self._pool,
                    model,
                    via,
                    self._finder,
                    self._homecomings,
                    answerer=self.name,
                    destination=self._settings.move_to or self._address.calling,
                    patience_seconds=self._options.response_timeout_seconds,
                )
            )
        if not ways:
            raise NotOffered(f"{self._address}: C-MOVE needs the DIMSE listener")
        return ways


def _wants_modalities(query: Query) -> bool:
    return query.level == Level.STUDY and (
        query.everything or any(one.attribute == MODALITIES_IN_STUDY for one in query.wanted)
    )


async def _page(
    found: AsyncGenerator[list[DataSet], None], query: Query
) -> AsyncGenerator[list[DataSet], None]:
    """Leave out what is before the page, and stop behind it."""
    skip = query.offset
    left = query.limit
    async with contextlib.aclosing(found):
        if left == 0:
            return
        async for some in found:
            part = some[skip:]
            skip = max(skip - len(some), 0)
            if left is not None:
                part = part[:left]
                left -= len(part)
            if part:
                yield part
            if left == 0:
                return
