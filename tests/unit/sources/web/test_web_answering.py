"""A body ends with the piece that makes it as long as its head has said, and not before."""

import asyncio
import os

import pytest

from hilum.dicomweb.base_url import BaseUrl
from hilum.pipeline.archive.segments import Lying, Scattered
from hilum.sources.web.answering import Answering
from hilum.sources.web.caller import HttpCaller
from hilum.sources.web.exchange import SEND_FILE_STATE, WHEN_GONE_STATE, Exchange, Reply


def messages_of(pieces, headers, *, is_unread=False, takes_scattered=True, is_watched=True):
    """Answer over a connection that tells when it is closed."""
    sent = []

    async def send(message):
        sent.append((message.get("body"), message.get("more_body")))

    async def send_file(piece):
        sent.append((piece, True))

    async def send_scattered(piece):
        sent.append((piece, True))

    async def receive():
        if not is_watched:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"rest", "more_body": False}

    async def body():
        for piece in pieces:
            yield piece

    async def main():
        scope = {
            "method": "GET",
            "raw_path": b"/",
            "query_string": b"",
            "headers": [(b"content-length", b"4")] if is_unread else [],
            "state": {SEND_FILE_STATE: send_file}
            | ({WHEN_GONE_STATE: print} if is_watched else {}),
        }
        nobody = HttpCaller("", "", frozenset())
        exchange = Exchange(scope, receive, caller=nobody, root=BaseUrl("http", ""), entity="")
        together = send_scattered if takes_scattered else None
        answering = Answering(send, send_file, together)
        await answering.send(Reply(200, "text/plain", body(), headers), exchange)

    asyncio.run(main())
    return sent[1:]  # behind the head


def test_the_last_piece_of_a_known_length_ends_the_body():
    lying = Lying(os.open("/dev/null", os.O_RDONLY), 0, 3)
    sent = messages_of([b"ab", lying, b"c"], {"Content-Length": "6"})
    os.close(lying.descriptor)

    assert sent == [(b"ab", True), (lying, True), (b"c", False)]


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "5"}])
def test_a_body_of_another_length_ends_by_itself(headers):
    assert messages_of([b"ab", b"c"], headers) == [(b"ab", True), (b"c", True), (b"", False)]


def test_a_body_does_not_end_before_what_the_client_still_sends_was_read():
    sent = messages_of([b"ab"], {"Content-Length": "2"}, is_unread=True)

    assert sent == [(b"ab", True), (b"", False)]


SCATTERED = Scattered([b"b", b"c"], 2)


@pytest.mark.parametrize("is_watched", [True, False])
def test_what_lies_scattered_goes_out_in_one_go(is_watched):
    sent = messages_of([b"a", SCATTERED], {"Content-Length": "3"}, is_watched=is_watched)

    assert sent == [(b"a", True), (SCATTERED, True), (b"", False)]


def test_what_lies_scattered_goes_out_part_by_part_where_nothing_takes_it_together():
    sent = messages_of([SCATTERED], {}, takes_scattered=False)

    assert sent == [(b"b", True), (b"c", True), (b"", False)]
