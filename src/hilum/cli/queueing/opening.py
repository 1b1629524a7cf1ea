"""Opens the ledger of a configuration beside a gateway that may be running on it."""

import contextlib
import getpass
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hilum.kernel.errors import HilumError
from hilum.ledger.entry import Origin
from hilum.ledger.ledger import Ledger
from hilum.ledger.revisions import older_revision
from hilum.service.config import load, locate
from hilum.service.config_settings import Config
from hilum.service.opening import DataFolder
from hilum.service.tenancy import is_occupied

ConfigOption = Annotated[Path | None, Parameter(name=["--config", "-c"])]


def read_config(path: Path | None) -> Config:
    """Read the configuration as `hilum serve` does. Raises InvalidConfig."""
    return load(locate(path, os.environ), os.environ)


@contextlib.contextmanager
def opened_ledger(config: Config) -> Iterator[Ledger]:
    """Open the ledger that the gateway of `config` writes to.

    Raises:
        HilumError: there is none, or it cannot be used; says why.
    """
    folder = DataFolder(config.gateway.data)
    if not folder.ledger.exists():
        raise HilumError(
            f"there is no ledger at {folder.ledger}: has the gateway run with this configuration? "
            "--config names another one"
        )
    if older_revision(folder.ledger) and is_occupied(folder) is not False:
        raise HilumError(
            f"the gateway that runs on {folder.root} is an older Hilum than this command, which "
            "would change the ledger beneath it: restart the gateway first, then it is the same"
        )
    ledger = Ledger.open(folder.ledger, durability=config.gateway.durability)
    try:
        yield ledger
    finally:
        ledger.close()


def operator() -> Origin:
    """Give who is at the terminal, for the audit trail."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return Origin("", "", name[:64], platform.node()[:64], "", "hilum queue")
