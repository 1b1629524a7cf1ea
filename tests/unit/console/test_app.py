"""The HTTP face, asked without a socket: what it says, and what it never says."""

import json
import threading

import pytest
from asgi_client import Client
from no_api import no_api

from hilum.console import app as app_module
from hilum.console.app import HEADERS, PATHS, Console
from hilum.console.board import Board
from hilum.console.health import Finding, Status
from hilum.kernel.telemetry import Silence

FULL = Finding("vault", Status.FAILING, "No room.", "Free some.")
LOW = Finding("vault", Status.DEGRADED, "Little room.", "Free some.")


@pytest.fixture
def findings():
    return [Finding("ledger")]


@pytest.fixture
def console(findings):
    board = Board([lambda: findings[-1]], Silence(), monotonic=lambda: 0.0)
    console = Console(board, lambda: b"hilum_commits_total 1.0\n", no_api)
    yield console
    console.close()
    board.close()


async def ask(console, path, method="GET"):
    """Give status, headers and body of the answer."""
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "headers": [],
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 8080),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await console.application(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:])


@pytest.mark.asyncio
async def test_livez_says_that_the_loop_turns_and_asks_no_check(console, findings):
    findings.append(FULL)

    status, _, body = await ask(console, "/livez")

    assert (status, json.loads(body)) == (200, {"status": "alive"})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("finding", "readyz", "healthz", "word"),
    [
        (Finding("vault"), 200, 200, "ok"),
        (LOW, 200, 200, "degraded"),
        (FULL, 503, 503, "failing"),
    ],
)
async def test_readiness_and_health_follow_the_findings(
    console, findings, finding, readyz, healthz, word
):
    findings.append(finding)

    ready_status, _, ready_body = await ask(console, "/readyz")
    health_status, _, health_body = await ask(console, "/healthz")

    assert (ready_status, health_status) == (readyz, healthz)
    assert json.loads(health_body)["status"] == word
    if readyz == 503:
        assert json.loads(ready_body)["reasons"][0]["remedy"] == "Free some."


@pytest.mark.asyncio
async def test_metrics_are_text(console):
    status, headers, body = await ask(console, "/metrics")

    assert (status, body) == (200, b"hilum_commits_total 1.0\n")
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.asyncio
async def test_metrics_that_cannot_be_read_in_time_are_not_waited_for(findings, monkeypatch):
    monkeypatch.setattr(app_module, "METRICS_SECONDS_MAX", 0.02)
    disk_is_back = threading.Event()

    def hanging():
        disk_is_back.wait(10)
        return b""

    board = Board([lambda: findings[-1]], Silence(), monotonic=lambda: 0.0)
    console = Console(board, hanging, no_api)
    status, _, body = await ask(console, "/metrics")
    disk_is_back.set()

    assert status == 503
    assert "/healthz" in json.loads(body)["detail"]
    console.close()
    board.close()


@pytest.mark.asyncio
async def test_metrics_after_the_end_are_an_answer_too(console):
    console.close()

    status, _, body = await ask(console, "/metrics")

    assert status == 503
    assert json.loads(body)["detail"] == "The gateway has stopped."


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/", "/readyz/", "/READYZ", "/metrics/x", "/..", "/api/v1"])
async def test_other_paths_are_not_found_in_json(console, path):
    status, _, body = await ask(console, path)

    assert status == 404
    assert json.loads(body)["paths"] == list(PATHS)


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_nothing_can_be_changed_here(console, method):
    status, headers, body = await ask(console, "/readyz", method)

    assert status == 405
    assert set(headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert json.loads(body)["detail"] == "Method Not Allowed"


@pytest.mark.asyncio
@pytest.mark.parametrize("path", [*PATHS, "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_answer_is_safe_to_show_and_not_kept(console, path, method):
    _, headers, _ = await ask(console, path, method)

    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= headers.items()


@pytest.mark.asyncio
async def test_what_was_asked_is_not_repeated(console):
    _, headers, body = await ask(console, "/DOE^JOHN?PatientName=DOE^JOHN")

    assert "DOE" not in body.decode() + repr(headers)


@pytest.mark.asyncio
async def test_a_bug_is_not_explained_to_the_caller(findings):
    def broken():
        raise ValueError("DOE^JOHN")

    board = Board([lambda: findings[-1]], Silence(), monotonic=lambda: 0.0)
    console = Console(board, broken, no_api)
    sent = []
    scope_answer = ask_and_keep(console, sent)
    with pytest.raises(ValueError, match="DOE"):  # for the server's log, which withholds the text
        await scope_answer

    assert sent[0]["status"] == 500
    assert b"DOE" not in sent[1]["body"]
    console.close()
    board.close()


async def ask_and_keep(console, sent):
    scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": [], "root_path": ""}

    async def send(message):
        sent.append(message)

    await console.application(scope, None, send)


def test_a_browser_is_sent_to_the_pages():
    async def page(scope, _receive, send) -> None:
        assert scope["path"].removeprefix(scope["root_path"]) == "/"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})

    board = Board([], Silence(), monotonic=lambda: 0.0)
    client = Client(Console(board, lambda: b"", no_api, {"/viewer": page}).application)
    assert client.get("/").headers[b"location"] == b"viewer/"
    assert client.get("/viewer").headers[b"location"] == b"viewer/"
    assert client.get("/viewer/").content == b"page"
