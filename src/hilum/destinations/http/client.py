"""One connection's worth of HTTP requests: bounded in time and memory, no surprises followed.

Redirects, cookies, proxies of the environment and compressed answers are not for us.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from types import SimpleNamespace
from typing import Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from hilum.destinations.http.connecting import connected, is_direct
from hilum.destinations.http.content_coding import Unfolding
from hilum.destinations.http.failures import failure_of, has_lost_connection
from hilum.destinations.http.opening import USER_AGENT, open_session, proxy_login
from hilum.destinations.http.settings import HttpSettings
from hilum.destinations.http.web_address import origin_of
from hilum.destinations.http.wire import Pieces, Wire, WireAnswer, head_of, target_of
from hilum.kernel.errors import HilumError, Unreachable

# An answer names each instance with some 300 bytes; nobody needs this much for 256 of them.
ANSWER_BYTES_MAX: Final = 8 << 20
_HEADERS: Final = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
_READ_BYTES: Final = 1 << 16
# Most requests go to the same few addresses.
_REMEMBERED_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, header names in lower case.

    `fault` is empty unless the body did not come in whole; the status counts nevertheless.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = b""
    fault: str = ""

    def header(self, name: str) -> str:
        """Give a header; empty when it is not there."""
        return self.headers.get(name, "")


class Body(Protocol):
    """A body that is written while it is read from somewhere."""

    payload: aiohttp.Payload
    is_sent: bool
    sent: Callable[[], None]
    failure: Exception | None

    async def settled(self) -> None:
        """Wait until nobody writes any more, which is soon after the request ended."""
        ...


class AtHand(Protocol):
    """A body that lies in memory."""

    size: int

    def take_all(self) -> Pieces:
        """Give it all, to be sent now."""
        ...


class HttpClient:
    """Sends requests, one at a time, and gives their answers whatever the status.

    `is_rested`: the connection may have been idle for long, or be about to end; whoever knows the
    first says so.
    `was_stale`: the last request broke with a connection that ended before it, while that was idle
    or after the answer before. This says nothing of the server: it is worth another try.
    """

    def __init__(self, settings: HttpSettings, tls: ssl.SSLContext | None) -> None:
        """Take what to talk to and how; nothing is opened."""
        self._settings = settings
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._wire: Wire | None = None
        self._reused = False
        self.is_rested = True
        self.was_stale = False

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None = None,
    ) -> Answer:
        """Send a request whose body, if any, is at hand.

        Raises:
            Unreachable, Rejected, RemoteProtocolError: there is no answer.
        """
        try:
            return await self._exchange(method, url, headers, content)
        except Unreachable:
            if not self.was_stale:
                raise
        return await self._exchange(method, url, headers, content)

    async def upload(self, url: str, headers: Mapping[str, str], body: Body) -> Answer:
        """POST a body as it is read. It cannot be sent twice: see `was_stale`.

        When this returns or raises, nobody reads or writes the body any more.

        Raises:
            Unreachable, Rejected, RemoteProtocolError: there is no answer.
            HilumError: whatever the source of the body raised.
        """
        try:
            return await self._exchange("POST", url, headers, body)
        except HilumError as error:
            if isinstance(body.failure, HilumError):
                raise body.failure from error
            raise
        finally:
            await body.settled()

    def can_send(self, url: str) -> bool:
        """Tell whether `send` is for this URL: no proxy, and nothing in it to be rewritten."""
        return is_direct(url, self._settings)

    async def send(self, url: str, headers: Mapping[str, str], body: AtHand) -> Answer:
        """POST a body that is at hand over a connection of our own; see `upload`."""
        self._reused = self.was_stale = False
        place, wire = origin_of(url), self._wire
        try:
            wire = await self._wired(url, place)
            host, target = _host_and_target(url)
            head = head_of(target, host, {**_HEADERS, **headers}, body.size)
            answer = await wire.exchange(
                [head, *body.take_all()],
                stall_seconds=self._settings.stall_timeout_seconds,
                response_seconds=self._settings.response_timeout_seconds,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            is_incomplete = wire is None or not wire.has_sent_all
            may_be_stale = self._reused and (self.is_rested or is_incomplete)
            self.was_stale = may_be_stale and has_lost_connection(error)
            raise failure_of(place, error) from error
        if wire.is_open:
            wire.rest(self._settings.keep_alive_seconds)
        self.is_rested = False
        return _answer_of(answer)

    async def _wired(self, url: str, place: str) -> Wire:
        """Give the open connection, or a new one; never beside one of another kind or place."""
        if self._wire is not None and self._wire.is_open and self._wire.place == place:
            self._reused = True
            return self._wire
        await self.aclose()
        self._wire = Wire(place, ANSWER_BYTES_MAX)
        await connected(urlsplit(url), self._settings, self._tls, self._wire)
        return self._wire

    async def aclose(self) -> None:
        """Close the connection. Safe to call twice."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | bytes | None
    ) -> Answer:
        if self._wire is not None:
            await self.aclose()
        self._reused = self.was_stale = False
        seconds = self._settings.response_timeout_seconds
        loop, place = asyncio.get_running_loop(), origin_of(url)
        deadline = asyncio.timeout(None)
        # A proxy sees the requests themselves, but of TLS only the one for a tunnel.
        login, is_tunnelled = proxy_login(self._settings), url.startswith("https:")

        def begin_to_wait(more: float = 0.0) -> None:
            deadline.reschedule(loop.time() + seconds + more)

        data = body if isinstance(body, bytes | None) else body.payload
        try:
            async with deadline:
                if isinstance(body, bytes | None):
                    begin_to_wait(self._settings.connect_timeout_seconds)
                else:
                    body.sent = begin_to_wait
                async with self._open().request(
                    method,
                    url,
                    headers=headers if is_tunnelled else {**headers, **login},
                    data=data,
                    allow_redirects=False,
                    proxy_headers=login if is_tunnelled else None,
                ) as response:
                    begin_to_wait()
                    answer = await _read(response)
                    if not _is_complete(body):
                        response.close()  # it answered before it had heard all
                    # Who refuses an upload may not have read it, and may be about to close.
                    self.is_rested = answer.status >= HTTPStatus.MULTIPLE_CHOICES
                    return answer
        except TimeoutError as error:
            if not deadline.expired():
                raise failure_of(place, error) from error
            raise Unreachable(f"{place}: no complete answer within {seconds:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            may_be_stale = self._reused and (self.is_rested or not _is_complete(body))
            self.was_stale = may_be_stale and has_lost_connection(error)
            raise failure_of(place, error) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._new_session()
        return self._session

    def _new_session(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(self._note_reuse)
        return open_session(
            self._settings,
            self._tls,
            connections_max=1,
            headers={"Accept-Encoding": "identity"},
            traces=[trace],
        )

    async def _note_reuse(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        _params: aiohttp.TraceConnectionReuseconnParams,
    ) -> None:
        self._reused = True


@lru_cache(_REMEMBERED_MAX)
def _host_and_target(url: str) -> tuple[str, str]:
    """Give what stands in the head of a request for `url`."""
    address = urlsplit(url)
    return address.netloc, target_of(address)


def _is_complete(body: Body | bytes | None) -> bool:
    """Tell whether nothing of a body was left to be sent."""
    return isinstance(body, bytes | None) or body.is_sent


def _answer_of(answer: WireAnswer) -> Answer:
    """Unfold what was compressed although we did not ask for it."""
    content, fault = b"".join(answer.body), answer.fault
    coding = answer.headers.get("content-encoding", "identity")
    if coding != "identity" and not fault:
        try:
            content = b"".join(Unfolding(coding).feed(content))
        except HilumError:
            fault = "its body was cut, or cannot be decoded"
    return Answer(answer.status, answer.headers, b"" if fault else content, fault)


async def _read(response: aiohttp.ClientResponse) -> Answer:
    """Read the body; what goes wrong with it does not hide the status."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    pieces: list[bytes] = []
    size = 0
    fault = ""
    try:
        while piece := await response.content.read(_READ_BYTES):
            size += len(piece)
            pieces.append(piece)
            if size > ANSWER_BYTES_MAX:
                fault = f"its body has more than {ANSWER_BYTES_MAX} bytes"
                break
    except (aiohttp.ClientError, OSError):
        fault = "its body was cut, or cannot be decoded"
    if fault:
        response.close()
        pieces.clear()
    return Answer(response.status, headers, b"".join(pieces), fault)
