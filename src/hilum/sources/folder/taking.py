"""Takes one file in: its bytes go to intake like those of any other door."""

import asyncio
from typing import Final

from hilum.kernel.names import AETitle
from hilum.ledger.entry import Origin
from hilum.pipeline.answers import Answer
from hilum.pipeline.intake import Intake
from hilum.pipeline.reception import Announcement, Reception
from hilum.sources.folder.opening import OpenFile

SOURCE: Final = "folder"


async def take(intake: Intake, file: OpenFile, *, folder: str, own_title: AETitle) -> Answer:
    """Bring the file's instance to intake and give what became of it. Raises OSError."""
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    has_caught_up = asyncio.Event()
    reception = intake.receive(
        _announcement(file, folder, own_title),
        answered=lambda answer: None if answered.cancelled() else answered.set_result(answer),
        resumed=has_caught_up.set,
    )
    intake.carriers += 1
    try:
        await _feed(intake, reception, file, has_caught_up)
    except BaseException:
        reception.abandon()
        raise
    else:
        reception.finish()
    finally:
        intake.carriers -= 1
    return await answered


async def _feed(
    intake: Intake, reception: Reception, file: OpenFile, has_caught_up: asyncio.Event
) -> None:
    while reception.failure is None:
        buffer = intake.buffers.lend()
        try:
            count = await asyncio.to_thread(file.read_into, buffer.view)
            reception.take(buffer.view[:count], buffer)
        finally:
            buffer.release()
        if count == 0:
            return
        while reception.is_behind:
            has_caught_up.clear()
            await has_caught_up.wait()


def _announcement(file: OpenFile, folder: str, own_title: AETitle) -> Announcement:
    return Announcement(
        source=SOURCE,
        sop_class_uid=file.sop_class_uid,
        sop_instance_uid=file.sop_instance_uid,
        transfer_syntax_uid=file.transfer_syntax_uid,
        origin=Origin(
            calling_ae_title="",
            called_ae_title=own_title,
            peer=folder,
            host="",
            entity="",
            association_id=f"folder {folder}",
        ),
    )
