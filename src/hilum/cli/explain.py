"""`hilum explain`: why something went where it went, or did not, and what to do about it."""

import json as json_format
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console

from hilum.cli.queueing.explaining import show_explanation
from hilum.cli.queueing.opening import ConfigOption, opened_ledger, read_config
from hilum.kernel.errors import CorruptPayload, HilumError
from hilum.kernel.names import is_uid
from hilum.ledger.ledger import Ledger
from hilum.pipeline.adviser import advise
from hilum.pipeline.circumstances import Circumstances
from hilum.pipeline.explained import explanation_as_json
from hilum.pipeline.explanation import Explainer, Explanation
from hilum.routing.facts import AssociationFacts
from hilum.service.circumstances import circumstances_of
from hilum.service.config_routes import routes_of
from hilum.service.config_settings import Config
from hilum.service.opening import DataFolder
from hilum.service.tenancy import is_occupied
from hilum.service.time_zones import zone_of

WELL: Final = 0
TROUBLED: Final = 1


def explain(  # noqa: PLR0913 - one argument an option
    what: str,
    *,
    config: ConfigOption = None,
    calling: str = "",
    called: str = "",
    peer: str = "",
    host: str = "",
    source: str = "dimse",
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Explain a file, a UID of any level, or an accession number.

    Shows what it is, every route with the value that each condition met, what was planned, every
    delivery with its tries, and what helps. Patients' names and IDs may be among the values.
    Exit code 0: nothing is wrong, or it passes by itself; 1: something needs a person.

    Parameters
    ----------
    what:
        A file, an instance, series or study UID, or an accession number.
    config:
        The configuration of the gateway, as for `hilum serve`.
    calling:
        For a file: the AE title it would come from.
    called:
        For a file: our AE title that it would be sent to; by default gateway.ae_title.
    peer:
        For a file: the name of the peer it would come from.
    host:
        For a file: the address it would come from.
    source:
        For a file: the door it would come by.
    json:
        Print one JSON object, for programs.
    """
    if not what.strip():
        raise HilumError("a name is needed: a file, a UID, or an accession number")
    settings, now = read_config(config), datetime.now(UTC)
    association = AssociationFacts(
        calling_ae_title=calling,
        called_ae_title=called or settings.gateway.ae_title,
        peer=peer,
        host=host,
        source=source,
    )
    found, circumstances = _found(settings, what, association, now)
    advice = advise(found, circumstances, now=now)
    if json:
        print(json_format.dumps(explanation_as_json(found, advice), indent=2))
    else:
        show_explanation(Console(highlight=False), found, advice, now)
    return TROUBLED if any(one.is_urgent for one in advice) else WELL


def _found(
    settings: Config, what: str, association: AssociationFacts, now: datetime
) -> tuple[Explanation, Circumstances]:
    routes = routes_of(settings, zone_of(settings.gateway.time_zone))
    folder, path = DataFolder(settings.gateway.data), Path(what)
    if not path.is_file():
        with opened_ledger(settings) as ledger:
            found = Explainer(routes, ledger=ledger, vault=folder.vault).of_name(what, now)
            if not found.is_known and _is_path(what):
                raise HilumError(f"there is no file {what}, and nothing was received of this name")
            return found, _circumstances(settings, ledger, now)
    try:
        if not folder.ledger.exists():
            explainer = Explainer(routes, ledger=None, vault=folder.vault)
            return explainer.of_file(path, association, now), Circumstances()
        with opened_ledger(settings) as ledger:
            explainer = Explainer(routes, ledger=ledger, vault=folder.vault)
            found = explainer.of_file(path, association, now)
            return found, _circumstances(settings, ledger, now)
    except (CorruptPayload, OSError) as error:
        raise HilumError(f"{path}: {error}") from error


def _is_path(what: str) -> bool:
    """Tell whether somebody seems to mean a file: a UID is none, most accession numbers neither."""
    path = Path(what)
    return not is_uid(what) and (path.exists() or bool(path.suffix) or len(path.parts) > 1)


def _circumstances(settings: Config, ledger: Ledger, now: datetime) -> Circumstances:
    is_running = is_occupied(DataFolder(settings.gateway.data))
    return circumstances_of(settings, ledger, is_running=is_running, now=now)
