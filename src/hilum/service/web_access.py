"""The access rules of the HTTP listener at work: of the configuration that is in force."""

from typing import Final

from starlette.types import ASGIApp

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.ledger import Ledger
from hilum.service.config_settings import Config
from hilum.sources.web.access.fetching import fetcher_of
from hilum.sources.web.access.gate import AccessGate
from hilum.sources.web.access.judge import Judge
from hilum.sources.web.access.key_ring import KeyRing
from hilum.sources.web.access.rules import rules_of
from hilum.sources.web.access.settings import JwtSettings
from hilum.sources.web.access.token import Tokens
from hilum.sources.web.access.token_keys import TokenKeys

# How often it is looked whether the provider's keys are to be had again.
LOOK_SECONDS: Final = 10.0


class WebAccess:
    """Who may use the HTTP listener of one process."""

    def __init__(
        self, config: Config, *, ledger: Ledger, clock: Clock, telemetry: Telemetry
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._telemetry = telemetry
        self._keys = KeyRing(ledger.keys.all, clock)
        self._provider: JwtSettings | None = None
        self._token_keys: TokenKeys | None = None
        self._judge = self._judge_of(config)

    def gate(self, application: ASGIApp) -> ASGIApp:
        """Put the rules before an application."""
        return AccessGate(
            application,
            lambda: self._judge,
            telemetry=self._telemetry,
            audit=self._ledger.audit,
        )

    def change(self, config: Config) -> None:
        """Judge by another configuration from now on."""
        self._judge = self._judge_of(config)

    async def look(self) -> None:
        """Have the keys of the identity provider again when it is time."""
        if self._token_keys is not None:
            await self._token_keys.look()

    def _judge_of(self, config: Config) -> Judge:
        web = config.sources.web
        return Judge(
            rules_of(web, config.gateway.ae_title),
            self._keys,
            self._tokens(web.jwt),
            requests_per_second=web.requests_per_second,
            monotonic=self._clock.monotonic,
        )

    def _tokens(self, settings: JwtSettings | None) -> Tokens | None:
        if settings is None:
            self._provider = self._token_keys = None
            return None
        if self._token_keys is None or settings != self._provider:
            self._provider = settings
            self._token_keys = TokenKeys(
                settings.issuer,
                fetcher_of(settings),
                clock=self._clock,
                telemetry=self._telemetry,
            )
        return Tokens(settings, self._token_keys.candidates, self._clock.now)
