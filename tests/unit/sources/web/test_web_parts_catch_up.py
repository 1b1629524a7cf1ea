"""Parts of one request that are answered while they are handed over."""

import asyncio

from hilum.sources.web.storing_parts import IN_FLIGHT_MAX, Parts


class AnsweredAtOnce:
    """A reception whose commit is over when `finish` returns."""

    is_behind = False

    def __init__(self, parts):
        self._parts = parts

    def finish(self):
        self._parts._unanswered.discard(self)
        self._parts._progress.set()


def test_a_request_whose_parts_are_answered_at_once_reads_on():
    async def main():
        parts = Parts.__new__(Parts)
        parts._reception = parts._linger = None
        parts._progress = asyncio.Event()
        parts._complete = [AnsweredAtOnce(parts) for _ in range(IN_FLIGHT_MAX)]
        parts._unanswered = set(parts._complete)

        async with asyncio.timeout(1):
            await parts.catch_up()

        assert not parts._unanswered

    asyncio.run(main())
