"""What is done once in a while: whatever goes wrong with it ends nothing else."""

import asyncio

import pytest

from hilum.kernel.errors import HilumError
from hilum.service.duties import Duties
from hilum.service.events import UpkeepFailed


class Told:
    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("the disk is gone"), "the disk is gone"),
        (HilumError("the ledger is busy"), "the ledger is busy"),
        (RuntimeError("PATIENT^NAME"), "a fault of ours (RuntimeError at "),
    ],
)
def test_a_duty_that_fails_is_told_of_and_done_again(error, reason):
    told = Told()

    async def main():
        again = asyncio.Event()

        async def act():
            if told.events:
                again.set()
            raise error

        keeping = asyncio.create_task(Duties(told).keep([(0.0, "looking after the cache", act)]))
        await asyncio.wait_for(again.wait(), 5)
        assert not keeping.done()
        keeping.cancel()

    asyncio.run(main())

    event = told.events[0]
    assert isinstance(event, UpkeepFailed)
    assert reason in str(vars(event) if hasattr(event, "__dict__") else event)
    assert "PATIENT" not in str(event)
