"""Credentials over real sockets: what is shown, and how tokens are kept and renewed."""

import asyncio
import base64
import contextlib
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from destination_rigs import DicomWebRig
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import ValidationError

from hilum.destinations.dicomweb.destination import DicomWebDestination
from hilum.destinations.http.auth_settings import AuthSettings
from hilum.destinations.http.google import ServiceAccount
from hilum.kernel.errors import Misconfigured, Rejected, Unreachable
from hilum.kernel.outcome import Deferred, Delivered, Failing
from hilum.testing.http_server import Reply, ScriptedServer


class StoppedClock:
    def __init__(self):
        self.seconds = 1000.0

    def monotonic(self):
        return self.seconds

    def now(self):
        return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


class Cloud(DicomWebRig):
    """A server that wants `wanted` in a header, and a token endpoint beside it."""

    def __init__(self):
        super().__init__()
        self.clock = StoppedClock()
        self.wanted = None
        self.given = 0
        self.expires_in = 3600
        self.token_replies = []
        self.tokens = ScriptedServer(on_request=self._give)
        self.auth = {}

    @contextlib.asynccontextmanager
    async def at_work(self, **auth):
        async with self.tokens.listening():
            self.auth = {k: v.replace("PORT", str(self.tokens.port)) for k, v in auth.items()}
            async with self.running(None) as destination:
                yield destination

    def destination(self):
        self.settings = {"auth": self.auth}
        made = super().destination()
        return DicomWebDestination("cloud", made.settings, self.payloads, self.clock)

    def _give(self, _):
        if self.token_replies:
            return self.token_replies.pop(0)
        self.given += 1
        token = {"access_token": f"token-{self.given}", "token_type": "bearer"}
        return Reply(200, {}, json.dumps({**token, "expires_in": self.expires_in}).encode())

    def _react(self, request):
        if self.wanted and request.headers.get("authorization") != self.wanted:
            return Reply(401)
        return super()._react(request)

    async def store(self, destination, count=1, *, first=0):
        session = destination.session()
        outcomes = [o async for _, o in session.deliver(self.parcels(count, first=first))]
        await session.aclose()
        return outcomes


OAUTH2 = {
    "type": "oauth2",
    "token_url": "http://127.0.0.1:PORT/token",
    "client_id": "us:1",
    "client_secret": "p&w",
    "scope": "dicom.write",
}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "none"}, "authorization", None),
        ({"type": "basic", "user": "u", "password": "pä"}, "authorization", "Basic dTpww6Q="),
        ({"type": "bearer", "token": "t"}, "authorization", "Bearer t"),
        ({"type": "api_key", "api_key": "k"}, "x-api-key", "k"),
        ({"type": "api_key", "api_key": "k", "header": "Key"}, "key", "k"),
    ],
)
async def test_a_request_shows_who_we_are(auth, header, value):
    cloud = Cloud()
    async with cloud.at_work(**auth) as destination:
        assert await cloud.store(destination) == [Delivered()]
        await destination.verify()

    assert [request.headers.get(header) for request in cloud.server.requests] == [value] * 2


@pytest.mark.asyncio
async def test_a_token_file_that_is_renewed_is_read_again(tmp_path):
    file = tmp_path / "token"
    file.write_text("one\n")
    cloud = Cloud()
    async with cloud.at_work(type="bearer", token_file=str(file)) as destination:
        cloud.wanted = "Bearer one"
        assert await cloud.store(destination) == [Delivered()]
        file.write_text("two\n")
        cloud.wanted = "Bearer two"
        assert await cloud.store(destination) == [Delivered()]
        cloud.wanted = "Bearer three"
        (outcome,) = await cloud.store(destination)
        file.unlink()
        (without,) = await cloud.store(destination)

    assert outcome.failing is Failing.UNWELCOME
    assert without.failing is Failing.UNWELCOME
    assert "cannot be read" in without.reason


@pytest.mark.asyncio
async def test_a_client_asks_for_a_token_and_keeps_it():
    cloud = Cloud()
    cloud.wanted = "Bearer token-1"
    async with cloud.at_work(**OAUTH2) as destination:
        await destination.verify()
        assert await cloud.store(destination, 3) == [Delivered()] * 3
        (request,) = cloud.tokens.requests

    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["dicom.write"],
    }
    # Both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
    assert base64.b64decode(request.headers["authorization"].split()[1]) == b"us%3A1:p%26w"


@pytest.mark.asyncio
async def test_a_client_may_show_its_secret_in_the_form():
    cloud = Cloud()
    auth = {**OAUTH2, "client_authentication": "body", "audience": "pacs"}
    async with cloud.at_work(**auth) as destination:
        await destination.verify()
        (request,) = cloud.tokens.requests

    form = parse_qs(request.body.decode())
    assert form["client_id"] == ["us:1"]
    assert form["client_secret"] == ["p&w"]
    assert form["audience"] == ["pacs"]
    assert "authorization" not in request.headers


@pytest.mark.asyncio
async def test_azure_is_an_application_of_a_tenant():
    cloud = Cloud()
    auth = {"type": "azure", "tenant": "t", "client_id": "i", "client_secret": "s"}
    async with cloud.at_work(**auth, token_url=OAUTH2["token_url"]) as destination:
        await destination.verify()
        (request,) = cloud.tokens.requests

    form = parse_qs(request.body.decode())
    assert form["scope"] == ["https://dicom.healthcareapis.azure.com/.default"]
    assert form["client_secret"] == ["s"]


@pytest.fixture(scope="module")
def account_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def account(key, token_url):
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "gateway@hospital.example.org",
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "token_uri": token_url,
        }
    )


@pytest.mark.asyncio
async def test_a_service_account_signs_for_its_token(account_key):
    cloud = Cloud()
    cloud.wanted = "Bearer token-1"
    text = account(account_key, OAUTH2["token_url"])
    async with cloud.at_work(type="google", service_account=text) as destination:
        assert await cloud.store(destination) == [Delivered()]
        (request,) = cloud.tokens.requests
        token_url = f"http://127.0.0.1:{cloud.tokens.port}/token"

    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    public = account_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    decoded = jwt.decode(form["assertion"][0], RSAKey.import_key(public), algorithms=["RS256"])
    now = int(cloud.clock.now().timestamp())
    assert decoded.header == {"typ": "JWT", "alg": "RS256", "kid": "k1"}
    assert decoded.claims == {
        "iss": "gateway@hospital.example.org",
        "scope": "https://www.googleapis.com/auth/cloud-healthcare",
        "aud": token_url,
        "iat": now,
        "exp": now + 3600,
    }


@pytest.mark.parametrize("text", ["", "{}", "[]", "key", '{"client_email": "a"}'])
def test_what_is_no_key_file_is_a_mistake_in_the_configuration(text):
    with pytest.raises(Misconfigured, match="service_account"):
        ServiceAccount.read(text)


@pytest.mark.asyncio
async def test_a_token_is_renewed_before_it_ends():
    cloud = Cloud()
    async with cloud.at_work(**OAUTH2) as destination:
        await destination.verify()
        cloud.clock.seconds += 3600 - 61
        await destination.verify()
        assert cloud.given == 1
        cloud.clock.seconds += 2
        await destination.verify()

    assert cloud.given == 2


@pytest.mark.asyncio
async def test_a_token_that_still_holds_is_used_when_it_cannot_be_renewed():
    cloud = Cloud()
    async with cloud.at_work(**OAUTH2) as destination:
        await destination.verify()
        cloud.clock.seconds += 3590
        cloud.token_replies = [Reply(503)] * 3
        await destination.verify()
        await destination.verify()  # it is not asked again at once
        assert len(cloud.token_replies) == 2
        cloud.clock.seconds += 20
        with pytest.raises(Unreachable, match="token endpoint"):
            await destination.verify()


@pytest.mark.asyncio
async def test_many_who_need_a_token_ask_once():
    cloud = Cloud()
    async with cloud.at_work(**OAUTH2) as destination:
        await asyncio.gather(*(cloud.store(destination, first=n) for n in range(8)))
        cloud.clock.seconds += 10_000
        await asyncio.gather(*(cloud.store(destination, first=n) for n in range(8)))

    assert cloud.given == 2


@pytest.mark.asyncio
async def test_a_token_that_is_refused_is_replaced_once_for_all():
    cloud = Cloud()
    async with cloud.at_work(**OAUTH2) as destination:
        await destination.verify()
        cloud.wanted = "Bearer token-2"
        outcomes = await asyncio.gather(*(cloud.store(destination, first=n) for n in range(6)))

    assert outcomes == [[Delivered()]] * 6
    assert cloud.given == 2


@pytest.mark.asyncio
async def test_when_a_fresh_token_is_refused_too_a_person_must_act():
    cloud = Cloud()
    cloud.wanted = "Bearer other"
    async with cloud.at_work(**OAUTH2) as destination:
        outcomes = await cloud.store(destination, 3)
        with pytest.raises(Rejected, match="Is auth right"):
            await destination.verify()

    assert {outcome.failing for outcome in outcomes} == {Failing.UNWELCOME}
    assert len(cloud.server.requests) == 4


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("reply", "failing", "words"),
    [
        (Reply(401, {}, b'{"error": "invalid_client"}'), Failing.UNWELCOME, "secret still valid"),
        (Reply(400, {}, b'{"error": "invalid_scope"}'), Failing.UNWELCOME, "Is scope right"),
        (Reply(400, {}, b'{"error": "DOE^JANE"}'), Failing.UNWELCOME, "Is token_url right"),
        (Reply(404), Failing.UNWELCOME, "Is token_url right"),
        (Reply(302, {"Location": "http://localhost/"}), Failing.UNWELCOME, "Is token_url right"),
        (Reply(500), Failing.UNREACHABLE, "answered 500"),
        (Reply(429), Failing.UNREACHABLE, "answered 429"),
        (Reply(200, {}, b"<html>"), Failing.CONFUSED, "without an access_token"),
        (Reply(200, {}, b'{"access_token": "a\\nb"}'), Failing.CONFUSED, "stand in a header"),
        (
            Reply(200, {}, b'{"access_token": "a", "token_type": "mac"}'),
            Failing.CONFUSED,
            "no bearer token",
        ),
    ],
)
async def test_when_no_token_is_to_be_had_nothing_is_sent(reply, failing, words):
    cloud = Cloud()
    cloud.token_replies = [reply]
    async with cloud.at_work(**OAUTH2) as destination:
        first, second = await cloud.store(destination, 2)

    assert isinstance(first, Deferred)
    assert first.failing is failing
    assert words in first.reason
    assert "DOE" not in first.reason
    assert second.failing is Failing.UNTRIED
    assert not cloud.server.requests


@pytest.mark.asyncio
@pytest.mark.parametrize("lifetime", ["3600", None, "soon", -1, 1e12])
async def test_a_careless_lifetime_is_understood(lifetime):
    cloud = Cloud()
    cloud.expires_in = lifetime
    async with cloud.at_work(**OAUTH2) as destination:
        await destination.verify()
        cloud.clock.seconds += 200
        await destination.verify()

    assert cloud.given == 1


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({"type": "basic", "user": "u"}, r"needs password \(or password_file\)"),
        ({"type": "oauth2"}, "needs token_url and client_id and client_secret"),
        ({"type": "bearer", "token": "t", "user": "u"}, "does not use user"),
        ({"user": "u"}, "does not use user"),
        ({"type": "google"}, "service_account_file"),
        ({"type": "oauth2", **OAUTH2, "token_url": "login"}, "is no URL"),
        ({"type": "kerberos"}, "type"),
    ],
)
def test_what_does_not_go_together_is_a_mistake_in_the_configuration(auth, words):
    with pytest.raises(ValidationError, match=words):
        AuthSettings(**auth)


def test_secrets_are_not_shown():
    settings = AuthSettings(type="basic", user="u", password="hidden")

    assert "hidden" not in repr(settings)
