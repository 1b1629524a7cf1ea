"""Opening ledger and vault before any worker runs: what a crash or a bad disk left is put right."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Final

from hilum.kernel.errors import HilumError
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.delivery import State
from hilum.ledger.errors import LedgerUnavailable
from hilum.ledger.files import lock_path
from hilum.ledger.ledger import Ledger
from hilum.ledger.revisions import HEAD, last_receipt, last_received, older_revision
from hilum.ledger.salvage import Salvage
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.lanes.groups import Members, Standing
from hilum.pipeline.owing import PLANNED_ANEW, OwesNothing, Owing
from hilum.pipeline.planning import Planner
from hilum.pipeline.recovery import Progress, Reconciliation, rebuild, reconcile
from hilum.service.archiving import indexing_of
from hilum.service.clock import SteadyClock
from hilum.service.config_routes import routes_of
from hilum.service.config_settings import Config
from hilum.service.events import (
    LedgerRebuilt,
    LedgerUpgraded,
    PayloadSetAside,
    PayloadsLost,
    VaultReconciled,
)
from hilum.service.folder_access import check_access
from hilum.service.time_zones import zone_of
from hilum.service.wall_clock import Mark
from hilum.vault.inventory import payload_files
from hilum.vault.journal import journals

LEDGER: Final = "ledger.sqlite"
VAULT: Final = "vault"
RUN: Final = "run"
# Written when a run begins, removed when it ends in good order: what it says is where to look.
_UNCLEAN: Final = "began"
_DOUBT: Final = "doubt"
# The last receipt when a run ended in good order: a ledger that has less is an older one.
_RECEIPT: Final = "receipt"
_CLOCK: Final = "clock"
_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_CRASHED: Final = "The gateway did not stop in good order."
_OLDER: Final = (
    "The ledger is an older one, as from a backup: its last receipt is {last}, and there were "
    "{known}. The whole vault was searched; what was delivered since may be sent once more."
)
# SQLite keeps these beside its file.
_COMPANIONS: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Discord:
    """Ledger and vault may not agree on what came since a day; why, in a sentence."""

    since: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where everything lies. `run_id`: no other run, of any gateway, has it; all workers do."""

    root: Path
    run_id: str = field(default_factory=lambda: token_hex(8), compare=False)

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

    @property
    def clock(self) -> Mark:
        """Give the mark that says until when a gateway ran."""
        return Mark(self.run / _CLOCK)

    def vouched_until(self) -> datetime | None:
        """Give until when time was seen to go by: by the mark, else by the last receipt, if any."""
        seen = self.clock.read()
        return last_received(self.ledger) if seen is None else seen.vouched

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
        with suppress(OSError):  # on a full disk the one before counts
            (self.run / _RECEIPT).write_text(str(last_receipt(self.ledger)), encoding="ascii")
        if (self.run / _DOUBT).exists():
            (self.run / _DOUBT).unlink()
        elif not journals(self.vault):
            (self.run / _UNCLEAN).unlink(missing_ok=True)

    def discord(self) -> Discord | None:
        """Say why ledger and vault may not agree, or None after an orderly end.

        Everything is compared when the ledger is an older one, restored from a backup.
        """
        last, known = last_receipt(self.ledger), self._receipt_at_end()
        if last < known:
            return Discord(_ALWAYS, _OLDER.format(last=last, known=known))
        try:
            text = (self.run / _UNCLEAN).read_text(encoding="ascii")
            return Discord(datetime.fromisoformat(text), _CRASHED)
        except FileNotFoundError:
            return None
        except ValueError:
            return Discord(_ALWAYS, _CRASHED)

    def _receipt_at_end(self) -> int:
        try:
            return int((self.run / _RECEIPT).read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0


def open_house(folder: DataFolder, config: Config, telemetry: Telemetry) -> None:
    """Make the data folder usable: ledger present and whole, vault and ledger agreeing.

    What workers of before had leased waits again: none of them runs.

    Raises:
        Misconfigured: the ledger belongs to a newer Hilum, or something is closed to us.
        OSError: the folder cannot be used.
    """
    folder.root.mkdir(mode=0o750, parents=True, exist_ok=True)
    check_access(folder.ledger, folder.vault)
    discord = folder.discord()
    folder.begin_run()
    older = older_revision(folder.ledger)
    cause = _ledger_fault(folder, config, is_thorough=discord is not None)
    if cause is not None:
        _rebuild_and_tell(folder, config, telemetry, cause)
    elif older is not None:
        telemetry.emit(LedgerUpgraded(older, HEAD))
    ledger = Ledger.open(folder.ledger, durability=config.gateway.durability)
    try:
        if discord is not None and cause is None:
            _reconcile_and_tell(folder, config, ledger, discord, telemetry)
        # On a full disk they end by themselves.
        with suppress(HilumError):
            ledger.end_leases(lambda _: True)
            ledger.fetches.take_back("")  # of whomever
            ledger.commitments.end_leases(now=SteadyClock().now())
    finally:
        ledger.close()


def rebuild_ledger(
    folder: DataFolder, config: Config, progress: Progress = lambda _: None
) -> tuple[Reconciliation, Path | None]:
    """Make the ledger anew from the vault; the old one is kept aside and its new path given.

    The new ledger takes its place only when it is complete. What is owed is taken over from the old
    one; if that cannot be read it is planned anew, and held.

    Raises:
        Misconfigured: something in the folder is closed to us.
    """
    check_access(folder.ledger, folder.vault)
    fresh = folder.root / f"{LEDGER}.new"
    _remove(fresh)
    old = Salvage(folder.ledger)
    is_known, keys = old.is_readable(), old.keys()
    ledger = Ledger.open(fresh, durability=config.gateway.durability)
    try:
        planner = _planner(config, ledger)
        owing = OwesNothing(planner.tags_wanted) if is_known else Owing(planner, held=PLANNED_ANEW)
        indexing = indexing_of(config)
        found = rebuild(folder.vault, ledger, owing=owing, indexing=indexing, progress=progress)
        ledger.keys.take_over(keys)
        if is_known:
            found.deliveries = ledger.take_over(old)
        else:
            depths = ledger.deliveries.depths()
            found.held = sum(depth.count for depth in depths if depth.state is State.HELD)
    finally:
        ledger.close()
        lock_path(fresh).unlink(missing_ok=True)
    aside = _set_aside(folder.ledger)
    for companion in _COMPANIONS:
        path = Path(f"{fresh}{companion}")
        if path.exists():
            path.rename(f"{folder.ledger}{companion}")
    return found, aside


def _planner(config: Config, ledger: Ledger) -> Planner:
    """Make a planner for a time when no destination is known to be away."""
    members = Members(dict.fromkeys(config.destinations, Standing.WELL), {})
    return Planner(
        routes_of(config, zone_of(config.gateway.time_zone)),
        members=lambda: members,
        begun_with=ledger.deliveries.study_choice,
        tags_besides=indexing_of(config).tags_wanted,
    )


def _ledger_fault(folder: DataFolder, config: Config, *, is_thorough: bool) -> str | None:
    """Say what is wrong with the ledger, or None when it can be used."""
    if not folder.ledger.exists() or folder.ledger.stat().st_size == 0:
        is_new = not journals(folder.vault) and next(payload_files(folder.vault), None) is None
        return None if is_new else "missing"
    try:
        ledger = Ledger.open(folder.ledger, durability=config.gateway.durability)
    except LedgerUnavailable:
        return "damaged"
    try:
        return "damaged" if is_thorough and ledger.check() else None
    except LedgerUnavailable:
        return "damaged"
    finally:
        ledger.close()


def _reconcile_and_tell(
    folder: DataFolder, config: Config, ledger: Ledger, discord: Discord, telemetry: Telemetry
) -> None:
    policy = DuplicatePolicy(config.gateway.duplicates)
    owing = Owing(_planner(config, ledger))
    found = reconcile(
        folder.vault,
        ledger,
        since=discord.since.date(),
        policy=policy,
        owing=owing,
        indexing=indexing_of(config),
    )
    _tell(found, discord.cause, telemetry)


def _rebuild_and_tell(folder: DataFolder, config: Config, telemetry: Telemetry, cause: str) -> None:
    found, aside = rebuild_ledger(folder, config)
    remark = f"The old one is kept as {aside.name}, with its audit records. " if aside else ""
    if found.deliveries is None:
        remark += (
            f"What was to be delivered is not known: {found.held} deliveries were planned anew and "
            "are held; `hilum queue release` lets them go, `hilum queue drop` gives them up."
        )
    telemetry.emit(LedgerRebuilt(cause, found.adopted, remark))
    for path, reason in found.set_aside:
        telemetry.emit(PayloadSetAside(path, reason))


def _tell(found: Reconciliation, cause: str, telemetry: Telemetry) -> None:
    telemetry.emit(
        VaultReconciled(
            cause,
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
