"""`hilum serve`: run the gateway in the foreground until it is told to stop."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hilum.service.config import load, locate
from hilum.service.config_settings import Config
from hilum.service.supervisor import serve as run_gateway


def serve(*, config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None) -> int:
    """Run the gateway: take instances in, deliver them, answer for what is held.

    SIGTERM or Ctrl-C stops it in good order, SIGHUP makes it read its configuration again.

    Parameters
    ----------
    config:
        The configuration; without it $HILUM_CONFIG, ./hilum.toml or /etc/hilum/hilum.toml, and if
        none of them exists the defaults.
    """
    path = locate(config, os.environ)

    def read() -> Config:
        return load(path, os.environ)

    run_gateway(read(), reread=read)
    return 0
