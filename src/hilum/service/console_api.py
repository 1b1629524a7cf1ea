"""Builds the API about the gateway from the parts of the house that it tells of."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from starlette.types import ASGIApp

from hilum.console.api.answerers import AnswerersApi
from hilum.console.api.app import build
from hilum.console.api.destinations import DestinationsApi
from hilum.console.api.explaining import ExplainApi
from hilum.console.api.fetching import FetchingApi
from hilum.console.api.live import LiveApi
from hilum.console.api.queue import QueueApi
from hilum.console.api.routes import RoutesApi
from hilum.ledger.ledger import Ledger
from hilum.pipeline.advice import Advice
from hilum.pipeline.adviser import advise
from hilum.pipeline.explanation import Explainer, Explanation
from hilum.pipeline.route_trial import Bringing, RouteTrial, try_held
from hilum.routing.routes import Routes
from hilum.service.bridging import Bridging
from hilum.service.circumstances import circumstances_of
from hilum.service.config_routes import routes_of
from hilum.service.config_settings import Config
from hilum.service.delivering import Delivering
from hilum.service.live import LiveView
from hilum.service.workers.asking import Colleagues
from hilum.service.workers.live import LiveEverywhere


class ConsoleApi:
    """What /api/v1 answers from; the configuration is asked for each time, it may be reloaded."""

    def __init__(  # noqa: PLR0913 - parts of the house, by keyword
        self,
        ledger: Ledger,
        delivering: Delivering,
        *,
        config: Callable[[], Config],
        vault: Path,
        now: Callable[[], datetime],
        bridging: Bridging,
        live: LiveView,
        colleagues: Colleagues,
        worker: int,
    ) -> None:
        self._ledger = ledger
        self._delivering = delivering
        self._config = config
        self._vault = vault
        self._now = now
        self._bridging = bridging
        self._live = live
        self._everywhere = LiveEverywhere(live, colleagues)
        self._worker = worker

    def application(self) -> ASGIApp:
        """Make the application."""
        delivering, ledger = self._delivering, self._ledger
        live, bridging, worker = self._everywhere, self._bridging, self._worker
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
                LiveApi(live.rows, live.abort, ledger.audit, worker=worker).router,
                AnswerersApi(live.answerers, self._live.answerer, worker=worker).router,
                RoutesApi(
                    routes=self._routes,
                    title=lambda: str(delivering.title),
                    ask_held=self._ask_held,
                    audit=ledger.audit,
                    now=self._now,
                ).router,
                FetchingApi(
                    ledger.fetches,
                    places=bridging.places,
                    ask=bridging.fetching.ask,
                    cancel=bridging.fetching.fetcher.cancel,
                    notice=bridging.fetching.notice,
                    now=self._now,
                ).router,
            )
        )

    def _explain(self, name: str) -> tuple[Explanation, Sequence[Advice]]:
        """Explain by the configuration that is in force. Blocks."""
        config, now = self._config(), self._now()
        found = Explainer(self._routes(), ledger=self._ledger, vault=self._vault).of_name(name, now)
        around = circumstances_of(config, self._ledger, is_running=True, now=now)
        return found, advise(found, around, now=now)

    def _routes(self) -> Routes:
        return routes_of(self._config(), self._delivering.zone)

    def _ask_held(
        self, uid: str, routes: Routes, bringing: Bringing, now: datetime
    ) -> RouteTrial | None:
        """Ask the routes about an instance that is held. Blocks."""
        for held in self._ledger.lookup.held(uid, limit=1):
            if held.sop_instance_uid == uid:  # it may be the UID of a series or study
                return try_held(held, self._vault, routes, bringing, now=now)
        return None
