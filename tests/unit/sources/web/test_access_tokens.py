"""Access tokens: everything that must not be believed, made as an attacker would make it."""

import asyncio
import base64
import hmac
import json
from hashlib import sha256

import pytest
from access_rig import GivenClock, Heard, Rig, bearer
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from hilum.kernel.errors import RemoteProtocolError, Unreachable
from hilum.sources.web.access.events import TokenKeysLoaded, TokenKeysNotRefreshed
from hilum.sources.web.access.refusal import AccessRefused
from hilum.sources.web.access.settings import JwtSettings
from hilum.sources.web.access.token import TOKEN_BYTES_MAX, Tokens
from hilum.sources.web.access.token_keys import REFRESH_SECONDS, RETRY_SECONDS, TokenKeys, keys_of

ISSUER = "https://login.example.com"
KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
OTHER = RSAKey.generate_key(2048, {"kid": "rsa"})


def published(*keys):
    return json.dumps(KeySet(list(keys or KEYS.values())).as_dict(private=False)).encode()


class Provider:
    """Publishes keys, or does not answer."""

    def __init__(self) -> None:
        self.document = published()
        self.asked = 0

    async def fetch(self) -> bytes:
        self.asked += 1
        if isinstance(self.document, Exception):
            raise self.document
        return self.document


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def clock():
    return GivenClock()


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def keys(provider, clock, heard):
    return TokenKeys(ISSUER, provider.fetch, clock=clock, telemetry=heard)


def settings(**more):
    return JwtSettings.model_validate({"issuer": ISSUER, "audience": ["hilum"], **more})


def claims(clock, **changes):
    now = int(clock.now().timestamp())
    found = {"iss": ISSUER, "aud": "hilum", "sub": "kim", "exp": now + 60, "roles": ["read"]}
    return {name: value for name, value in (found | changes).items() if value is not ...}


def signed(content, *, alg="RS256", key=None, **header):
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    key = key or KEYS[alg]
    whole = {"alg": alg, "kid": key.kid, **header}
    whole = {name: value for name, value in whole.items() if value is not ...}
    return jwt.encode(whole, content, key, registry=registry)


def encoded(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def grant(keys, clock, text, **more):
    return asyncio.run(Tokens(settings(**more), keys.candidates, clock.now).grant(text))


def refusal(keys, clock, text, **more):
    with pytest.raises(AccessRefused) as caught:
        grant(keys, clock, text, **more)
    assert caught.value.status == 401
    assert text not in caught.value.reason
    return caught.value.reason


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # in making one; we only verify it
@pytest.mark.parametrize("alg", KEYS)
def test_a_token_of_the_provider_is_believed(keys, clock, alg):
    found = grant(keys, clock, signed(claims(clock), alg=alg))

    assert (found.name, found.roles, found.entities) == ("kim", {"read"}, frozenset())


def test_a_token_without_a_key_id_is_tried_with_the_keys_that_fit(keys, clock):
    assert grant(keys, clock, signed(claims(clock), kid=...)).name == "kim"
    assert refusal(keys, clock, signed(claims(clock), key=OTHER, kid=...)) == (
        "the signature of its token is not right"
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"iss": "https://evil.example.com"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": ...}, "issuer"),
        ({"aud": "other"}, "audience"),
        ({"aud": ["other", "more"]}, "audience"),
        ({"aud": ...}, "audience"),
        ({"aud": {"hilum": True}}, "audience"),
        ({"aud": [["hilum"]]}, "audience"),
        ({"exp": 0}, "expired"),
        ({"exp": ...}, "expired"),
        ({"exp": "9999999999"}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": float("nan")}, "expired"),
        ({"nbf": 9_999_999_999}, "not valid yet"),
        ({"nbf": "now"}, "not valid yet"),
        ({"nbf": float("nan")}, "not valid yet"),
        ({"iat": 9_999_999_999}, "future"),
    ],
)
def test_claims_that_are_not_for_us_or_not_for_now_are_refused(keys, clock, changes, says):
    assert says in refusal(keys, clock, signed(claims(clock, **changes)))


@pytest.mark.parametrize(("late", "is_believed"), [(29, True), (31, False)])
def test_clocks_may_be_apart_by_the_leeway(keys, clock, late, is_believed):
    text = signed(claims(clock, exp=int(clock.now().timestamp()) - late))

    if is_believed:
        assert grant(keys, clock, text).name == "kim"
    else:
        assert "expired" in refusal(keys, clock, text)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, ["RS256"], "HS256", "RS384"])
def test_a_token_that_is_not_signed_as_we_say_is_refused(keys, clock, alg):
    text = f"{encoded({'alg': alg, 'kid': 'rsa'})}.{encoded(claims(clock))}."

    assert "algorithms" in refusal(keys, clock, text)


@pytest.mark.parametrize("secret", ["pem", "jwk"])
def test_a_public_key_is_no_shared_secret(keys, clock, secret):
    """HS/RS confusion: a token signed with the bytes of the key that everybody may read."""
    key = KEYS["RS256"]
    known = key.as_pem(private=False) if secret == "pem" else json.dumps(key.as_dict()).encode()
    head = f"{encoded({'alg': 'HS256', 'kid': 'rsa'})}.{encoded(claims(clock))}"
    mac = hmac.new(known, head.encode(), sha256).digest()

    assert "algorithms" in refusal(keys, clock, f"{head}.{encoded(mac)}")


def test_shared_secrets_cannot_be_configured_at_all():
    with pytest.raises(ValueError, match="algorithms"):
        settings(algorithms=["HS256"])


def test_a_key_that_the_provider_shares_with_somebody_is_not_used(provider):
    provider.document = published(KEYS["RS256"], OctKey.generate_key(256, {"kid": "oct"}))

    assert [key.kid for key in keys_of(provider.document)] == ["rsa"]


def test_a_key_inside_the_token_is_not_looked_at(keys, clock):
    text = signed(claims(clock), key=OTHER, kid="mine", jwk=OTHER.as_dict(private=False))

    assert "does not publish" in refusal(keys, clock, text)


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
def test_a_wrong_signature_is_refused(keys, clock, alg):
    text = signed(claims(clock), alg=alg, key=OTHER)
    assert "signature" in refusal(keys, clock, text)

    head, _, mac = signed(claims(clock)).split(".")
    changed = f"{head}.{encoded(claims(clock, roles=['admin']))}.{mac}"
    assert "signature" in refusal(keys, clock, changed)


def test_an_unknown_extension_is_refused(keys, clock):
    head = encoded({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": False})

    assert "extension" in refusal(keys, clock, f"{head}.{encoded(claims(clock))}.{encoded(b'x')}")


@pytest.mark.parametrize(
    "text",
    [
        "a.b.c",
        "..",
        f"{encoded([])}.e30.",
        f"{encoded(b'[' * 4000)}.e30.x",
        f"{encoded({'alg': 'RS256', 'kid': 7})}.e30.x",
        f"{encoded({'alg': 'RS256', 'kid': 'rsa'})}.!!.!!",
        f"{encoded({'alg': 'RS256', 'kid': 'rsa'})}.{encoded(b'[1]')}.AAAA",
        "\xe9.\xe9.\xe9",
    ],
)
def test_nonsense_is_refused(keys, clock, text):
    assert refusal(keys, clock, text)


def test_a_token_that_was_believed_a_moment_ago_still_ends_at_its_moment(keys, clock):
    reader = Tokens(settings(leeway_seconds=0.5), keys.candidates, clock.now)
    text = signed(claims(clock, exp=int(clock.now().timestamp()) + 2))

    assert asyncio.run(reader.grant(text)).name == "kim"
    clock.seconds += 3

    with pytest.raises(AccessRefused, match="expired"):
        asyncio.run(reader.grant(text))


def test_an_oversized_token_is_not_even_read(keys, clock, provider):
    text = signed(claims(clock, groups="x" * TOKEN_BYTES_MAX))

    assert str(TOKEN_BYTES_MAX) in refusal(keys, clock, text)
    assert provider.asked == 0


@pytest.mark.parametrize(
    ("more", "said", "roles"),
    [
        ({}, {"roles": "read write"}, {"read", "write"}),
        ({}, {"roles": ["read", "root", 7]}, {"read"}),
        ({}, {"roles": 7}, set()),
        ({}, {"roles": ...}, set()),
        ({"roles_claim": "realm.roles"}, {"realm": {"roles": ["delete"]}}, {"delete"}),
        ({"roles_claim": "realm.roles"}, {"realm": ["roles"]}, set()),
        (
            {"roles_claim": "https://a.example.com/roles"},
            {"https://a.example.com/roles": ["read"]},
            {"read"},
        ),
        ({"role_map": {"read": ["mta"], "write": "mta"}}, {"roles": ["mta"]}, {"read", "write"}),
        ({"role_map": {"read": ["mta"]}}, {"roles": ["admin"]}, set()),
    ],
)
def test_roles_come_from_the_claim_that_is_named(keys, clock, more, said, roles):
    assert grant(keys, clock, signed(claims(clock, **said)), **more).roles == roles


def test_entities_come_from_a_claim_which_then_must_be_there(keys, clock):
    found = grant(keys, clock, signed(claims(clock, ae=["A", "B"])), entities_claim="ae")
    assert found.entities == {"A", "B"}

    with pytest.raises(AccessRefused) as caught:
        grant(keys, clock, signed(claims(clock)), entities_claim="ae")
    assert caught.value.status == 403


def test_keys_that_rotate_are_had_by_the_first_token_that_names_one(keys, clock, provider, heard):
    fresh = RSAKey.generate_key(2048, {"kid": "next"})
    assert grant(keys, clock, signed(claims(clock))).name == "kim"
    provider.document = published(fresh)
    clock.seconds += RETRY_SECONDS

    assert grant(keys, clock, signed(claims(clock), key=fresh)).name == "kim"
    assert "does not publish" in refusal(keys, clock, signed(claims(clock)))
    assert [type(event) for event in heard.events] == [TokenKeysLoaded] * 2


def test_made_up_key_ids_do_not_make_us_ask_again_and_again(keys, clock, provider):
    for number in range(20):
        refusal(keys, clock, signed(claims(clock), kid=str(number)))
    assert provider.asked == 1

    clock.seconds += RETRY_SECONDS
    refusal(keys, clock, signed(claims(clock), kid="more"))
    assert provider.asked == 2


@pytest.mark.parametrize(
    "failure",
    [Unreachable("no answer"), OSError("broken"), b"<html>", b'{"keys": 7}', b'{"keys": []}', b"7"],
)
def test_a_provider_that_is_down_locks_nobody_out(keys, clock, provider, heard, failure):
    assert grant(keys, clock, signed(claims(clock))).name == "kim"
    provider.document = failure
    clock.seconds += REFRESH_SECONDS

    asyncio.run(keys.look())

    assert isinstance(heard.events[-1], TokenKeysNotRefreshed)
    assert grant(keys, clock, signed(claims(clock))).name == "kim"


def test_keys_are_had_again_when_it_is_time(keys, clock, provider):
    async def scenario():
        await keys.look()
        await keys.look()
        clock.seconds += REFRESH_SECONDS
        await keys.look()

    asyncio.run(scenario())

    assert provider.asked == 2


@pytest.mark.parametrize(
    "described",
    [
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": 7, "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "k": "AAAA"},
        {**KEYS["RS256"].as_dict(private=False), "use": "enc"},
        KEYS["RS256"].as_dict(private=True),
        "text",
    ],
)
def test_keys_that_verify_nothing_are_left_out(described):
    with pytest.raises(RemoteProtocolError):
        keys_of(json.dumps({"keys": [described]}).encode())


def test_at_the_gate_a_token_opens_what_its_roles_say(keys, clock):
    rig = Rig(
        tokens=Tokens(settings(), keys.candidates, clock.now),
        jwt={"issuer": ISSUER, "audience": ["hilum"]},
    )
    good = bearer(signed(claims(clock)))
    bad = bearer(signed(claims(clock, aud="other")))

    assert rig.status(authorization=good) == 200
    assert rig.status(method="POST", authorization=good) == 403
    assert rig.status(method="DELETE", authorization=good) == 403
    assert rig.status("/api/v1/queue", authorization=good) == 403
    answer = rig.ask(authorization=bad)
    assert answer.status_code == 401
    assert "audience" in rig.heard.events[-1].reason
    assert "audience" not in answer.content.decode()
