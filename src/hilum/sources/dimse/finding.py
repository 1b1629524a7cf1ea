"""C-FIND: what the archive finds, as pending responses (PS3.4 §C.4.1).

Never ahead of the peer: the next matches are looked at when it has taken those before.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from hilum.dicom.dataset import DataSet
from hilum.dimse.service.ending import (
    CANCELED,
    COMPLETE,
    Ending,
    limit_reached,
    out_of_resources,
)
from hilum.dimse.service.identifier import encode_identifier
from hilum.dimse.service.query import find_ended, find_match, find_match_with_warning
from hilum.dimse.service.query_negotiation import find_options
from hilum.dimse.status import SUCCESS, Service, category
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.partial import partial_comment
from hilum.pipeline.answerers.statuses import find_ending
from hilum.pipeline.archive.ports import Batch
from hilum.pipeline.closing import closing
from hilum.query.answer import identifier_of
from hilum.query.identifier import Negotiated, query_of_identifier
from hilum.query.match import Match
from hilum.query.query import Query
from hilum.sources.dimse.events import QueryAnswered, QueryAnsweredInPart
from hilum.sources.dimse.operation import Operation, Progress
from hilum.sources.dimse.patience import OutOfPatienceError

if TYPE_CHECKING:
    from hilum.dimse.upper.fragments import Bytes

# Sent together. Writing so many takes a millisecond or two, after which others have their turn and
# a C-CANCEL is seen.
_TOGETHER: Final = 16


class Finding(Operation):
    """A C-FIND."""

    name: ClassVar[str] = "C-FIND"

    _answering: "_Answering | None" = None  # None: the identifier was not read yet

    @property
    def progress(self) -> Progress:
        """Tell how many matches were sent."""
        return Progress(self._answering.sent if self._answering else 0)

    async def _act(self, identifier: DataSet) -> None:
        began = self._desk.clock.monotonic()
        query = query_of_identifier(identifier, self._model, self._negotiated())
        self.level = query.level
        answering = self._answering = _Answering(self, query, self._desk.limits.find_matches_max)
        ending = await answering.run()
        await self._respond(find_ended(self._command, ending))
        origin = self._asker.origin
        if answering.warnings:
            self._desk.telemetry.emit(
                QueryAnsweredInPart(
                    origin.association_id, origin.calling_ae_title, "; ".join(answering.warnings)
                )
            )
        self._desk.telemetry.emit(
            QueryAnswered(
                association_id=origin.association_id,
                calling_ae_title=origin.calling_ae_title,
                peer=origin.peer,
                host=origin.host,
                query_level=query.level.name.lower(),
                matches=answering.sent,
                ending=category(ending.status, Service.FIND).value.lower(),
                status=f"0x{ending.status:04X}",
                seconds=self._seconds_since(began),
            )
        )

    def _without_resources(self, comment: str) -> Ending:
        return out_of_resources(comment)

    def _ailing(self, error: AnswererFailed) -> Ending:
        return find_ending(error, self._entity.status_profile)

    def _negotiated(self) -> Negotiated:
        agreed = self._asker.extended.agreed(self._context.abstract_syntax)
        options = find_options(agreed)
        return Negotiated(
            relational=options.relational,
            combined_moments=options.combined_moments,
            fuzzy_names=options.fuzzy_names,
            timezone=options.timezone,
        )

    def find(self, query: Query) -> AsyncIterator[Batch]:
        """Ask the archive."""
        return self._entity.archive.find(query, self._origin)

    async def next_of(self, batches: AsyncIterator[Batch]) -> Batch | None:
        """Wait for a batch; None: there is no more. Raises OutOfPatienceError, and as `find`."""
        return await self._patience.wait(partial(anext, batches, None))

    async def send(self, query: Query, matches: tuple[Match, ...], *, response: bytes) -> None:
        """Send matches, each behind a pending response. Raises Unreachable."""
        parts: list[Bytes] = []
        fragments, context = self._asker.fragments, self._context
        for match in matches:
            title = self._asker.origin.called_ae_title
            identifier = identifier_of(query, match, retrieve_ae_title=title)
            encoded = encode_identifier(identifier, context.transfer_syntax)
            parts += fragments.command(context.id, response)
            parts += fragments.data(context.id, encoded, is_last=True)
        with self._asker.outbox.message():
            await self._asker.outbox.send_parts(parts)

    def responses(self) -> tuple[bytes, bytes]:
        """Give the pending responses without and with a warning; all matches have the same."""
        return find_match(self._command), find_match_with_warning(self._command)


class _Answering:
    """The matches of one question on their way."""

    def __init__(self, finding: Finding, query: Query, matches_max: int | None) -> None:
        self.sent = 0
        self.warnings: Sequence[str] = ()
        self._finding = finding
        self._query = query
        self._max = matches_max
        self._plain, self._warning = finding.responses()

    async def run(self) -> Ending:
        """Send all there are, or as many as may be; say how it ends. Raises as `Archive.find`."""
        if self._finding.is_canceled:
            return CANCELED
        # One more tells whether there are more.
        asked = self._query if self._max is None else replace(self._query, limit=self._max + 1)
        try:
            async with closing(self._finding.find(asked)) as batches:
                ending = await self._send_all(batches)
        except OutOfPatienceError:
            return CANCELED
        if ending.status == SUCCESS and self.warnings:
            return replace(ending, comment=partial_comment(self.warnings))
        return ending

    async def _send_all(self, batches: AsyncIterator[Batch]) -> Ending:
        while (batch := await self._finding.next_of(batches)) is not None:
            self.warnings = batch.warnings or self.warnings
            ending = await self._send(batch)
            if ending is not None:
                return ending
        return COMPLETE

    async def _send(self, batch: Batch) -> Ending | None:
        """Send a batch; None: there may be more."""
        is_warned = bool(batch.ignored or self._query.unsupported)
        response = self._warning if is_warned else self._plain
        for first in range(0, len(batch.matches), _TOGETHER):
            matches = batch.matches[first : first + _TOGETHER]
            if self._max is not None:
                matches = matches[: self._max - self.sent]
            await self._finding.send(self._query, matches, response=response)
            self.sent += len(matches)
            # Others have their turn, and the connection reads what the peer says meanwhile.
            await asyncio.sleep(0)
            if self._finding.is_canceled:
                return CANCELED
            if self.sent == self._max and first + len(matches) < len(batch.matches):
                return limit_reached(f"there are more than {self._max} matches")
        return None
