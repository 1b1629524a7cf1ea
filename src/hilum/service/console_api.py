"""Builds the API about the gateway from the parts of the house that it tells of."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from starlette.types import ASGIApp

from hilum.console.api.app import build
from hilum.console.api.destinations import DestinationsApi
from hilum.console.api.explaining import ExplainApi
from hilum.console.api.queue import QueueApi
from hilum.ledger.ledger import Ledger
from hilum.pipeline.advice import Advice
from hilum.pipeline.adviser import advise
from hilum.pipeline.explanation import Explainer, Explanation
from hilum.service.circumstances import circumstances_of
from hilum.service.config_routes import routes_of
from hilum.service.config_settings import Config
from hilum.service.delivering import Delivering


class ConsoleApi:
    """What /api/v1 answers from; the configuration is asked for each time, it may be reloaded."""

    def __init__(
        self,
        ledger: Ledger,
        delivering: Delivering,
        *,
        config: Callable[[], Config],
        vault: Path,
        now: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._delivering = delivering
        self._config = config
        self._vault = vault
        self._now = now

    def application(self) -> ASGIApp:
        """Make the application."""
        delivering, ledger = self._delivering, self._ledger
        return build(
            (
                QueueApi(
                    ledger.queue,
                    destinations=lambda: frozenset(delivering.opened),
                    now=self._now,
                    woken=delivering.dispatcher.wake_all,
                ).router,
                DestinationsApi(
                    ledger.deliveries,
                    destinations=delivering.destinations,
                    figures=delivering.dispatcher.figures,
                    now=self._now,
                ).router,
                ExplainApi(self._explain, ledger.audit).router,
            )
        )

    def _explain(self, name: str) -> tuple[Explanation, Sequence[Advice]]:
        """Explain by the configuration that is in force. Blocks."""
        config, now = self._config(), self._now()
        routes = routes_of(config, self._delivering.zone)
        found = Explainer(routes, ledger=self._ledger, vault=self._vault).of_name(name, now)
        around = circumstances_of(config, self._ledger, is_running=True, now=now)
        return found, advise(found, around, now=now)
