"""Stores batches at a DICOMweb server over one connection: one outcome for each instance."""

import secrets
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hilum.destinations.dicomweb.batching import Batch, batches_of
from hilum.destinations.dicomweb.judgement import Verdict, judge
from hilum.destinations.dicomweb.shipment import Shipment
from hilum.destinations.http.client import Answer, HttpClient
from hilum.destinations.http.credentials import Headers
from hilum.destinations.http.failures import lost, untried
from hilum.destinations.http.upload import UploadBody
from hilum.destinations.http.web_address import origin_in_words, origin_of, redirected
from hilum.dicomweb.media_types import DICOM
from hilum.dicomweb.multipart_writer import MultipartWriter
from hilum.kernel.errors import HilumError, Rejected
from hilum.kernel.outcome import Deferred, Failing, Outcome, Refused
from hilum.pipeline.ports import Parcel
from hilum.pipeline.shortcomings import Spoiled

if TYPE_CHECKING:
    from hilum.destinations.dicomweb.destination import DicomWebDestination

_Given = AsyncGenerator[tuple[Parcel, Outcome], None]

REDIRECTS_MAX: Final = 3
# One request that breaks a server may be bad; after three in a row it is the server.
_FAILURES_MAX: Final = 3
# For these the same request is right at another place of the same server (RFC 9110 §15.4). Web
# browsers turn a POST to 301 and 302 into a GET; no store was ever meant so.
_REDIRECTIONS: Final = frozenset({301, 302, 307, 308})
_PERMANENT: Final = frozenset({301, 308})


@dataclass(slots=True)
class _Sent:
    """What became of one request: an answer, or the error that it ended in.

    `begun` counts the parcels of which something was sent.
    """

    parcels: Batch = ()
    unreadable: list[tuple[Parcel, HilumError]] = field(default_factory=list)
    spoiled: tuple[Parcel, HilumError] | None = None
    answer: Answer | None = None
    error: HilumError | None = None
    begun: int = 0


class DicomWebSession:
    """One connection to a DICOMweb server (`pipeline.ports.Session`)."""

    def __init__(self, destination: "DicomWebDestination") -> None:
        self._destination = destination
        self._settings = destination.settings
        self._writer = MultipartWriter(secrets.token_hex(16), DICOM)
        self._client = HttpClient(destination.settings, destination.tls)

    async def deliver(self, parcels: Sequence[Parcel]) -> _Given:
        """Store `parcels`: one outcome for each.

        When the connection is lost, those whose bytes were begun are `Deferred` with the loss; of
        those behind them nothing was sent.
        """
        self._client.is_rested = True
        turn = deque(batches_of(parcels, self._settings))
        failures = 0
        while turn:
            verdict = await self._store(turn.popleft())
            for parcel, outcome in verdict.outcomes:
                yield parcel, outcome
            turn.extendleft(reversed(verdict.again))
            failures = failures + 1 if verdict.has_failed else 0
            if failures >= _FAILURES_MAX:
                verdict.over = f"the server failed {failures} times in a row"
            if verdict.over:
                for parcel in (parcel for batch in turn for parcel in batch):
                    yield parcel, untried(verdict.over)
                return

    async def aclose(self) -> None:
        """Close the connection. Safe to call twice."""
        await self._client.aclose()

    async def _store(self, batch: Batch) -> Verdict:
        """Send one batch and decide about it."""
        accept = self._destination.accept
        sent = await self._send(batch)
        if sent.answer is None:
            verdict = _unanswered(sent)
        elif sent.answer.status == 406 and self._destination.accept_other_than(accept):
            verdict = Verdict(again=[sent.parcels])
        else:
            now = self._destination.clock.now()
            verdict = judge(sent.parcels, sent.answer, self._settings, now)
        verdict.outcomes += [(parcel, _of_ours(error)) for parcel, error in sent.unreadable]
        return verdict

    async def _send(self, batch: Batch) -> _Sent:
        """Send one batch; once more with other credentials when these are not good any more."""
        credentials = self._destination.credentials
        try:
            headers = await credentials.headers()
            sent = await self._send_along(batch, headers)
            if sent.answer is not None and sent.answer.status == 401:
                other = await credentials.renewed(headers)
                return sent if other is None else await self._send_along(batch, other)
        except HilumError as error:  # there are no credentials to be had
            return _Sent(batch, error=error)
        return sent

    async def _send_along(self, batch: Batch, credentials: Headers) -> _Sent:
        """Send one batch to where the server, and nobody else, redirects us."""
        url = self._destination.store_url(batch)
        sent = _Sent(batch)
        for _ in range(REDIRECTS_MAX + 1):
            sent = await self._post(url, batch, credentials)
            if sent.error is not None and self._client.was_stale:
                sent = await self._post(url, batch, credentials)
            answer = sent.answer
            if answer is None or answer.status not in _REDIRECTIONS:
                return sent
            target = redirected(url, answer.header("location"))
            if target is None:
                error: HilumError = _elsewhere(url, answer)
                return _Sent(sent.parcels, sent.unreadable, error=error)
            if answer.status in _PERMANENT:
                self._destination.has_moved(url, target)
            url = target
        error = Rejected(f"{origin_of(url)} redirects us in circles; is url right?")
        return _Sent(sent.parcels, sent.unreadable, error=error)

    async def _post(self, url: str, batch: Batch, credentials: Headers) -> _Sent:
        """Send one request."""
        destination = self._destination
        shipment = Shipment(batch, destination.payloads, self._writer)
        sent = _Sent()
        try:
            await destination.reading.call(shipment.open)
            sent.parcels, sent.unreadable = shipment.parcels, shipment.unreadable
            if sent.parcels:
                headers = {
                    **credentials,
                    "Content-Type": shipment.content_type,
                    "Accept": destination.accept,
                }
                sent.answer = await self._upload(url, headers, shipment)
        except HilumError as error:
            sent.error, sent.spoiled, sent.begun = error, shipment.spoiled, shipment.begun
        finally:
            shipment.close()
        return sent

    async def _upload(self, url: str, headers: Headers, shipment: Shipment) -> Answer:
        is_whole = shipment.is_at_hand and not self._settings.chunked
        if is_whole and self._client.can_send(url):
            return await self._client.send(url, headers, shipment)
        return await self._client.upload(url, headers, self._body(shipment, url))

    def _body(self, shipment: Shipment, url: str) -> UploadBody:
        return UploadBody(
            shipment,
            self._destination.reading,
            place=origin_of(url),
            stall_seconds=self._settings.stall_timeout_seconds,
            is_chunked=self._settings.chunked,
        )


def _unanswered(sent: _Sent) -> Verdict:
    """Decide about a request that ended without an answer."""
    if sent.spoiled is not None:
        spoiled, failure = sent.spoiled
        rest = tuple(parcel for parcel in sent.parcels if parcel is not spoiled)
        return Verdict([(spoiled, _of_ours(failure))], [rest] if rest else [])
    if sent.error is None:
        return Verdict()  # nothing could be opened
    # Even when nothing of any was sent it was an attempt for one, or it would never be one.
    begun = max(sent.begun, 1)
    return Verdict(
        [
            (parcel, lost(sent.error) if number < begun else untried(str(sent.error)))
            for number, parcel in enumerate(sent.parcels)
        ],
        over=str(sent.error),
    )


def _of_ours(failure: HilumError) -> Outcome:
    """Give the outcome of an instance whose payload we cannot read."""
    if isinstance(failure, Spoiled):
        return Refused(str(failure))
    return Deferred(str(failure), failing=Failing.BUSY)


def _elsewhere(url: str, answer: Answer) -> Rejected:
    place = origin_in_words(url, answer.header("location"))
    return Rejected(
        f"{origin_of(url)} answered {answer.status} and sends us to {place}. What we store and our "
        "credentials go only where url says: if that is the right place, write it there"
    )
