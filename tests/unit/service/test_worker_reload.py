"""A worker that is told to read its configuration again: whatever is wrong with it ends nothing."""

import asyncio
from types import SimpleNamespace

from hilum.kernel.errors import Misconfigured
from hilum.service.events import ConfigurationRefused, ConfigurationReloaded
from hilum.service.worker import _Work


def told_of(*, reread, reload):
    """Ask for a reload of such a house, and give the event that tells of it."""
    told = []

    async def main() -> None:
        is_ready = asyncio.Event()
        work = SimpleNamespace(
            _reload=asyncio.Event(),
            _reread=reread,
            _house=SimpleNamespace(reload=reload),
            _telemetry=SimpleNamespace(emit=told.append),
            _systemd=SimpleNamespace(reloading=lambda: None, ready=is_ready.set),
        )
        work._reload.set()
        going_on = asyncio.create_task(_Work._reloads(work))
        await asyncio.wait_for(is_ready.wait(), 5)
        assert not going_on.done()
        going_on.cancel()

    asyncio.run(main())
    return told


def refuse(*_):
    raise Misconfigured("the TLS authority hospital.crt cannot be used")


async def refuse_later(_config):
    refuse()


async def agree(_config):
    return "All of it is in force."


def test_a_file_that_cannot_be_used_is_refused_and_the_worker_goes_on():
    [event] = told_of(reread=refuse, reload=agree)

    assert isinstance(event, ConfigurationRefused)


def test_a_destination_that_cannot_be_made_is_refused_and_the_worker_goes_on():
    [event] = told_of(reread=dict, reload=refuse_later)

    assert isinstance(event, ConfigurationRefused)


def test_what_can_be_used_is_told():
    [event] = told_of(reread=dict, reload=agree)

    assert isinstance(event, ConfigurationReloaded)
