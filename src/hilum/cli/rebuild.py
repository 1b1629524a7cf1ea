"""`hilum rebuild`: make the ledger anew from the payload files in the vault."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from hilum.service.config import load, locate
from hilum.service.opening import DataFolder, rebuild_ledger
from hilum.service.tenancy import occupied


def rebuild(*, config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None) -> int:
    """Read every payload in the vault, verify it, and write a new ledger. The gateway must not run.

    The old ledger is kept beside the new one, with its audit records. Damaged payloads are moved to
    quarantine and named. Exit code 0: all were whole; 1: some were damaged.

    Parameters
    ----------
    config:
        The configuration of the gateway, as for `hilum serve`.
    """
    settings = load(locate(config, os.environ), os.environ)
    folder = DataFolder(settings.gateway.data)
    console = Console(stderr=True)
    with occupied(folder), console.status("Reading the vault …") as status:
        found, aside = rebuild_ledger(
            folder,
            settings,
            lambda count: status.update(f"Reading the vault … {count:,} payloads"),
        )
        folder.end_run()
    print(f"{found.adopted:,} payloads are in the new ledger {folder.ledger}.")
    if aside is not None:
        print(f"The old ledger is kept as {aside}.")
    if found.deliveries is None:
        print(f"What was to be delivered is not known. {found.held:,} deliveries were planned anew")
        print("and are held; `hilum queue release` lets them go, `hilum queue drop` gives them up.")
    elif found.deliveries:
        print(f"{found.deliveries:,} deliveries were taken over from it.")
    for path, reason in found.set_aside:
        print(f"Damaged, now in {path}: {reason}.")
    return 1 if found.set_aside else 0
