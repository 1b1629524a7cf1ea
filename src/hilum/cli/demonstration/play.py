"""The demonstration from its first to its last act: nothing in it is staged but the data."""

import asyncio
from collections.abc import Iterator
from typing import Final

from hilum import __version__
from hilum.cli.demonstration.archive import Archive
from hilum.cli.demonstration.arriving import show_arrivals, show_echo, show_start, show_stranger
from hilum.cli.demonstration.crash import show_kill, show_resumption, show_return
from hilum.cli.demonstration.delivering import show_absence, show_delivery, show_drain
from hilum.cli.demonstration.fetching import show_fetching
from hilum.cli.demonstration.gateway import Gateway, started
from hilum.cli.demonstration.proof import Proof, prove
from hilum.cli.demonstration.scene import HOST, Scene, address_of, named
from hilum.kernel.errors import HilumError

_FAULTS_SHOWN: Final = 5


async def perform(scene: Scene, *, keeps: bool) -> bool:
    """Show everything; tell whether the gateway kept its promise.

    With `keeps` the gateway then goes on until this is cancelled, which is not passed on.

    Raises:
        HilumError: it cannot be shown; the message says why.
    """
    scene.stage.title(
        f"Hilum {__version__}",
        "A DICOM gateway that answers success only for what is safely on disk.",
        "Shown on this machine alone, with generated data. Commands are as typed in",
        f"{scene.home.root}",
    )
    archive = Archive()
    try:
        return await _perform(scene, archive, keeps=keeps)
    finally:
        await archive.switch_off()


async def _perform(scene: Scene, archive: Archive, *, keeps: bool) -> bool:
    await archive.switch_on()
    scene.home.write_config(archive_port=archive.port)
    async with started(scene.home) as first:
        await show_start(scene, first)
        await show_echo(scene, first)
        await show_arrivals(scene, first)
        await show_delivery(scene, archive)
        await show_stranger(scene, first)
        await archive.switch_off()
        await show_kill(scene, first)
    # At the same ports: whoever knows the gateway finds it again.
    scene.home.write_config(
        archive_port=archive.port, dimse_port=first.dimse_port, web_port=first.web_port
    )
    async with started(scene.home) as second:
        proof = await show_return(scene, second)
        if proof.holds:
            await show_resumption(scene, second)
            await show_absence(scene)
            await show_drain(scene, archive)
            await show_fetching(scene, second)
            proof = await asyncio.to_thread(prove, scene.home.data, scene.acknowledged, scene.known)
        _conclude(scene, proof, keeps=keeps)
        if keeps and proof.holds:
            await _stay(scene, second)
    return proof.holds


def _conclude(scene: Scene, proof: Proof, *, keeps: bool) -> None:
    if proof.holds:
        scene.stage.finale(
            f"{proof}",
            "in ledger and vault, byte for byte, through kill -9; and at the PACS",
        )
        scene.stage.rows("Where to go next", _next(scene, keeps=keeps))
        return
    scene.stage.wrong(f"{proof}. This is a bug that must not be; please report it:")
    for fault in proof.wrong[:_FAULTS_SHOWN]:
        scene.stage.say(fault)


def _next(scene: Scene, *, keeps: bool) -> Iterator[tuple[str, str]]:
    yield "hilum init", "write hilum.toml, every setting explained"
    yield "hilum check", "what it will do, or every error in it"
    yield "hilum serve", "run the gateway"
    yield "hilum send PACS@host:104 FOLDER", "send files, folders, archives"
    yield "hilum find PACS@host:104", "ask for studies; get and move fetch them"
    yield "hilum queue, hilum explain UID", "what is owed, and why it does not go"
    yield "hilum conformance", "the DICOM Conformance Statement"
    if scene.home.stays:
        yield f"hilum serve -c {scene.home.config}", "this gateway again, with its data"
    elif not keeps:
        yield "hilum demo --keep", "this again, and the gateway stays"
    yield "docs/reference/", "settings, events and metrics"


async def _stay(scene: Scene, gateway: Gateway) -> None:
    """Let the gateway be until we are cancelled, or somebody else ends it.

    Raises:
        HilumError: somebody else has ended it.
    """
    scene.stage.rows("The gateway stays until Ctrl-C", _addresses(scene, gateway))
    try:
        await gateway.process.wait()
    except asyncio.CancelledError:
        # This is how it is meant to end; what follows is the orderly stop.
        if (task := asyncio.current_task()) is not None:
            task.uncancel()
        return
    raise HilumError(f"the gateway has ended (exit code {gateway.process.returncode})")


def _addresses(scene: Scene, gateway: Gateway) -> Iterator[tuple[str, str]]:
    address = named(address_of(gateway))
    yield "DICOM", address
    yield "try", f"hilum echo {address}"
    yield "", f"hilum send {address} FOLDER"
    yield "look", f"http://{HOST}:{gateway.web_port}/viewer/"
    yield "HTTP", f"http://{HOST}:{gateway.web_port}/dicom-web, /fhir, /healthz, /metrics"
    yield "payloads", f"{scene.home.data.vault / 'instances'}"
    yield "log", f"{scene.home.log}"
