"""A door on loopback with an archive behind it that has instances in it."""

import asyncio

from archive_rig import ArchiveRig
from dimse_asker import Asker
from intake_bench import Bench

from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.entities import Entities, Entity
from hilum.sources.dimse.admission import Rules
from hilum.sources.dimse.channel import listen
from hilum.sources.dimse.desk import Desk
from hilum.sources.dimse.door import DimseDoor
from hilum.sources.dimse.library import Library
from hilum.sources.dimse.services import Rulebook
from hilum.sources.dimse.settings import DimseLimits
from hilum.testing.datasets import instance

OPEN = frozenset({"echo", "store", "find", "move", "get", "commit"})
RULES = Rules(frozenset({"HILUM"}), True, (), "loopback", 50)


class Movers:
    """Move destinations by AE title."""

    def __init__(self, **targets):
        self.targets = targets

    def find(self, ae_title):
        return self.targets.get(ae_title)


class AskingRig:
    """What a workstation finds."""

    def __init__(
        self, folder, *, limits=None, rules=RULES, payloads=None, tls=None, port=0, **targets
    ):
        self._tls = tls
        self._wanted_port = port
        for name in ("archive", "intake"):
            (folder / name).mkdir()
        self.store_folder = ArchiveRig(folder / "archive")
        self.bench = Bench(folder / "intake", synced=False, policy=DuplicatePolicy.KEEP_BOTH)
        self.movers = Movers(**targets)
        self._limits = limits or DimseLimits()
        self._rules = rules
        self.payloads = payloads or self.store_folder.vault
        self.archive = self.store_folder.archive
        self._askers = []

    def keep(self, count, *, study=0, series=0, first=1, **more):
        """Keep instances; give them."""
        made = [
            instance(seed=seed, study=study, series=series, **more)
            for seed in range(first, first + count)
        ]
        for one in made:
            self.store_folder.store(one.data_set, one.transfer_syntax_uid)
        return made

    async def __aenter__(self):
        self.desk = Desk(
            rulebook=Rulebook(self._rules, accept_private_sop_classes=False),
            limits=self._limits,
            intake=self.bench.intake,
            clock=self.bench.clock,
            telemetry=self.bench.telemetry,
            library=Library(self.payloads, self.movers),
            entities=Entities(Entity("HILUM", "HILUM", OPEN, self.archive), {}),
        )
        self.bench.intake.start(asyncio.get_running_loop())
        self.door = DimseDoor(self.desk, self._tls)
        (listener,) = listen("127.0.0.1", self._wanted_port)
        self.port = listener.getsockname()[1]
        self.door.open(*(([], [listener]) if self._tls else ([listener], [])))
        return self

    async def __aexit__(self, *_):
        for asker in self._askers:
            await asker.close()
        await self.door.stop()
        await self.bench.intake.stop()
        self.bench.ledger.close()
        self.store_folder.close()

    async def ask(self, *contexts, **more):
        """Open an association."""
        self._askers.append(await Asker.open(self.port, contexts, **more))
        return self._askers[-1]

    def events(self, name):
        return [e for e in self.bench.telemetry.events if type(e).__name__ == name]
