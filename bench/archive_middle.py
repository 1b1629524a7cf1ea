"""What the archive costs between the doors and the disk: searches, holdings, metadata, accounts.

    python bench/archive.py make FOLDER/ledger.sqlite --studies 20000
    python bench/archive_middle.py FOLDER

Adds a study of 500 CT images with headers of some 110 attributes to the ledger and the vault of the
folder, once. Everything is asked through `LocalArchive`, as doors do, audit records included.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Literal

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dataset import DataSet
from hilum.dicom.encode import encode_data_set
from hilum.dicom.facts import facts_of
from hilum.dicom.match_keys import matching_of
from hilum.dicom.matching import Key
from hilum.dicom.part10 import file_meta
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.ledger.entry import Entry, Origin, Verdict
from hilum.ledger.ledger import Ledger
from hilum.ledger.moments import now_utc
from hilum.pipeline.archive.local import LocalArchive
from hilum.pipeline.archive.metadata import Describer
from hilum.pipeline.archive.ports import Purpose
from hilum.query.attributes import DEFAULTS
from hilum.query.level import Level
from hilum.query.query import Query, Wanted
from hilum.query.retrieval import Retrieval
from hilum.service.clock import SystemClock
from hilum.vault.disk import SystemDisk
from hilum.vault.hashing import Digest
from hilum.vault.seal import BLANK, SEAL_CREATOR_UID, Seal
from hilum.vault.vault import Vault

STUDY: Final = "1.2.826.0.1.3680043.10.7"
IMAGES: Final = 500
_CT: Final = "1.2.840.10008.5.1.4.1.1.2"
_PRIVATE: Final = 70
_ASKER: Final = Origin("", "", "viewer", "10.1.1.1", "HILUM", "http-1")


def _image(number: int) -> DataSet:
    builder = DataSetBuilder("ISO_IR 100")
    texts = {
        0x00080008: "ORIGINAL\\PRIMARY\\AXIAL",
        0x00080016: _CT,
        0x00080018: f"{STUDY}.1.{number}",
        0x00080020: "20260102",
        0x00080030: "101500.123",
        0x00080050: "A9999999",
        0x00080060: "CT",
        0x00080070: "ACME",
        0x00081030: "Thorax",
        0x0008103E: "axial 1.0",
        0x00100010: "Example^Person",
        0x00100020: "P9999999",
        0x00100030: "19700101",
        0x00100040: "O",
        0x00180050: "1.0",
        0x00180060: "120",
        0x00181151: str(200 + number % 50),
        0x0020000D: STUDY,
        0x0020000E: f"{STUDY}.1",
        0x00200011: "1",
        0x00200013: str(number),
        0x00200032: f"-250\\-250\\{number}.5",
        0x00200037: "1\\0\\0\\0\\1\\0",
        0x00201041: f"{number}.5",
        0x00280004: "MONOCHROME2",
        0x00280030: "0.9765625\\0.9765625",
    }
    for tag, text in texts.items():
        builder.texts(tag, *text.split("\\"))
    for tag, value in ((0x00280010, 512), (0x00280011, 512), (0x00280100, 16), (0x00280101, 12)):
        builder.numbers(tag, value)
    builder.texts(0x00090010, "ACME PRIVATE", vr="LO")
    for at in range(_PRIVATE):
        builder.texts(0x00091000 + at, f"parameter {at} of {number // 10}", vr="LO")
    builder.raw(0x7FE00010, bytes(2048), vr="OW")
    return builder.data_set


def store(ledger: Ledger, vault: Vault) -> None:
    """Put the study into both, if it is not there."""
    if ledger.holdings.of(_study(1)).holdings:
        return
    for first in range(1, IMAGES + 1, 50):
        ledger.record([_entry(vault, number) for number in range(first, first + 50)])


def _entry(vault: Vault, number: int) -> Entry:
    data = encode_data_set(_image(number), EXPLICIT_VR_LITTLE_ENDIAN)
    reader = DataSetReader(EXPLICIT_VR_LITTLE_ENDIAN)
    reader.feed(data)
    facts = facts_of(reader.finish())
    head = file_meta(
        sop_class_uid=_CT,
        sop_instance_uid=facts.sop_instance_uid,
        transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN.uid,
        sending_ae_title="CT1",
        receiving_ae_title="HILUM",
        private_creator_uid=SEAL_CREATOR_UID,
        private_information=BLANK,
    )
    draft, at = vault.begin(head), now_utc()
    draft.hold([memoryview(data)])
    digest = Digest(data).hexdigest()
    who = ("CT1", "HILUM", "ct1", "::1", "HILUM", "a-1")
    draft.complete(Seal(digest, len(data), at.isoformat(), *who))
    path = f"instances/middle/{number}.dcm"
    vault.place([(draft, path)]).confirm()
    return Entry(
        facts=facts,
        transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN.uid,
        path=path,
        size=len(data),
        digest=bytes.fromhex(digest),
        verdict=Verdict.KEPT,
        origin=Origin(*who),
        received_at=at,
    )


def _study(count: int) -> Retrieval:
    if count == IMAGES:
        return Retrieval(Level.STUDY, {Level.STUDY: (STUDY,)})
    uids = tuple([f"{STUDY}.1.{number}" for number in range(1, count + 1)])
    return Retrieval(Level.IMAGE, {Level.STUDY: (STUDY,), Level.IMAGE: uids})


class Middle:
    """Asks what doors ask."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        describer = Describer(ledger.metadata, vault, has_room=lambda: True)
        self.archive = LocalArchive.over(ledger, describer, SystemClock())
        self._chance = random.Random(5)
        self._patients = max(int(ledger.counts().patients), 2)
        self._wanted = tuple(Wanted(tag, "LO") for tag in DEFAULTS[Level.STUDY])

    async def by_patient(self) -> None:
        """Find the studies of a patient."""
        text = f"P{self._chance.randrange(1, self._patients):07}"
        await self._find(Key(0x00100020, "LO", matching_of("LO", text)))

    async def by_name(self) -> None:
        """Find the first hundred of a name."""
        text = self._chance.choice(("Ba*", "Sch*", "Ler*", "Mann*"))
        await self._find(Key(0x00100010, "PN", matching_of("PN", text)), limit=100)

    async def _find(self, key: Key, limit: int | None = None) -> None:
        query = Query(Level.STUDY, (key,), self._wanted, limit=limit)
        async for _ in self.archive.find(query, _ASKER):
            pass

    async def holdings(self, count: int) -> None:
        """Get the instances of a study, told each time."""
        held = await self.archive.holdings(_study(count), _ASKER, Purpose.MOVE)
        if len(held) != count:
            raise SystemExit(f"{len(held)} instances instead of {count}")

    async def metadata(self, count: int) -> None:
        """Get their metadata, as a viewer does."""
        held = await self.archive.holdings(_study(count), _ASKER, Purpose.METADATA)
        described = [one async for one in self.archive.metadata(held, "https://pacs/dicom-web")]
        if len(described) != count:
            raise SystemExit(f"{len(described)} descriptions instead of {count}")


async def _measure(name: str, ask: Callable[[], Awaitable[None]], times: int) -> None:
    taken: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - begun) * 1e3)
    taken.sort()
    print(f"{name:34} p50 {statistics.median(taken):7.2f} ms  max {taken[-1]:7.2f} ms")


async def _measure_together(name: str, ask: Callable[[], Awaitable[None]], askers: int) -> None:
    begun = time.perf_counter()
    count = 0

    async def keep_asking() -> None:
        nonlocal count
        while time.perf_counter() - begun < 3:
            await ask()
            count += 1

    await asyncio.gather(*[keep_asking() for _ in range(askers)])
    print(f"{name:34} {count / (time.perf_counter() - begun):7.0f} a second, {askers} askers")


async def _ask(middle: Middle, ledger: Ledger) -> None:
    await _measure("query by patient ID", middle.by_patient, 200)
    await _measure("query by name, first hundred", middle.by_name, 50)
    await _measure_together("query by patient ID", middle.by_patient, 16)
    await _measure("holdings of 1", lambda: middle.holdings(1), 100)
    await _measure("holdings of 500", lambda: middle.holdings(IMAGES), 30)
    made = ledger.metadata.read(ledger.holdings.of(_study(IMAGES)).holdings).count(None)
    if made:
        await _measure(f"metadata of 500, {made} made", lambda: middle.metadata(IMAGES), 1)
    await _measure("metadata of 200, kept", lambda: middle.metadata(200), 30)
    await _measure("metadata of 500, kept", lambda: middle.metadata(IMAGES), 15)
    await _measure("metadata of 1, kept", lambda: middle.metadata(1), 100)


def run(folder: Path, durability: Literal["power", "process"]) -> None:
    """Measure with one durability."""
    print(durability)
    vault = Vault(folder / "vault", SystemDisk(), synced=False)
    vault.open()
    ledger = Ledger.open(folder / "ledger.sqlite", durability=durability)
    store(ledger, vault)
    middle = Middle(ledger, vault)
    asyncio.run(_ask(middle, ledger))
    middle.archive.close()
    ledger.close()
    vault.close()


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    run(folder, "process")
    run(folder, "power")


if __name__ == "__main__":
    main()
