"""The head of an answer leaves with what follows it, or by itself when nothing does at once."""

import asyncio

from hilum.service.web_answer import OutgoingAnswer


class Transport:
    def __init__(self):
        self.sent = []

    def write(self, data):
        self.sent.append(data)

    def writelines(self, pieces):
        self.sent.append(tuple(pieces))

    def close(self):
        self.sent.append("closed")

    def is_closing(self):
        return "closed" in self.sent


def sent_by(scenario):
    transport = Transport()

    async def main():
        await scenario(OutgoingAnswer(transport, asyncio.get_running_loop()))
        await asyncio.sleep(0)

    asyncio.run(main())
    return transport.sent


def test_head_and_first_piece_leave_together_and_the_rest_as_it_comes():
    async def scenario(answer):
        for piece in (b"head", b"one", b"two"):
            answer.write(piece)

    assert sent_by(scenario) == [(b"head", b"one"), b"two"]


def test_a_head_that_is_followed_by_nothing_is_not_kept_back():
    async def scenario(answer):
        answer.write(b"head")
        await asyncio.sleep(0)
        answer.write(b"later")

    assert sent_by(scenario) == [b"head", b"later"]


def test_a_head_is_written_before_it_is_closed():
    async def scenario(answer):
        answer.write(b"head")
        assert not answer.is_closing()
        answer.close()
        assert answer.is_closing()

    assert sent_by(scenario) == [b"head", "closed"]


def test_what_goes_another_way_can_have_the_head_written_before_it():
    async def scenario(answer):
        answer.write(b"head")
        answer.flush()
        answer.write(b"behind the file")

    assert sent_by(scenario) == [b"head", b"behind the file"]


def test_a_head_is_not_written_to_a_connection_that_was_dropped_meanwhile():
    transport = Transport()

    async def main():
        OutgoingAnswer(transport, asyncio.get_running_loop()).write(b"head")
        transport.close()
        await asyncio.sleep(0)

    asyncio.run(main())

    assert transport.sent == ["closed"]
