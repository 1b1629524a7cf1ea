"""Vault to sink: what one session of a DIMSE destination sends, beside DCMTK's storescu.

Both send the same files from the same vault to the same C sink, turn about; ours is timed from the
first instance to the last outcome, storescu (Nagle off) from its start to its end.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

# So that `python bench/send.py` finds bench and trials.
sys.path.insert(0, str(Path(__file__).parents[1]))

import uvloop
from bench import datasets
from bench.receivers import BUILD, RECEIVERS
from bench.run import build

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.destination import DimseDestination
from hilum.destinations.dimse.options import RequestorOptions
from hilum.dicom.part10 import file_meta, read_file_meta
from hilum.kernel.names import UID, AETitle
from hilum.kernel.outcome import Delivered
from hilum.pipeline.ports import Parcel
from hilum.vault.disk import SystemDisk
from hilum.vault.layout import path_of
from hilum.vault.seal import BLANK, SEAL_CREATOR_UID, Seal
from hilum.vault.vault import Vault

KINDS = ("ct", "mr", "8kb", "200mb")
TARGET = 0.9


def main() -> int:
    """Measure; the exit code says whether the target is met by every kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"), help="a tmpfs")
    options = parser.parse_args()
    build()
    is_met = True
    for kind in (kind for kind in KINDS if options.only in kind):
        datasets.ensure(datasets.KINDS[kind], BUILD / "data")
        folder = Path(tempfile.mkdtemp(prefix="hilum-send-", dir=options.memory))
        try:
            is_met &= _compare(kind, folder, options.repetitions)
        finally:
            shutil.rmtree(folder)
    return 0 if is_met else 1


def _compare(kind: str, folder: Path, repetitions: int) -> bool:
    vault = Vault(folder / "vault", SystemDisk(), synced=False)
    vault.open()
    parcels = [
        _keep(vault, number, file)
        for number, file in enumerate(sorted((BUILD / "data" / kind).glob("*.dcm")))
    ]
    rates: dict[str, list[float]] = {"hilum": [], "storescu": []}
    for _ in range(repetitions):
        for name, send in (("hilum", _ours), ("storescu", _storescu)):
            sink = folder / "sink"
            sink.mkdir()
            running = RECEIVERS["C sink"].start(sink)
            try:
                seconds = send(running.port, vault, parcels)
                held = running.held()
            finally:
                running.stop()
                shutil.rmtree(sink)
            if held != len(parcels):
                raise SystemExit(f"{name}: {held} of {len(parcels)} arrived")
            rates[name].append(len(parcels) / seconds)
    medians = {name: statistics.median(each) for name, each in rates.items()}
    ratio = medians["hilum"] / medians["storescu"]
    size = sum(parcel.size for parcel in parcels) / len(parcels)
    for name, rate in medians.items():
        print(f"{kind:6} {name:9} {rate:9,.1f}/s {rate * size / 1e6:9,.1f} MB/s")
    print(f"{kind:6} ratio {ratio:.2f} (target {TARGET})", flush=True)
    return ratio >= TARGET


def _ours(port: int, vault: Vault, parcels: list[Parcel]) -> float:
    async def deliver() -> float:
        address = Address("127.0.0.1", port, AETitle("ANY-SCP"), AETitle("HILUM"))
        destination = DimseDestination("sink", address, RequestorOptions(), vault)
        session = destination.session()
        started = time.monotonic()
        async for _, outcome in session.deliver(parcels):
            if outcome != Delivered():
                raise SystemExit(f"{outcome}")
        seconds = time.monotonic() - started
        await session.aclose()
        return seconds

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(deliver())


def _storescu(port: int, vault: Vault, parcels: list[Parcel]) -> float:  # noqa: ARG001 - as _ours
    # A pynetdicom beside our Python has a program of the same name.
    program = shutil.which("storescu", path="/usr/local/bin:/usr/bin") or "storescu"
    command = [program, "-q", "+sd", "+r", "127.0.0.1", str(port)]
    started = time.monotonic()
    subprocess.run(
        [*command, str(vault.root / "instances")],
        env={**os.environ, "TCP_NODELAY": "1"},
        check=True,
    )
    return time.monotonic() - started


def _keep(vault: Vault, number: int, file: Path) -> Parcel:
    """Put a file into the vault as intake would."""
    with file.open("rb") as stream:
        meta = read_file_meta(stream)
        stream.seek(meta.data_set_offset)
        data_set = stream.read()
    names = {
        "sop_class_uid": meta.sop_class_uid,
        "sop_instance_uid": meta.sop_instance_uid,
        "transfer_syntax_uid": meta.transfer_syntax_uid,
    }
    head = file_meta(**names, private_creator_uid=SEAL_CREATOR_UID, private_information=BLANK)
    draft = vault.begin(head)
    digest = draft.hold([data_set])
    now = datetime.now(UTC)
    draft.complete(
        Seal(
            digest, len(data_set), now.isoformat(), "BENCH", "HILUM", "", "127.0.0.1", "HILUM", "1"
        )
    )
    path = path_of(
        day="2026/01/01",
        study="1.2.3",
        series=f"1.2.3.{number // 200}",
        instance=meta.sop_instance_uid,
        digest_hex=digest,
        serial=draft.serial,
    )
    placement = vault.place([(draft, path)])
    placement.confirm()
    (failure,) = placement.failures
    if failure is not None:
        raise failure
    return Parcel(
        delivery_id=number,
        series_instance_uid=UID("1.2.3.4"),
        study_instance_uid=UID("1.2.3"),
        size=len(data_set),
        path=path,
        **names,
    )


if __name__ == "__main__":
    sys.exit(main())
