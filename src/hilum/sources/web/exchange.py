"""One request and its answer: what handlers see of HTTP, without a framework between.

A body that is streamed goes out as it is made: the server makes the maker wait for the client.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Final, Protocol

from starlette.types import Receive, Scope

from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.choice import Accepted, accepted
from hilum.dicomweb.percent import query_pairs
from hilum.dicomweb.refusal import PROBLEM_TYPE, RequestRefused
from hilum.ledger.entry import Origin
from hilum.pipeline.archive.segments import Piece
from hilum.query.via import FACE_HEADER, VIA_HEADER, via_of_text
from hilum.sources.web.arriving_body import (
    IS_HERE_STATE,
    NO_HURRY,
    RECEIVE_FILLED_STATE,
    ArrivingBody,
    ClientGone,
    nobody_knows,
)
from hilum.sources.web.caller import HttpCaller
from hilum.sources.web.pace import Pace

__all__ = ["Body", "ClientGone", "Exchange", "Reply", "joined_headers", "refused"]

# A key of a request's `state`: what sends a `Lying` piece of a body, if the connection can.
SEND_FILE_STATE: Final = "hilum.send_file"
# Another one: what sends a `Scattered` piece of a body in one go.
SEND_SCATTERED_STATE: Final = "hilum.send_scattered"
# Another one: takes what is to be called when the client closes the connection, or None.
WHEN_GONE_STATE: Final = "hilum.when_gone"

Body = bytes | AsyncIterator[bytes] | AsyncIterator[Piece]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Of a streamed body the length is only told if a header has it."""

    status: int
    content_type: str = ""
    body: Body = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Closable(Protocol):
    """Something that is held on to while a request is answered."""

    async def aclose(self) -> None:
        """Let go of it. Safe to call twice."""
        ...


class Exchange:
    """A request that was let in. `root` is the address of the service that clients know.

    `kind`: what it is about, one of few words for labels; whoever answers it says so.
    `takes_files`: the connection can take bytes of a body from where they lie. `is_watched`: it
    tells by itself when it is closed. `ends_when_gone`: nobody needs what is done for it when its
    client has gone; as it is for what changes nothing. `warnings`: why the answer may not be all
    there is. `pseudonym`: what the entity goes by among gateways (`query.via`); "": it asks nobody.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        *,
        caller: HttpCaller,
        root: BaseUrl,
        entity: str,
        pace: Pace = NO_HURRY,
    ) -> None:
        self.kind = "none"
        state = scope.get("state", {})
        self.takes_files = SEND_FILE_STATE in state
        self.is_watched = WHEN_GONE_STATE in state
        self.ends_when_gone = True
        self.method: str = scope["method"]
        self.raw_path: bytes = scope["raw_path"]
        self.caller = caller
        self.root = root
        self.entity = entity
        self.pseudonym = ""
        self.headers = joined_headers(scope["headers"])
        is_here = state.get(IS_HERE_STATE, nobody_knows)
        self.arriving = ArrivingBody(state.get(RECEIVE_FILLED_STATE, receive), pace, is_here)
        self.query: bytes = scope["query_string"]
        self.warnings: dict[str, None] = {}
        self._kept: list[Closable] = []
        self._parameters: tuple[tuple[str, str], ...] | None = None

    @property
    def length(self) -> int:
        """The bytes of the body; 0: none, or as many as will come."""
        said = self.headers.get("content-length", "")
        return int(said) if said.isascii() and said.isdigit() else 0

    def keep(self, one: Closable) -> None:
        """Hold on to something until the request is answered, however that ends."""
        self._kept.append(one)

    async def let_go(self) -> None:
        """Let go of what was held on to."""
        while self._kept:
            await self._kept.pop().aclose()

    def warn(self, warnings: Iterable[str]) -> None:
        """Have a warning told with the answer, once however often it is said."""
        self.warnings |= dict.fromkeys(warnings)

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """Give the parameters of the query string, decoded, in their order.

        Raises:
            RequestRefused: 400, they are not UTF-8, or more than anybody means; 414, too long.
        """
        if self._parameters is None:
            self._parameters = query_pairs(self.query)
        return self._parameters

    def accepted(self) -> Accepted:
        """Read what the client takes. Raises RequestRefused."""
        given = [value for name, value in self.parameters() if name.lower() == "accept"]
        return accepted(self.headers.get("accept", ""), ",".join(given))

    def origin(self) -> Origin:
        """Say who asks, for receipts and audit records."""
        return Origin(
            calling_ae_title="",
            called_ae_title="",
            peer=self.caller.name,
            host=self.caller.address,
            entity=self.entity,
            association_id=f"http-{token_hex(6)}",
            via=(*via_of_text(self._via), *([self.pseudonym] if self.pseudonym else [])),
        )

    @property
    def introduction(self) -> tuple[tuple[bytes, bytes], ...]:
        """Tell a gateway like us, and nobody else, what goes with its answer (`query.via`)."""
        if not (self.pseudonym and self._via):
            return ()
        face = (FACE_HEADER.lower().encode(), self.pseudonym.encode())
        return face, (b"vary", VIA_HEADER.encode())

    @property
    def _via(self) -> str:
        return self.headers.get(VIA_HEADER.lower(), "")

    def body(self) -> AsyncIterator[bytes]:
        """Give the body as it comes.

        The iterator raises:
            ClientGone: the client closed the connection before the end.
            RequestRefused: 408, it sends too slowly.
        """
        return self.arriving.pieces()

    async def whole_body(self, *, bytes_max: int) -> bytes:
        """Read a small body.

        Raises:
            RequestRefused: 413, it is longer; 408, it comes too slowly.
            ClientGone: it did not end.
        """
        content = bytearray()
        async for piece in self.body():
            content += piece
            if len(content) > bytes_max:
                raise RequestRefused(413, f"the body has more than {bytes_max} bytes")
        return bytes(content)


def refused(refusal: RequestRefused) -> Reply:
    """Answer with a refusal."""
    return Reply(refusal.status, PROBLEM_TYPE, refusal.body, refusal.headers)


def joined_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Give the headers by their names in lower case; join what is there twice (RFC 9110 §5.3)."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
