"""A real ledger and vault with instances in them, and the archive over both."""

import asyncio
import hashlib
import itertools
import time
from datetime import UTC, datetime

from hilum.dicom.facts import facts_of
from hilum.dicom.part10 import file_meta
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.names import UID
from hilum.ledger.entry import Entry, Origin, Verdict
from hilum.ledger.ledger import Ledger
from hilum.pipeline.archive.local import LocalArchive
from hilum.pipeline.archive.metadata import Describer
from hilum.vault.disk import SystemDisk
from hilum.vault.hashing import Digest
from hilum.vault.seal import BLANK, SEAL_CREATOR_UID, Seal
from hilum.vault.vault import Vault

ASKER = Origin("", "", "viewer", "10.1.1.1", "HILUM", "http-1")
SENDER = Origin("CT1", "HILUM", "ct1", "127.0.0.1", "HILUM", "a-1")


class ArchiveRig:
    """Keeps what is stored in a temporary folder."""

    def __init__(self, folder, *, durability="process"):
        self.vault = Vault(folder / "vault", SystemDisk(), synced=False)
        self.vault.open()
        self.ledger = Ledger.open(folder / "ledger.sqlite", durability=durability)
        self._numbers = itertools.count(1)
        self.has_room = True
        self.opened = []
        self.describer = Describer(self.ledger.metadata, self, has_room=lambda: self.has_room)
        self.archive = self.make(audit=self.ledger.audit)

    def make(self, *, audit):
        """Make an archive that keeps account otherwise."""
        return LocalArchive(
            catalogue=self.ledger.search,
            holdings=self.ledger.holdings,
            holdings_at_once=self.ledger.holdings_at_once,
            audit=audit,
            describer=self.describer,
            clock=time,
        )

    def open_payload(self, path):
        """Open a payload, and remember that it was opened."""
        self.opened.append(path)
        return self.vault.open_payload(path)

    def store(self, data, syntax_uid, *, verdict=Verdict.KEPT):
        """Take a data set in as intake would; give its entry."""
        reader = DataSetReader(transfer_syntax(syntax_uid))
        reader.feed(data)
        facts = facts_of(reader.finish())
        path = f"instances/{next(self._numbers)}.dcm"
        self._write(data, syntax_uid, facts, path)
        entry = Entry(
            facts=facts,
            transfer_syntax_uid=UID(syntax_uid),
            path=path,
            size=len(data),
            digest=hashlib.sha256(data).digest(),
            verdict=verdict,
            origin=SENDER,
            received_at=datetime.now(UTC),
        )
        self.ledger.record([entry])
        return entry

    def _write(self, data, syntax_uid, facts, path):
        draft = self.vault.begin(
            file_meta(
                sop_class_uid=facts.sop_class_uid,
                sop_instance_uid=facts.sop_instance_uid,
                transfer_syntax_uid=syntax_uid,
                sending_ae_title="CT1",
                receiving_ae_title="HILUM",
                private_creator_uid=SEAL_CREATOR_UID,
                private_information=BLANK,
            )
        )
        draft.hold([memoryview(data)])
        sealed = (Digest(data).hexdigest(), len(data), "2026-11-21T03:04:05+00:00")
        draft.complete(Seal(*sealed, "CT1", "HILUM", "ct1", "::1", "HILUM", "a-1"))
        assert self.vault.place([(draft, path)]).failures == [None]

    def audits(self):
        """Give the audit records of accesses: event, outcome, study, instance, patient, detail."""
        return self.ledger.search._ask(
            lambda cursor: cursor.execute(
                "SELECT event, outcome, study_instance_uid, sop_instance_uid, patient_id, detail "
                "FROM audit WHERE event != 'instances received' ORDER BY id"
            ).fetchall()
        )

    def close(self):
        """Let go of everything."""
        self.archive.close()
        self.ledger.close()
        self.vault.close()


def gathered(iterator):
    """Give all of an asynchronous iterator."""

    async def gather():
        return [one async for one in iterator]

    return asyncio.run(gather())
