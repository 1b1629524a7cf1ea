"""Tells a webhook about instances over one connection: one event a request."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from hilum.destinations.http.client import Answer, HttpClient
from hilum.destinations.http.credentials import Headers
from hilum.destinations.http.failures import lost, untried
from hilum.destinations.webhook.event import (
    EVENT_HEADER,
    SIGNATURE_HEADER,
    event_id,
    event_json,
    groups_of,
    signature,
)
from hilum.destinations.webhook.fields import Fields, read_fields
from hilum.dicomweb.http_status import StatusKind, describe_status, kind_of_status, retry_after
from hilum.kernel.errors import Full, HilumError
from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome, Refused
from hilum.pipeline.ports import Parcel
from hilum.pipeline.shortcomings import Spoiled

if TYPE_CHECKING:
    from hilum.destinations.webhook.destination import WebhookDestination

_Given = AsyncGenerator[tuple[Parcel, Outcome], None]
_Group = tuple[Parcel, ...]

_UNWELCOME: Final = frozenset(
    {
        StatusKind.UNAUTHORIZED,
        StatusKind.FORBIDDEN,
        StatusKind.MISPLACED,
        StatusKind.REDIRECTED,
        StatusKind.STRANGE,
    }
)


class WebhookSession:
    """One connection to a webhook (`pipeline.ports.Session`)."""

    def __init__(self, destination: "WebhookDestination") -> None:
        self._destination = destination
        self._settings = destination.settings
        self._client = HttpClient(destination.settings, destination.tls)

    async def deliver(self, parcels: Sequence[Parcel]) -> _Given:
        """Tell of `parcels`: one outcome for each, the same for all of one event.

        After a loss, or when the receiver turns us away, nothing more is tried.
        """
        self._client.is_rested = True
        turn = deque(groups_of(parcels, self._settings.about))
        while turn:
            group = turn.popleft()
            outcome, is_over = await self._tell(group)
            first, *others = group
            yield first, outcome
            for parcel in others:
                yield parcel, outcome
            if is_over:
                words = outcome.reason if isinstance(outcome, Deferred) else ""
                for parcel in (parcel for group in turn for parcel in group):
                    yield parcel, untried(words)
                return

    async def aclose(self) -> None:
        """Close the connection. Safe to call twice."""
        await self._client.aclose()

    async def _tell(self, group: _Group) -> tuple[Outcome, bool]:
        """Tell of one group; the outcome, and whether there is no sense in going on."""
        try:
            fields = await self._fields(group[0])
        except Spoiled as error:
            return Refused(str(error)), False
        except Full as error:
            return Deferred(str(error), failing=Failing.BUSY), False
        try:
            answer = await self._send(group, fields)
        except HilumError as error:
            return lost(error), True
        outcome = self._outcome(answer)
        # What is refused, or breaks the receiver, says nothing about the others.
        kind = kind_of_status(answer.status)
        return outcome, kind in _UNWELCOME or kind is StatusKind.BUSY

    async def _fields(self, parcel: Parcel) -> Fields:
        """Read what shall be told of a data set. Raises Spoiled, Full."""
        keywords = self._settings.fields
        if not keywords:
            return {}
        read = partial(read_fields, parcel, self._destination.payloads, keywords)
        return await self._destination.reading.call(read)

    async def _send(self, group: _Group, fields: Fields) -> Answer:
        """Send one event, once more when our credentials were not good any more."""
        credentials = self._destination.credentials
        headers = await credentials.headers()
        answer = await self._post(group, fields, headers)
        if answer.status == 401 and (other := await credentials.renewed(headers)) is not None:
            answer = await self._post(group, fields, other)
        return answer

    async def _post(self, group: _Group, fields: Fields, credentials: Headers) -> Answer:
        destination, settings = self._destination, self._settings
        now = destination.clock.now()
        body = event_json(group, settings.about, fields, destination=destination.name, now=now)
        headers = {
            **credentials,
            "Content-Type": "application/json",
            EVENT_HEADER: event_id(group),
        }
        if settings.secret is not None:
            secret = settings.secret.get_secret_value()
            headers[SIGNATURE_HEADER] = signature(secret, body, now=now)
        return await self._client.ask("POST", settings.url, headers, body)

    def _outcome(self, answer: Answer) -> Outcome:
        if 200 <= answer.status < 300:
            return Delivered()
        words = f"the webhook answered {describe_status(answer.status)}"
        kind = kind_of_status(answer.status)
        if kind in {StatusKind.BUSY, StatusKind.FAILED}:
            now = self._destination.clock.now()
            return Deferred(words, retry_after(answer.header("retry-after"), now=now))
        if kind in _UNWELCOME:
            hint = f"are url and auth right? tried {self._settings.url}"
            return Deferred(f"{words}: {hint}", failing=Failing.UNWELCOME)
        return Refused(words, http_status=answer.status)
