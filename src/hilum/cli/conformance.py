"""`hilum conformance`: the DICOM Conformance Statement, from the tables the gateway runs on."""

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hilum.cli.statement.annexes import annexes
from hilum.cli.statement.gateway import gateway
from hilum.cli.statement.markdown import document
from hilum.cli.statement.network import network, surroundings
from hilum.cli.statement.overview import overview
from hilum.cli.statement.sender import sender
from hilum.cli.statement.web import web
from hilum.service.config import Config, load, locate


def conformance(
    *, config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None
) -> int:
    """Print the DICOM Conformance Statement of a gateway with this configuration, as Markdown.

    AE titles, addresses and permissions of the peers are in it, passwords and user names are not.

    Parameters
    ----------
    config:
        The configuration, as for `hilum serve`; without one the defaults.
    """
    sys.stdout.write(statement(load(locate(config, os.environ), os.environ)))
    return 0


def statement(config: Config) -> str:
    """Make the whole statement."""
    return document(
        (
            *overview(config),
            *gateway(config),
            *sender(),
            *web(config),
            *network(config),
            *surroundings(config),
            *annexes(),
        )
    )
