"""Finds out who calls, and whether that one may: raises, or says who it is. Sends nothing."""

from collections.abc import Callable
from typing import Final

from hilum.sources.web.access.buckets import Buckets
from hilum.sources.web.access.credentials import Credential, Unreadable, credential_of
from hilum.sources.web.access.grant import Grant
from hilum.sources.web.access.key_ring import KeyRing
from hilum.sources.web.access.key_text import id_of
from hilum.sources.web.access.need import Family, need_of
from hilum.sources.web.access.refusal import AccessRefused
from hilum.sources.web.access.rules import LOCAL, TOKEN, Asked, Rules, check_need
from hilum.sources.web.access.token import Tokens, looks_like_token
from hilum.sources.web.caller import HttpCaller

# A device with an old key tries now and then; who tries more often is guessing, or broken.
FAILURES_AT_ONCE: Final = 10
FAILURES_PER_SECOND: Final = 0.2
# Of callers that show nothing, or may not do what they ask for, a line now and then says enough; of
# all together, so many that nobody fills the log and the audit trail from many addresses.
TELLINGS_AT_ONCE: Final = 3
TELLINGS_PER_SECOND: Final = 1 / 300
ALL_TELLINGS_AT_ONCE: Final = 200
ALL_TELLINGS_PER_SECOND: Final = 2.0
_GUESSES: Final = frozenset(("key", "token", "unreadable"))
# What a viewer asks for at once when it opens a study, as seconds of the rate.
BURST_SECONDS: Final = 5.0


class Judge:
    """Judges requests. `tokens` is there when the configuration has [sources.web.jwt]."""

    def __init__(
        self,
        rules: Rules,
        keys: KeyRing,
        tokens: Tokens | None,
        *,
        requests_per_second: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._rules = rules
        self._keys = keys
        self._tokens = tokens
        self._monotonic = monotonic
        self._failures = Buckets(per_second=FAILURES_PER_SECOND, burst=FAILURES_AT_ONCE)
        self._tellings = Buckets(per_second=TELLINGS_PER_SECOND, burst=TELLINGS_AT_ONCE)
        self._all_tellings = Buckets(
            per_second=ALL_TELLINGS_PER_SECOND, burst=ALL_TELLINGS_AT_ONCE, callers_max=1
        )
        self._requests: Buckets | None = None
        if requests_per_second:
            burst = max(1.0, requests_per_second * BURST_SECONDS)
            self._requests = Buckets(per_second=requests_per_second, burst=burst)

    def address_of(self, asked: Asked) -> str:
        """Give the address that a request is written down with."""
        return self._rules.address_of(asked)

    async def caller(self, asked: Asked) -> HttpCaller:
        """Say who has sent a request that may be answered.

        Raises:
            AccessRefused: it may not.
            HilumError: the ledger cannot say which keys there are.
        """
        rules, address = self._rules, self._rules.address_of(asked)
        need = need_of(asked.method, asked.raw_path, rules.own_title)
        if need.family is Family.LIFE:
            return HttpCaller("", address, frozenset())
        rules.check_address(asked, address)
        if need.family is Family.HEALTH and rules.may_see_health(asked, address):
            return HttpCaller("", address, frozenset())
        grant = await self._grant(asked, address)
        rules.check_page(asked, grant)
        check_need(need, grant, address)
        self._count(grant, address)
        return HttpCaller(grant.name, address, grant.roles)

    def is_worth_telling(self, refused: AccessRefused, address: str) -> bool:
        """Count a refusal; tell whether it is one of few, or one of a flood."""
        now, place = self._monotonic(), _neighbourhood(address)
        if refused.cause in _GUESSES:
            wait = self._failures.take(place, now)
        else:
            wait = self._tellings.take(f"{refused.cause} {refused.caller} {place}", now)
        return not wait and not self._all_tellings.take("", now)

    async def _grant(self, asked: Asked, address: str) -> Grant:
        try:
            shown = credential_of(asked.headers)
        except Unreadable as error:
            raise AccessRefused(401, "unreadable", str(error)) from error
        if shown is not None:
            return await self._shown(shown, address)
        client = self._rules.client(asked)
        if client is not None:
            return client
        if self._rules.is_local(asked) and await self._is_local_enough():
            return LOCAL
        raise await self._nobody(asked)

    async def _shown(self, shown: Credential, address: str) -> Grant:
        grant = await self._known(shown.text, address)
        if not shown.is_basic:
            return grant
        return Grant(grant.name, grant.roles, grant.entities, grant.networks, is_ambient=True)

    async def _known(self, text: str, address: str) -> Grant:
        """Find out what a key or token allows.

        What can be guessed is not even looked at while many guesses come from there; keys and
        signatures cannot, and an honest caller beside a broken one is served.
        """
        wait = self._failures.wait_seconds(_neighbourhood(address), self._monotonic())
        if not wait and self._rules.is_token(text):
            return TOKEN
        try:
            if self._tokens is not None and id_of(text) is None and looks_like_token(text):
                return await self._tokens.grant(text)
            return await self._keys.grant(text)
        except AccessRefused as refused:
            if not wait:
                raise
            reason = "too many keys or tokens that were not right came from there"
            raise AccessRefused(429, "failures", reason, seconds=wait) from refused

    async def _is_local_enough(self) -> bool:
        """Tell whether programs on this machine need no key.

        Where others have keys, this machine may have a proxy on it that passes strangers on.
        """
        if self._rules.local_access is not None:
            return self._rules.local_access
        return not self._rules.is_configured and await self._keys.is_empty()

    async def _nobody(self, asked: Asked) -> AccessRefused:
        if (
            self._rules.is_local(asked)
            or self._rules.is_configured
            or not await self._keys.is_empty()
        ):
            return AccessRefused(
                401,
                "nobody",
                "it shows no key, token or certificate that is known",
                remedy="Give it one: `hilum key create`",
            )
        return AccessRefused(
            403,
            "nobody",
            "there are no keys, so only programs on this machine may",
            remedy="Give it a key: `hilum key create`",
        )

    def _count(self, grant: Grant, address: str) -> None:
        if self._requests is None:
            return
        wait = self._requests.take(grant.name or address, self._monotonic())
        if wait:
            raise AccessRefused(
                429,
                "rate",
                "it asks more often than sources.web.requests_per_second",
                seconds=wait,
                caller=grant.name,
            )


def _neighbourhood(address: str) -> str:
    """Give an address, or the network of one house where addresses are plenty (IPv6)."""
    return ":".join(address.split(":")[:4]) if address.count(":") > 1 else address
