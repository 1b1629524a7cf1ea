"""Asks a DICOMweb server for something and gives its answer piece by piece.

What every request needs is here: a line of the pool, credentials, redirects within the server,
patience when it asks for that, deadlines. Whoever leaves the context early closes the connection.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from hilum.destinations.blocks import BlockPool
from hilum.destinations.dicomweb.archive import ailing
from hilum.destinations.dicomweb.archive.pool import Line, Pool
from hilum.destinations.dicomweb.archive.reply import Pooled, Reply, Response
from hilum.destinations.dicomweb.archive.settings import WebArchiveSettings
from hilum.destinations.http.connecting import connected, is_direct
from hilum.destinations.http.content_coding import ACCEPT_ENCODING
from hilum.destinations.http.credentials import Credentials, Headers
from hilum.destinations.http.download import Download
from hilum.destinations.http.opening import USER_AGENT, open_session, proxy_login
from hilum.destinations.http.settings import HttpSettings
from hilum.destinations.http.web_address import origin_in_words, origin_of, redirected
from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError, RemoteProtocolError
from hilum.pipeline.answerers.ailments import AnswererFailed, HttpAnswer
from hilum.query.via import FACE_HEADER, VIA_HEADER, Via, text_of_via

_ENCODING: Final = {"Accept-Encoding": ACCEPT_ENCODING}
_HEADERS: Final = {"User-Agent": USER_AGENT, "Accept": "*/*", **_ENCODING}
_REDIRECTIONS: Final = frozenset((301, 302, 303, 307, 308))
_PATIENCE_CODES: Final = frozenset((429, 503))
_PATIENCE_TRIES: Final = 2
# Who it is was seen just now: a gateway goes by another name when it has been started anew.
_MET_SECONDS: Final = 10.0
# Nobody waits longer to hear who it is.
_MEET_SECONDS: Final = 2.0

# Any: what a coroutine is sent is the loop's affair.
_Open = Callable[[str, Mapping[str, str]], Coroutine[Any, Any, Response]]


class Asking:
    """Sends GET requests of one answerer. Every method raises AnswererFailed."""

    def __init__(
        self,
        answerer: str,
        settings: HttpSettings,
        archive: WebArchiveSettings,
        tls: ssl.SSLContext | None,
        credentials: Credentials,
        clock: Clock,
    ) -> None:
        """Take what to talk to and how; nothing is opened."""
        self.answerer = answerer
        self.place = origin_of(settings.url)
        self.pool = Pool(answerer, archive.connections_max, archive.wait_seconds, clock)
        self._settings = settings
        self._archive = archive
        self._tls = tls
        self._credentials = credentials
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._blocks = BlockPool()
        # What the gateway behind it goes by among gateways, as it said last; "": it is none.
        self.face = ""
        self._met_at = float("-inf")
        self._meeting = asyncio.Lock()
        connect = settings.connect_timeout_seconds
        self._timeout = aiohttp.ClientTimeout(
            connect=connect, sock_connect=connect, sock_read=settings.response_timeout_seconds
        )

    async def meet(self, url: str) -> None:
        """Find out what goes by which name behind it, unless that was seen just now.

        Whatever it answers is an answer, and a failure too: nobody has asked it anything yet.
        """
        async with self._meeting:
            if self._clock.monotonic() - self._met_at < _MET_SECONDS:
                return
            with contextlib.suppress(AnswererFailed, TimeoutError):
                async with asyncio.timeout(_MEET_SECONDS):
                    headers = await self._credentials_for(_Attempt(url))
                    (await self._opening(self._greeted(url, headers))).close()
            self._met_at = self._clock.monotonic()

    @asynccontextmanager
    async def get(self, url: str, accept: str, *, what: str, via: Via = ()) -> AsyncIterator[Reply]:
        """Ask for `url`: the context has an answer whose status is 2xx.

        Its body is read within the context; what is left of it then is not waited for. `via`: on
        whose behalf it is asked.
        """
        async with self._answered(url, _wishes(accept, via), what, self._pooled) as reply:
            yield reply

    @asynccontextmanager
    async def download(
        self, url: str, accept: str, *, what: str, via: Via = ()
    ) -> AsyncIterator[Reply]:
        """Ask as `get` does for what may be long: its body comes with less work, once connected."""
        open_ = self._direct if is_direct(url, self._settings) else self._pooled
        async with self._answered(url, _wishes(accept, via), what, open_) as reply:
            yield reply

    @asynccontextmanager
    async def _answered(
        self, url: str, wishes: Headers, what: str, open_: _Open
    ) -> AsyncIterator[Reply]:
        attempt = _Attempt(url)
        while True:
            async with self.pool.line(what) as line:
                line.bytes_in = 0
                headers = await self._credentials_for(attempt)
                response = await self._opening(open_(attempt.url, {**headers, **wishes}))
                self._note_face(response)
                try:
                    wait = await self._look(attempt, response)
                    if wait is None:
                        yield self._reply(response, line)
                        return
                finally:
                    response.close()
            await asyncio.sleep(wait)

    async def aclose(self) -> None:
        """Close all connections. Safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def failed(self, reason: str) -> AnswererFailed:
        """Make the error for an answer that cannot be understood."""
        return ailing.broken(self.answerer, self.place, reason)

    def _reply(self, response: Response, line: Line) -> Reply:
        stall = self._settings.stall_timeout_seconds
        return Reply(self.answerer, self.place, response, line, stall)

    async def _credentials_for(self, attempt: "_Attempt") -> Headers:
        try:
            if attempt.headers is None:
                attempt.headers = await self._credentials.headers()
        except HilumError as error:
            raise ailing.of_credentials(self.answerer, error) from error
        return attempt.headers

    async def _opening(self, opening: Coroutine[Any, Any, Response]) -> Response:
        """Send the request and wait for the head of its answer."""
        settings = self._settings
        seconds = settings.connect_timeout_seconds + settings.response_timeout_seconds
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                return await opening
        except TimeoutError as error:
            if not (deadline.expired() or isinstance(error, aiohttp.SocketTimeoutError)):
                raise ailing.of_error(self.answerer, self.place, error) from error
            reason = f"no answer within {settings.response_timeout_seconds:g} s"
            raise ailing.late(self.answerer, self.place, reason) from error
        except RemoteProtocolError as error:
            raise ailing.not_http(self.answerer, error) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ailing.of_error(self.answerer, self.place, error) from error

    def _note_face(self, response: Response) -> None:
        self.face = response.header(FACE_HEADER.lower()) or self.face
        self._met_at = self._clock.monotonic()

    async def _greeted(self, url: str, headers: Headers) -> Response:
        """Send what is answered without looking for anything, and say that we are a gateway."""
        greeting = {**headers, VIA_HEADER: "?"}
        response = await self._pooled(url, greeting, method="OPTIONS")
        self._note_face(response)
        return response

    async def _pooled(
        self, url: str, headers: Mapping[str, str], *, method: str = "GET"
    ) -> Response:
        """Ask over a connection that others have used, or will."""
        login, is_tunnelled = proxy_login(self._settings), url.startswith("https:")
        response = await self._opened().request(
            method,
            URL(url, encoded=True),
            headers=headers if is_tunnelled else {**headers, **login},
            allow_redirects=False,
            timeout=self._timeout,
            proxy_headers=login if is_tunnelled else None,
        )
        return Pooled(response, self._settings.stall_timeout_seconds)

    async def _direct(self, url: str, headers: Mapping[str, str]) -> Response:
        """Ask over a connection of its own."""
        address = urlsplit(url)
        settings = self._settings
        download = Download(
            self.place,
            self._blocks,
            response_seconds=settings.response_timeout_seconds,
            stall_seconds=settings.stall_timeout_seconds,
        )
        try:
            await connected(address, settings, self._tls, download)
            try:
                await download.ask(address, {**_HEADERS, **headers})
            except TimeoutError as error:
                raise aiohttp.SocketTimeoutError from error
        except BaseException:
            download.close()
            raise
        return download

    async def _look(self, attempt: "_Attempt", response: Response) -> float | None:
        """Look at the status: None, it is a success; else ask again after so many seconds."""
        status = response.status
        if 200 <= status < 300:
            return None
        if status == 401 and await self._renew(attempt):
            return 0.0
        if status in _REDIRECTIONS:
            self._follow(attempt, response)
            return 0.0
        failure = self._refused(response)
        if status in _PATIENCE_CODES and attempt.tries < _PATIENCE_TRIES:
            wait = (
                failure.ailment.retry_seconds if isinstance(failure.ailment, HttpAnswer) else None
            )
            if wait is not None and wait <= self._archive.patience_seconds:
                attempt.tries += 1
                return wait
        raise failure

    async def _renew(self, attempt: "_Attempt") -> bool:
        """Get other credentials, once; False: there are none."""
        if attempt.is_renewed:
            return False
        attempt.is_renewed = True
        try:
            other = await self._credentials.renewed(attempt.headers or {})
        except HilumError as error:
            raise ailing.of_credentials(self.answerer, error) from error
        attempt.headers = other if other is not None else attempt.headers
        return other is not None

    def _follow(self, attempt: "_Attempt", response: Response) -> None:
        location = response.header("location")
        target = redirected(attempt.url, location) if location else None
        attempt.redirects += 1
        if target is None or attempt.redirects > self._archive.redirects_max:
            failure = self._refused(response)
            place = origin_in_words(attempt.url, location)
            raise AnswererFailed(
                f"{failure}; it sends us to {place}",
                answerer=self.answerer,
                ailment=failure.ailment,
            )
        attempt.url = target

    def _refused(self, response: Response) -> AnswererFailed:
        retry = response.header("retry-after")
        return ailing.of_status(
            self.answerer, self.place, response.status, retry=retry, now=self._clock.now()
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(
                self._settings,
                self._tls,
                connections_max=0,  # the pool counts them
                headers=_ENCODING,
                unfolds=False,
            )
        return self._session


def _wishes(accept: str, via: Via) -> Headers:
    told = {VIA_HEADER: text_of_via(via)} if via else {}
    return {"Accept": accept, **told}


class _Attempt:
    """What one request has been through."""

    __slots__ = ("headers", "is_renewed", "redirects", "tries", "url")

    def __init__(self, url: str) -> None:
        self.url = url
        self.headers: Headers | None = None
        self.is_renewed = False
        self.redirects = 0
        self.tries = 0
