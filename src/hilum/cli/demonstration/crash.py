"""The last acts: the gateway is killed while it receives, starts again, and the sender goes on."""

import asyncio
import random
from typing import Final

from rich.progress_bar import ProgressBar
from rich.table import Table

from hilum.cli.demonstration.arriving import refused
from hilum.cli.demonstration.gateway import Gateway
from hilum.cli.demonstration.modality import Notes
from hilum.cli.demonstration.proof import Proof, prove
from hilum.cli.demonstration.scene import MODALITY, Scene, address_of, named
from hilum.cli.demonstration.studies import NIGHT
from hilum.cli.sending.words import count_of, duration_of, size_of

_ASSOCIATIONS: Final = 4
_ALL: Final = sum(series.instances for series in NIGHT)
# Late enough that much was answered for, early enough that much is still to come.
_KILL_AFTER: Final = _ALL * 2 // 5
_MOMENT_SECONDS_MAX: Final = 0.02
_BAR_WIDTH: Final = 40


async def show_kill(scene: Scene, gateway: Gateway) -> None:
    """Act: a long study at full speed, and SIGKILL in the middle of it.

    Raises:
        HilumError: it was not the kill that ended the sending.
    """
    stage, loop = scene.stage, asyncio.get_running_loop()

    def answered(count: int) -> None:
        if count == _KILL_AFTER:
            # Nobody chooses the moment of a power cut.
            loop.call_later(random.uniform(0, _MOMENT_SECONDS_MAX), gateway.kill)  # noqa: S311

    stage.act(f"At night {_ALL} more come at full speed, and the gateway is killed (kill -9)")
    stage.command(*_sending(scene, gateway))
    notes, _ = await _send(scene, gateway, Notes(answered))
    gateway.kill()  # in any case: the sending of so many has never been over by then
    if len(notes.acknowledged) < _KILL_AFTER:
        raise refused(notes, gateway)
    left = _ALL - len(notes.acknowledged)
    stage.wrong(
        f"killed after {len(notes.acknowledged)} answers of success; the sender has "
        f"{count_of(left, 'instance')} left and does not know what became of the last ones"
    )


async def show_return(scene: Scene, gateway: Gateway) -> Proof:
    """Act: the gateway starts again; give the proof that it has what it had answered for.

    Raises:
        GatewayFailed: it does not start.
        LedgerUnavailable: the ledger cannot be read.
    """
    stage = scene.stage
    stage.act("It starts again: is anything lost?")
    with stage.waiting("starting …"):
        await gateway.wait_until_ready()
    found = await gateway.log.event("VaultReconciled", seconds=0)
    stage.done(f"ready after {duration_of(gateway.seconds)}")
    if found is not None:
        stage.quote("its log", found["message"])
    proof = await asyncio.to_thread(prove, scene.home.data, scene.acknowledged, scene.known)
    if proof.holds:
        stage.done(f"{proof}, byte for byte")
        if proof.unanswered:
            stage.say(_unanswered(proof.unanswered))
    return proof


def _unanswered(count: int) -> str:
    if count == 1:
        return "One more is there whose answer was lost with the gateway: sent again, it is known."
    return (
        f"{count} more are there whose answers were lost with the gateway: sent again, they are "
        "known."
    )


async def show_resumption(scene: Scene, gateway: Gateway) -> None:
    """Act: the sender sends what was not answered for.

    Raises:
        HilumError: not everything is taken now.
    """
    stage = scene.stage
    stage.act("The sender goes on where it stopped")
    stage.command(*_sending(scene, gateway))
    notes, seconds = await _send(scene, gateway, Notes())
    if notes.failures or notes.finished < notes.instances:
        raise refused(notes, gateway)
    speed = f"{notes.sent / seconds:,.0f} a second, {size_of(notes.bytes_sent / seconds)}/s"
    stage.done(
        f"{notes.already_confirmed} were in its journal, {notes.sent} sent in "
        f"{duration_of(seconds)} ({speed})"
    )


def _sending(scene: Scene, gateway: Gateway) -> tuple[str, str]:
    address, home = named(address_of(gateway)), scene.home
    return (
        f"hilum send {address} {home.studies('night').name} -aet {MODALITY}",
        f"  --associations {_ASSOCIATIONS} --retries 0 --resume {home.journal.name}",
    )


async def _send(scene: Scene, gateway: Gateway, notes: Notes) -> tuple[Notes, float]:
    seconds = await scene.stage.beside(
        scene.modality(gateway).send(
            scene.home.studies("night"),
            notes,
            associations=_ASSOCIATIONS,
            journal=scene.home.journal,
        ),
        lambda: None,  # the sender's own count is at hand
        lambda: _bar(notes),
    )
    scene.acknowledged += notes.acknowledged
    return notes, seconds


def _bar(notes: Notes) -> Table:
    done = notes.already_confirmed + notes.sent
    table = Table.grid(padding=(0, 2))
    table.add_row(ProgressBar(_ALL, done, _BAR_WIDTH), f"{done} of {_ALL} answered")
    return table
