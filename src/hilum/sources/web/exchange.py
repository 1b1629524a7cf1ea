"""One request and its answer: what handlers see of HTTP, without a framework between.

A body that is streamed goes out as it is made: the server makes the maker wait for the client.
"""

import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope, Send

from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.choice import Accepted
from hilum.dicomweb.refusal import PROBLEM_TYPE, RequestRefused
from hilum.kernel.errors import Unreachable
from hilum.ledger.entry import Origin
from hilum.sources.web.caller import HttpCaller

Body = bytes | AsyncIterator[bytes]


class ClientGone(Unreachable):
    """The client closed the connection before the end of its body, or of ours."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Of a streamed body the length is only told if a header has it."""

    status: int
    content_type: str = ""
    body: Body = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Exchange:
    """A request that was let in. `root` is the address of the service that clients know."""

    def __init__(
        self, scope: Scope, receive: Receive, *, caller: HttpCaller, root: BaseUrl, entity: str
    ) -> None:
        self.method: str = scope["method"]
        self.raw_path: bytes = scope["raw_path"]
        self.caller = caller
        self.root = root
        self.entity = entity
        self._query: bytes = scope["query_string"]
        self._receive = receive
        self.headers: dict[str, str] = _headers(scope["headers"])

    def parameters(self) -> list[tuple[str, str]]:
        """Give the parameters of the query string, decoded, in their order.

        Raises:
            RequestRefused: 400, there are more than anybody means.
        """
        try:
            return parse_qsl(
                self._query.decode("utf-8", "replace"),
                keep_blank_values=True,
                max_num_fields=_PARAMETERS_MAX,
            )
        except ValueError as error:
            raise RequestRefused(400, "the query string has too many parameters") from error

    def accepted(self) -> Accepted:
        """Read what the client takes. Raises RequestRefused."""
        given = [value for name, value in self.parameters() if name.lower() == "accept"]
        return Accepted(self.headers.get("accept", ""), ",".join(given))

    def origin(self) -> Origin:
        """Say who asks, for receipts and audit records."""
        return Origin(
            calling_ae_title="",
            called_ae_title="",
            peer=self.caller.name,
            host=self.caller.address,
            entity=self.entity,
            association_id=f"http-{uuid.uuid4().hex[:12]}",
        )

    async def body(self) -> AsyncIterator[bytes]:
        """Give the body as it comes. Raises ClientGone."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGone("the client closed the connection")
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    async def whole_body(self, *, bytes_max: int) -> bytes:
        """Read a small body.

        Raises:
            RequestRefused: 413, it is longer.
            ClientGone: it did not end.
        """
        content = bytearray()
        async for piece in self.body():
            content += piece
            if len(content) > bytes_max:
                raise RequestRefused(413, f"the body has more than {bytes_max} bytes")
        return bytes(content)


_PARAMETERS_MAX: Final = 1000


def refused(refusal: RequestRefused) -> Reply:
    """Answer with a refusal."""
    return Reply(refusal.status, PROBLEM_TYPE, refusal.body, refusal.headers)


async def answer(reply: Reply, send: Send, *, is_head: bool = False) -> None:
    """Send an answer; of one to HEAD only its head."""
    headers = [
        (name.lower().encode(), text.encode("latin-1", "replace"))
        for name, text in reply.headers.items()
    ]
    if reply.content_type:
        headers.append((b"content-type", reply.content_type.encode("latin-1")))
    if isinstance(reply.body, bytes) and reply.status not in _BODILESS:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if isinstance(reply.body, bytes):
        await send(_part(b"" if is_head else reply.body, more=False))
        return
    if not is_head:
        async for piece in reply.body:
            await send(_part(piece, more=True))
    await send(_part(b"", more=False))


_BODILESS: Final = frozenset((204, 304))


def _part(content: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Join what is there more than once (RFC 9110 §5.3)."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
