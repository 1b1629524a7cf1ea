"""What everything else in one process is built of: what is kept, what comes in, what goes out."""

from collections.abc import Callable
from dataclasses import dataclass

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.ledger import Ledger
from hilum.pipeline.commit import Committer
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.intake import Intake, IntakeLimits
from hilum.pipeline.room import Room
from hilum.service.archiving import indexing_of
from hilum.service.config_settings import Config
from hilum.service.delivering import Delivering
from hilum.service.opening import DataFolder
from hilum.vault.disk import SystemDisk
from hilum.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Core:
    """Made once, and handed to whoever needs of it."""

    worker: int
    vault: Vault
    ledger: Ledger
    room: Room
    delivering: Delivering
    intake: Intake
    clock: Clock
    telemetry: Telemetry


def core_of(
    config: Config,
    folder: DataFolder,
    *,
    worker: int,
    clock: Clock,
    telemetry: Telemetry,
    is_association_open: Callable[[str], bool],
) -> Core:
    """Open vault and ledger. Raises HilumError, OSError."""
    durability = config.gateway.durability
    disk = SystemDisk()
    bell = disk.sync_beside() if durability == "power" else None
    vault = Vault(folder.vault, disk, synced=durability == "power")
    vault.open()
    ledger = Ledger.open(folder.ledger, durability=durability, begin_syncs=disk.begin_syncs)
    room = Room(config.gateway.reserve_of)
    delivering = Delivering(
        config,
        worker=worker,
        ledger=ledger,
        payloads=vault,
        clock=clock,
        telemetry=telemetry,
        is_association_open=is_association_open,
    )
    duplicates, planner = DuplicatePolicy(config.gateway.duplicates), delivering.planner
    intake = Intake(
        vault=vault,
        committer=Committer(vault, ledger, clock, duplicates, planner, indexing_of(config)),
        planner=planner,
        owed=delivering.owed,
        clock=clock,
        telemetry=telemetry,
        room=room,
        is_synced=durability == "power",
        bell=bell,
        limits=IntakeLimits(config.sources.dimse.limits.instance_bytes_max),
    )
    return Core(worker, vault, ledger, room, delivering, intake, clock, telemetry)
