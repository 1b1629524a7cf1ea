"""An intake on a folder with a real vault and ledger, whose disk and ledger can be made to fail."""

import asyncio
import dataclasses
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from hilum.kernel.syncing import Synced, Syncing
from hilum.kernel.telemetry import Event
from hilum.ledger.entry import Entry, Origin
from hilum.ledger.ledger import Ledger
from hilum.pipeline.answers import Answer  # noqa: TC001 - the type of a future
from hilum.pipeline.archive.indexing import Indexing
from hilum.pipeline.buffers import Buffer
from hilum.pipeline.commit import Committer
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.intake import Intake, IntakeLimits
from hilum.pipeline.lanes.groups import Members
from hilum.pipeline.planning import Planner
from hilum.pipeline.reception import Announcement
from hilum.pipeline.room import Room
from hilum.routing.routes import Routes
from hilum.service.clock import SystemClock
from hilum.testing.datasets import GeneratedInstance
from hilum.vault.disk import SystemDisk
from hilum.vault.inventory import payload_files
from hilum.vault.vault import Vault

ORIGIN = Origin("CT1", "HILUM", "ct1", "127.0.0.1", "HILUM", "a-1")


class Disk(SystemDisk):
    """The real disk, with a fault that can be switched on."""

    fault = ""
    number = errno.ENOSPC

    def _act(self, name: str) -> None:
        if self.fault == name:
            raise OSError(self.number, os.strerror(self.number))

    def create(self, path: Path) -> int:
        self._act("create")
        return super().create(path)

    def write(self, descriptor, pieces, *, size) -> None:
        self._act("write")
        super().write(descriptor, pieces, size=size)

    def hasten(self, descriptor: int) -> None:
        self._act("hasten")
        super().hasten(descriptor)

    def remove(self, path) -> None:
        self._act("remove")
        super().remove(path)

    def begin_syncs(self, files, folders=()) -> Syncing:
        try:
            self._act("sync")
        except OSError as error:
            return Synced(error)
        return super().begin_syncs(files, folders)


class Records:
    """The real ledger, with a fault that can be switched on."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.fault: Exception | None = None

    def record(self, entries: Sequence[Entry], *, confirm=lambda: None):
        if self.fault is not None:
            raise self.fault
        return self.ledger.record(entries, confirm=confirm)

    def record_and_begin_sync(self, entries: Sequence[Entry], *, confirm=lambda: None):
        if self.fault is not None:
            raise self.fault
        return self.ledger.record_and_begin_sync(entries, confirm=confirm)

    def distrust_log(self) -> None:
        self.ledger.distrust_log()


class Listening:
    """A Telemetry that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


class Bench:
    """An intake on a folder, and ways to bring it instances."""

    def __init__(
        self, root: Path, *, synced: bool, policy: DuplicatePolicy, overlapping: bool = False
    ) -> None:
        self.root = root / "vault"
        self.disk = Disk()
        self.telemetry = Listening()
        bell = self.disk.sync_beside() if overlapping else None
        self.ledger = Ledger.open(
            root / "ledger.sqlite",
            durability="power" if overlapping else "process",
            begin_syncs=self.disk.begin_syncs,
        )
        self.records = Records(self.ledger)
        self.vault = Vault(self.root, self.disk, synced=synced)
        self.vault.open()
        self.clock = clock = SystemClock()
        self.members = Members({}, {})
        self.planner = Planner(
            Routes(),
            members=lambda: self.members,
            begun_with=self.ledger.deliveries.study_choice,
            tags_besides=Indexing().tags_wanted,
        )
        self.room = Room(lambda _: 0)
        self.owed: list[dict[str, set[int]]] = []
        self.intake = Intake(
            vault=self.vault,
            committer=Committer(self.vault, self.records, clock, policy, self.planner),
            planner=self.planner,
            owed=self.owed.append,
            clock=clock,
            telemetry=self.telemetry,
            room=self.room,
            is_synced=synced,
            bell=bell,
            limits=IntakeLimits(instance_bytes_max=1 << 40),
        )
        self.intake.carriers = 2 if overlapping else 0
        self.intake.learn_room(1 << 40, 1 << 41)
        self.taker = self.intake

    def begin(self, generated: GeneratedInstance, **changes: object):
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        announcement = Announcement(
            source="dimse",
            sop_class_uid=generated.sop_class_uid,
            sop_instance_uid=generated.sop_instance_uid,
            transfer_syntax_uid=generated.transfer_syntax_uid,
            origin=ORIGIN,
        )
        reception = self.taker.receive(
            dataclasses.replace(announcement, **changes),
            answered=answer.set_result,
            resumed=lambda: None,
        )
        return reception, answer

    async def bring(self, generated: GeneratedInstance, *, step: int = 1 << 18, **changes: object):
        reception, answer = self.begin(generated, **changes)
        await self.feed_all(reception, generated.data_set, step=step)
        reception.finish()
        return await asyncio.wait_for(answer, 10)

    def feed(self, reception, content: bytes) -> None:
        buffer = Buffer(len(content), None)
        buffer.view[:] = content
        reception.take(buffer.view, buffer)

    async def feed_all(self, reception, content: bytes, *, step: int = 1 << 18) -> None:
        for offset in range(0, len(content), step):
            self.feed(reception, content[offset : offset + step])
            while reception.is_behind:  # noqa: ASYNC110 - a turn of the loop is what it needs
                await asyncio.sleep(0)

    def files(self) -> list[str]:
        return [lying.path for lying in payload_files(self.root)]

    def drafts(self) -> int:
        return sum(len(files) for _, _, files in os.walk(self.root / "incoming"))
