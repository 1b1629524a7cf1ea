"""Opening ledger and vault before any worker runs: what a crash or a bad disk left is put right."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from hilum.kernel.telemetry import Telemetry
from hilum.ledger.errors import LedgerUnavailable
from hilum.ledger.files import lock_path
from hilum.ledger.ledger import Ledger
from hilum.ledger.salvage import Salvage
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.recovery import Progress, Reconciliation, rebuild, reconcile
from hilum.service.events import LedgerRebuilt, PayloadSetAside, PayloadsLost, VaultReconciled
from hilum.vault.inventory import payload_files
from hilum.vault.journal import journals

Durability = Literal["power", "process"]

LEDGER: Final = "ledger.sqlite"
VAULT: Final = "vault"
RUN: Final = "run"
# Written when a run begins, removed when it ends in good order: what it says is where to look.
_UNCLEAN: Final = "began"
_DOUBT: Final = "doubt"
# SQLite keeps these beside its file.
_COMPANIONS: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where everything lies."""

    root: Path

    @property
    def ledger(self) -> Path:
        """Give the ledger's file."""
        return self.root / LEDGER

    @property
    def vault(self) -> Path:
        """Give the vault's root."""
        return self.root / VAULT

    @property
    def run(self) -> Path:
        """Give the folder of what belongs to one run."""
        return self.root / RUN

    def begin_run(self) -> None:
        """Remember that a run began; kept as it is after a crash, so that the oldest day counts."""
        self.run.mkdir(mode=0o750, parents=True, exist_ok=True)
        mark = self.run / _UNCLEAN
        if not mark.exists():
            mark.write_text(datetime.now(UTC).date().isoformat(), encoding="ascii")

    def doubt(self) -> None:
        """Have the next start compare ledger and vault, however this run ends."""
        (self.run / _DOUBT).touch()

    def end_run(self) -> None:
        """Remember that the run ended in good order, unless there is a doubt."""
        if (self.run / _DOUBT).exists():
            (self.run / _DOUBT).unlink()
        elif not journals(self.vault):
            (self.run / _UNCLEAN).unlink(missing_ok=True)

    def unclean_since(self) -> datetime | None:
        """Give the day since which nothing was compared, or None after an orderly end."""
        try:
            text = (self.run / _UNCLEAN).read_text(encoding="ascii")
            return datetime.fromisoformat(text)
        except FileNotFoundError:
            return None
        except ValueError:
            return datetime.min.replace(tzinfo=UTC)


def open_house(
    folder: DataFolder, durability: Durability, policy: DuplicatePolicy, telemetry: Telemetry
) -> None:
    """Make the data folder usable: ledger present and whole, vault and ledger agreeing.

    Raises:
        Misconfigured: the ledger belongs to a newer Hilum.
        OSError: the folder cannot be used.
    """
    folder.root.mkdir(mode=0o750, parents=True, exist_ok=True)
    unclean = folder.unclean_since()
    folder.begin_run()
    cause = _ledger_fault(folder, durability, is_thorough=unclean is not None)
    if cause is not None:
        _rebuild_and_tell(folder, durability, telemetry, cause)
    elif unclean is not None:
        ledger = Ledger.open(folder.ledger, durability=durability)
        try:
            found = reconcile(folder.vault, ledger, since=unclean.date(), policy=policy)
            _tell(found, telemetry)
        finally:
            ledger.close()


def rebuild_ledger(
    folder: DataFolder, durability: Durability, progress: Progress = lambda _: None
) -> tuple[Reconciliation, Path | None]:
    """Make the ledger anew from the vault; the old one is kept aside and its new path given.

    The new ledger takes its place only when it is complete.
    """
    fresh = folder.root / f"{LEDGER}.new"
    _remove(fresh)
    ledger = Ledger.open(fresh, durability=durability)
    try:
        found = rebuild(folder.vault, ledger, progress=progress)
        old = Salvage(folder.ledger)
        if old.is_readable():
            found.deliveries = ledger.take_over(old)
    finally:
        ledger.close()
        lock_path(fresh).unlink(missing_ok=True)
    aside = _set_aside(folder.ledger)
    for companion in _COMPANIONS:
        path = Path(f"{fresh}{companion}")
        if path.exists():
            path.rename(f"{folder.ledger}{companion}")
    return found, aside


def _ledger_fault(folder: DataFolder, durability: Durability, *, is_thorough: bool) -> str | None:
    """Say what is wrong with the ledger, or None when it can be used."""
    if not folder.ledger.exists() or folder.ledger.stat().st_size == 0:
        is_new = not journals(folder.vault) and next(payload_files(folder.vault), None) is None
        return None if is_new else "missing"
    try:
        ledger = Ledger.open(folder.ledger, durability=durability)
    except LedgerUnavailable:
        return "damaged"
    try:
        return "damaged" if is_thorough and ledger.check() else None
    except LedgerUnavailable:
        return "damaged"
    finally:
        ledger.close()


def _rebuild_and_tell(
    folder: DataFolder, durability: Durability, telemetry: Telemetry, cause: str
) -> None:
    found, aside = rebuild_ledger(folder, durability)
    remark = f"The old one is kept as {aside.name}, with its audit records. " if aside else ""
    if found.deliveries is None:
        remark += "What was to be delivered is not known: nothing of it will be."
    telemetry.emit(LedgerRebuilt(cause, found.adopted, remark))
    for path, reason in found.set_aside:
        telemetry.emit(PayloadSetAside(path, reason))


def _tell(found: Reconciliation, telemetry: Telemetry) -> None:
    telemetry.emit(
        VaultReconciled(
            found.drafts_dropped,
            found.replayed,
            found.adopted,
            found.older,
            len(found.set_aside),
        )
    )
    for path, reason in found.set_aside:
        telemetry.emit(PayloadSetAside(path, reason))
    if found.lost:
        telemetry.emit(PayloadsLost(len(found.lost), found.lost[0]))


def _set_aside(ledger: Path) -> Path | None:
    if not ledger.exists():
        _remove(ledger)
        return None
    aside = ledger.with_name(f"{ledger.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    for companion in _COMPANIONS:
        path = Path(f"{ledger}{companion}")
        if path.exists():
            path.rename(f"{aside}{companion}")
    return aside


def _remove(ledger: Path) -> None:
    for companion in _COMPANIONS:
        Path(f"{ledger}{companion}").unlink(missing_ok=True)
