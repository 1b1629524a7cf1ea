"""The acts of delivery: a PACS gets what a route sends it, goes away, and gets the rest."""

import asyncio
from contextlib import closing
from typing import Final

from rich.progress_bar import ProgressBar
from rich.table import Table

from hilum.cli.demonstration.archive import ARCHIVE, Archive
from hilum.cli.demonstration.scene import Scene
from hilum.cli.sending.words import count_of, duration_of
from hilum.kernel.errors import HilumError
from hilum.kernel.names import UID
from hilum.ledger.delivery import Selection, State
from hilum.ledger.ledger import Ledger
from hilum.pipeline.remedies import parted

_DRAIN_SECONDS_MAX: Final = 30.0
_LOOK_SECONDS: Final = 0.05
_BAR_WIDTH: Final = 40


async def show_delivery(scene: Scene, archive: Archive) -> None:
    """Act: what came is delivered to the PACS, as the route says.

    Raises:
        HilumError: it is not, in time.
    """
    scene.stage.act("A route sends everything on to a PACS")
    scene.stage.command("hilum queue")
    await _until_all_is_there(scene, archive)
    scene.stage.done(f"the PACS has {count_of(len(archive.got()), 'instance')}: nothing is owed")


async def show_absence(scene: Scene) -> None:
    """Act: the PACS was switched off; say what is owed and why it does not go.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    stage = scene.stage
    stage.act("All that time the PACS was switched off: who waits, and why?")
    stage.command("hilum queue")
    owed, reason = await asyncio.to_thread(_owed, scene)
    fact, hint = parted(reason)
    stage.wrong(f"{count_of(owed, 'instance')} wait for it")
    if fact:
        stage.quote("the reason", f"{fact}. Remedy: {hint}")


async def show_drain(scene: Scene, archive: Archive) -> None:
    """Act: the PACS is switched on; the queue drains by itself.

    Raises:
        HilumError: it does not, in time.
        OSError: the PACS cannot listen.
    """
    stage, clock = scene.stage, scene.clock
    stage.act("The PACS is switched on again")
    await archive.switch_on()
    began = clock.monotonic()
    await stage.beside(
        _until_all_is_there(scene, archive),
        lambda: None,
        lambda: _progress(len(scene.acknowledged), len(archive.got())),
    )
    got = archive.got()
    twice = sum(count - 1 for count in got.values())
    again = f", {count_of(twice, 'instance')} of them twice" if twice else ", each of them once"
    stage.done(
        f"it has all {len(got):,} after {duration_of(clock.monotonic() - began)}{again}: "
        "nobody had to send anything again"
    )


async def _until_all_is_there(scene: Scene, archive: Archive) -> None:
    wanted = set(scene.acknowledged)
    try:
        async with asyncio.timeout(_DRAIN_SECONDS_MAX):
            while not await _is_all_there(scene, archive, wanted):  # noqa: ASYNC110 - a ledger can only be asked
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        missing = count_of(len(wanted.difference(archive.got())), "instance")
        raise HilumError(f"{ARCHIVE} did not get {missing} in time") from None


async def _is_all_there(scene: Scene, archive: Archive, wanted: set[UID]) -> bool:
    if not wanted.issubset(archive.got()):
        return False
    owed, _ = await asyncio.to_thread(_owed, scene)
    return not owed


def _owed(scene: Scene) -> tuple[int, str]:
    """Count what is owed, and give the reason of what failed last."""
    with closing(Ledger.open(scene.home.data.ledger, durability="power")) as ledger:
        owed = sum(depth.count for depth in ledger.deliveries.depths())
        failed = ledger.queue.find(Selection(states=(State.DEFERRED,)), limit=1)
    return owed, failed[0].reason if failed else ""


def _progress(wanted: int, there: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row(ARCHIVE, ProgressBar(wanted, there, _BAR_WIDTH), f"{there:,} of {wanted:,}")
    return table
