"""The first acts: a gateway starts, is asked whether it is there, takes studies in, says no."""

import asyncio
from typing import Final

from hilum.cli.demonstration.arrivals import Arrivals
from hilum.cli.demonstration.gateway import Gateway
from hilum.cli.demonstration.modality import Notes
from hilum.cli.demonstration.scene import GATEWAY, HOST, MODALITY, Scene, address_of, named
from hilum.cli.demonstration.studies import MORNING, NIGHT, generate
from hilum.cli.echo import Answer, ask
from hilum.cli.sending.words import count_of, duration_of, size_of
from hilum.destinations.dimse.options import RequestorOptions
from hilum.dimse.status import describe
from hilum.kernel.errors import HilumError
from hilum.kernel.names import AETitle
from hilum.ledger.ledger import Ledger

# What a person types who has heard the name on the telephone.
_MISHEARD: Final = AETitle("HILLUM")
# The pace of a scanner that makes some thirty images a second: slow enough to be watched.
_SCANNER_BYTES_PER_SECOND: Final = 3_000_000
_LOG_SECONDS_MAX: Final = 10.0


async def show_start(scene: Scene, gateway: Gateway) -> None:
    """Act: the gateway starts. Meanwhile the studies are generated.

    Raises:
        GatewayFailed: it does not.
        HilumError: the studies cannot be written.
    """
    stage = scene.stage
    stage.act("A gateway starts")
    stage.command(f"hilum serve -c {scene.home.config.name}")
    with stage.waiting("starting, and generating studies …"):
        await asyncio.to_thread(_generate, scene)
        await gateway.wait_until_ready()
    stage.done(
        f"ready after {duration_of(gateway.seconds)}: DICOM on port {gateway.dimse_port}, "
        f"health and metrics on http://{HOST}:{gateway.web_port}"
    )


def _generate(scene: Scene) -> None:
    try:
        for name, series in (("morning", MORNING), ("night", NIGHT)):
            scene.known |= generate(series, scene.home.studies(name))
    except OSError as error:
        raise HilumError(
            f"cannot write the generated studies: {error.strerror}; --data names another folder"
        ) from error


async def show_echo(scene: Scene, gateway: Gateway) -> None:
    """Act: a modality asks whether the gateway is there.

    Raises:
        HilumError: it does not answer with success.
    """
    scene.stage.act("A modality asks whether it is there (C-ECHO)")
    scene.stage.command(f"hilum echo {named(address_of(gateway))} -aet {MODALITY}")
    answer = await _echo(gateway, GATEWAY)
    if not answer.is_well or answer.status is None:
        raise HilumError(answer.error or "the gateway answers C-ECHO with a failure")
    took = f"{answer.milliseconds[0]:.1f} ms"
    scene.stage.done(f"{answer.implementation_version_name}: {describe(answer.status)} in {took}")


async def _echo(gateway: Gateway, called: AETitle) -> Answer:
    return await ask(address_of(gateway, called=called), RequestorOptions(), repeat=1)


async def show_arrivals(scene: Scene, gateway: Gateway) -> None:
    """Act: studies arrive; the table is what the ledger says.

    Raises:
        HilumError: not all of them were taken.
    """
    folder = scene.home.studies("morning")
    stage, modality, notes = scene.stage, scene.modality(gateway), Notes()
    stage.act("The modality sends its morning, at the pace of a scanner (C-STORE)")
    stage.command(f"hilum send {named(modality.address)} {folder.name} -aet {MODALITY} --rate 3MB")
    arrivals = Arrivals(MORNING, scene.known)
    ledger = Ledger.open(scene.home.data.ledger, durability="power")
    try:
        await stage.beside(
            modality.send(folder, notes, bytes_per_second=_SCANNER_BYTES_PER_SECOND),
            lambda: arrivals.look(ledger, scene.clock.monotonic()),
            arrivals.table,
        )
    finally:
        ledger.close()
    scene.acknowledged += notes.acknowledged
    if len(notes.acknowledged) < notes.instances:
        raise refused(notes, gateway)
    stage.done(
        f"{count_of(notes.sent, 'instance')} answered with success, {size_of(notes.bytes_sent)}: "
        "on disk and in the ledger before each answer"
    )


def refused(notes: Notes, gateway: Gateway) -> HilumError:
    """Say why not everything was taken."""
    reason = notes.failures[0].reason if notes.failures else "the files cannot be read"
    return HilumError(
        f"{notes.sent} of {notes.instances} instances were taken: {reason}."
        f"{gateway.log.complaint} (--data names another folder for the demonstration.)"
    )


async def show_stranger(scene: Scene, gateway: Gateway) -> None:
    """Act: a caller uses a wrong AE title; the log names the remedy.

    Raises:
        HilumError: it is let in, or the log says nothing.
    """
    stage = scene.stage
    stage.act("A caller gets the name wrong")
    stage.command(f"hilum echo {named(address_of(gateway, called=_MISHEARD))} -aet {MODALITY}")
    answer = await _echo(gateway, _MISHEARD)
    line = await gateway.log.event("AssociationRejected", seconds=_LOG_SECONDS_MAX)
    if answer.is_well or line is None:
        raise HilumError("the gateway did not reject an AE title that is not its own")
    stage.quote("the caller", answer.error)
    stage.quote("our log", line["message"])
    stage.done("every refusal says in the log what to change")
