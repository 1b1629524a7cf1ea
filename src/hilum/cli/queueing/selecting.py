"""The options that say which deliveries are meant, the same for all of `hilum queue`."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Annotated, Literal

from cyclopts import Parameter

from hilum.kernel.errors import HilumError
from hilum.kernel.setting_types import duration
from hilum.ledger.delivery import Selection, State

StateName = Literal["waiting", "active", "deferred", "held", "delivered", "refused", "dropped"]


@Parameter(name="*", negative="", show_default=False)
@dataclass(frozen=True, slots=True)
class Choice:
    """Deliveries that fit everything that is given.

    Parameters
    ----------
    id:
        Numbers of deliveries, as `hilum queue list` shows them.
    destination:
        The destination they go to.
    route:
        The route that planned them.
    state:
        What they are: waiting, active, deferred, held, delivered, refused, dropped.
    study:
        A Study Instance UID.
    series:
        A Series Instance UID.
    instance:
        A SOP Instance UID.
    accession:
        An accession number.
    older_than:
        Planned so long ago or longer, such as "2 h" or "3 d".
    """

    id: tuple[int, ...] = ()
    destination: str = ""
    route: str = ""
    state: Annotated[
        tuple[StateName, ...], Parameter(consume_multiple=True, negative="", show_default=False)
    ] = ()
    study: str = ""
    series: str = ""
    instance: str = ""
    accession: str = ""
    older_than: str = ""

    def selection(self, now: datetime) -> Selection:
        """Give it as the ledger wants it. Raises HilumError for an age that is none."""
        before = None
        if self.older_than:
            before = now - timedelta(seconds=_seconds(self.older_than))
        return Selection(
            ids=self.id,
            destination=self.destination,
            route=self.route,
            states=tuple(State(name) for name in self.state),
            study_instance_uid=self.study,
            series_instance_uid=self.series,
            sop_instance_uid=self.instance,
            accession_number=self.accession,
            created_before=before,
        )

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing but states was given."""
        return not any(getattr(self, one.name) for one in fields(self) if one.name != "state")


def _seconds(text: str) -> float:
    try:
        seconds = duration(text)
    except ValueError as error:
        raise HilumError(f"--older-than: {error}") from error
    assert isinstance(seconds, float)  # noqa: S101 - what it makes of every text
    return seconds
