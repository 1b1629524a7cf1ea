"""Tokens that a certified OpenID provider gives out: believed by discovery, also after rotation."""

import asyncio
import base64
import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from access_rig import GivenClock, Heard

from hilum.ledger.moments import now_utc
from hilum.sources.web.access.events import TokenKeysNotRefreshed
from hilum.sources.web.access.fetching import fetcher_of
from hilum.sources.web.access.refusal import AccessRefused
from hilum.sources.web.access.settings import JwtSettings
from hilum.sources.web.access.token import BELIEVED_SECONDS, Tokens
from hilum.sources.web.access.token_keys import RETRY_SECONDS, TokenKeys

pytestmark = pytest.mark.peer
AUDIENCES = ("https://pacs.example.com/rsa", "https://pacs.example.com/ec")


class WallClock(GivenClock):
    """Measures as it is told; what it writes down is the provider's time, and what has passed."""

    passed = 0.0

    def now(self):
        return now_utc() + timedelta(seconds=self.passed)


class Provider:
    def __init__(self, root) -> None:
        self.root = root

    def token(self, scope="read", resource=AUDIENCES[0]):
        fields = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
        login = base64.b64encode(b"viewer:secret").decode()
        return json.loads(
            self.ask("/token", urllib.parse.urlencode(fields).encode(), f"Basic {login}")
        )["access_token"]

    def ask(self, path, content=b"", authorization=""):
        headers = {"Authorization": authorization} if authorization else {}
        request = urllib.request.Request(self.root + path, content, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()


@pytest.fixture(scope="module")
def provider():
    script = Path(__file__).with_name("oidc_tokens.mjs")
    node = shutil.which("node")
    if node is None or not (script.parent / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("oidc-provider is not installed (make peers)")
    process = subprocess.Popen([node, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield Provider(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


class Reader:
    """What reads tokens, as a gateway has it."""

    def __init__(self, provider, **more) -> None:
        settings = JwtSettings.model_validate(
            {"issuer": provider.root, "audience": AUDIENCES, "roles_claim": "scope", **more}
        )
        self.heard = Heard()
        self.clock = WallClock()
        self.keys = TokenKeys(
            provider.root, fetcher_of(settings), clock=self.clock, telemetry=self.heard
        )
        self.tokens = Tokens(settings, self.keys.candidates, self.clock.now)

    def grant(self, text):
        return asyncio.run(self.tokens.grant(text))


@pytest.mark.parametrize("audience", AUDIENCES)
def test_its_tokens_are_believed_by_discovery(provider, audience):
    found = Reader(provider).grant(provider.token("read write", audience))

    assert found.roles == {"read", "write"}
    assert found.name == "viewer"


def test_a_token_for_another_audience_is_not(provider):
    with pytest.raises(AccessRefused, match="audience"):
        Reader(provider, audience="https://other.example.com").grant(provider.token())


def test_keys_that_it_rotates_are_had_again_and_the_old_ones_go(provider):
    reader = Reader(provider)
    old = provider.token()
    assert reader.grant(old).roles == {"read"}

    provider.ask("/rotate")
    reader.clock.seconds += RETRY_SECONDS
    reader.clock.passed += BELIEVED_SECONDS

    assert reader.grant(provider.token("delete")).roles == {"delete"}
    with pytest.raises(AccessRefused, match="does not publish"):
        reader.grant(old)


def test_a_provider_that_is_down_locks_nobody_out(provider):
    reader = Reader(provider)
    text = provider.token()
    reader.grant(text)
    provider.ask("/down")
    try:
        reader.clock.seconds += 10_000
        asyncio.run(reader.keys.look())
        assert isinstance(reader.heard.events[-1], TokenKeysNotRefreshed)
        assert reader.grant(text).roles == {"read"}
    finally:
        provider.ask("/up")


def test_an_address_of_keys_may_be_given(provider):
    reader = Reader(provider, jwks_url=f"{provider.root}/jwks")

    assert reader.grant(provider.token()).roles == {"read"}
