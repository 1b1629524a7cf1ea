"""Whether what lies in the data folder is open to the user who runs this.

Asked before anything else is: a ledger that we may not read looks like a damaged one, and would be
made anew beside the one that knows what is owed.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from hilum.kernel.errors import Misconfigured
from hilum.ledger.files import lock_path
from hilum.service.closed import remedy_of


def check_access(ledger: Path, vault: Path) -> None:
    """Look at the ledger's files and the vault's folders, as far as they are there.

    Raises:
        Misconfigured: one of them is closed to us; a command that ran as root may have made it.
    """
    for path, mode in _wanted(ledger, vault):
        if os.access(path, os.F_OK) and not os.access(path, mode):
            raise Misconfigured(
                f"gateway.data: {path} may not be read and written by the user who runs this (uid "
                f"{os.geteuid()}). {remedy_of(path, all_of=ledger.parent)}"
            )


def _wanted(ledger: Path, vault: Path) -> Iterator[tuple[Path, int]]:
    for path in (ledger, Path(f"{ledger}-wal"), Path(f"{ledger}-shm"), lock_path(ledger)):
        yield path, os.R_OK | os.W_OK
    yield vault, os.R_OK | os.W_OK | os.X_OK
    if os.access(vault, os.R_OK | os.X_OK):
        for path in sorted(vault.iterdir()):
            if path.is_dir():
                yield path, os.R_OK | os.W_OK | os.X_OK
