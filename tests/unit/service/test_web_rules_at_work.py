"""The rules of the HTTP listener over a real ledger, before everything that is really served."""

import asyncio
import json

import pytest
from access_rig import NOW, GivenClock, Heard, bearer
from asgi_client import Client
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from hilum.console.api.app import build
from hilum.console.app import API_PATH, PATHS, Console
from hilum.console.board import Board
from hilum.console.pages import pages_of
from hilum.kernel.telemetry import Silence
from hilum.ledger.entry import OURSELVES
from hilum.ledger.key import AccessKey
from hilum.ledger.ledger import Ledger
from hilum.service.config_settings import Config
from hilum.service.web_access import WebAccess
from hilum.sources.web.access.key_text import digest_of, make_key


def config(**web):
    return Config.model_validate({"sources": {"web": web}})


async def said(_request):
    return PlainTextResponse("behind")


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process")
    yield ledger
    ledger.close()


@pytest.fixture
def clock():
    return GivenClock()


@pytest.fixture
def access(ledger, clock):
    return WebAccess(config(), ledger=ledger, clock=clock, telemetry=Heard())


def add_key(ledger, *roles, name="viewer"):
    key_id, text = make_key()
    ledger.keys.create(AccessKey(key_id, name, digest_of(text), roles, (), (), NOW), by=OURSELVES)
    return {"authorization": bearer(text)}


def behind(access, **caller):
    return Client(access.gate(Starlette(routes=[Route("/x", said)])), **caller)


@pytest.fixture
def console(tmp_path):
    board = Board([], Silence(), monotonic=lambda: 0.0)
    console = Console(board, lambda: b"", build(()), pages_of(tmp_path, dicomweb="/dicom-web"))
    yield console
    console.close()
    board.close()


def paths_of(routes, root=""):
    """Give every path that is served, with names for what is variable."""
    for route in routes:
        if isinstance(route, Mount):
            yield f"{root}{route.path}/openapi.json"
            yield f"{root}{route.path}/index.html"
        else:
            yield root + route.path


def test_nothing_of_the_console_is_shown_to_who_is_elsewhere_but_livez(access, console):
    client = Client(access.gate(console.application), address="10.0.0.5", host="gw")
    paths = [*paths_of(console.application.routes), "/", "/nowhere", *PATHS]

    found = {path: client.get(path).status_code for path in paths}

    assert f"{API_PATH}/openapi.json" in found
    assert found.pop("/livez") == 200
    assert set(found.values()) == {403}


def test_a_key_that_is_made_while_it_runs_opens_and_ends_when_it_is_revoked(ledger, access, clock):
    client = behind(access, address="10.0.0.5")
    assert client.get("/x").status_code == 403
    shown = add_key(ledger, "read")
    clock.seconds += 3

    assert client.get("/x", headers=shown).status_code == 200
    ledger.keys.revoke("viewer", by=OURSELVES, now=clock.now())
    clock.seconds += 3
    assert client.get("/x", headers=shown).status_code == 401


def test_refusals_are_in_the_audit_trail_of_the_ledger(access, ledger, tmp_path):
    import sqlite3
    from contextlib import closing

    behind(access, address="10.0.0.5").get("/x")

    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
        rows = connection.execute("SELECT event, outcome, host FROM audit").fetchall()
    assert ledger.path == tmp_path / "ledger.sqlite"
    assert rows == [("request refused", "refused", "10.0.0.5")]


def test_a_changed_configuration_is_in_force_at_once(access):
    client = behind(access)
    assert client.get("/x").status_code == 200

    access.change(config(token="t" * 20))

    assert client.get("/x").status_code == 401
    assert client.get("/x", headers={"authorization": bearer("t" * 20)}).status_code == 200


def test_tokens_are_believed_by_a_file_of_keys(access, tmp_path, clock):
    key = ECKey.generate_key("P-256", {"kid": "one"})
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    provider = {"issuer": "https://login.example.com", "audience": ["hilum"]}
    access.change(config(jwt={**provider, "jwks_file": path}))
    claims = {
        "iss": provider["issuer"],
        "aud": "hilum",
        "exp": int(clock.now().timestamp()) + 60,
        "roles": ["read"],
    }
    text = jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)
    client = behind(access, address="10.0.0.5")

    assert client.get("/x", headers={"authorization": bearer(text)}).status_code == 200
    assert client.ask("DELETE", "/x", headers={"authorization": bearer(text)}).status_code == 403

    path.unlink()
    clock.seconds += 700
    asyncio.run(access.look())
    assert client.get("/x", headers={"authorization": bearer(text)}).status_code == 401  # expired
