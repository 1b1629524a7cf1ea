"""The gateway of `hilum demo`: what it says is heard, and whether it is ready is asked."""

import asyncio
import contextlib
import http.server
import json
import threading

import pytest

from hilum.cli.demonstration import gateway as gateways
from hilum.cli.demonstration.gateway import GatewayFailed, Log, started
from hilum.cli.demonstration.home import settle


def followed(home, *lines):
    """Give a log that has followed `lines` to their end."""

    async def follow():
        log, stream = Log(), asyncio.StreamReader()
        for line in lines:
            stream.feed_data(line.encode() + b"\n")
        stream.feed_eof()
        await log.follow(stream, home)
        return log, await log.event("Started", seconds=60), await log.event("Never", seconds=60)

    return asyncio.run(follow())


def test_events_are_found_among_other_lines_and_all_are_kept(tmp_path):
    home = settle(tmp_path / "home", stays=False)
    started_line = json.dumps({"event": "Started", "level": "info", "message": "up"})

    log, event, never = followed(home, "hilum: some words", started_line)

    assert event["message"] == "up"
    assert never is None  # it is over: nobody waits for what cannot come
    assert log.is_over
    assert home.log.read_text(encoding="utf-8") == f"hilum: some words\n{started_line}\n"


def test_the_last_error_is_the_complaint(tmp_path):
    home = settle(tmp_path / "home", stays=False)
    lines = [json.dumps({"level": "error", "message": text}) for text in ("first", "last")]

    log, *_ = followed(home, *lines)

    assert log.complaint == " Its log: last"
    assert Log().complaint == ""


def test_an_event_that_does_not_come_is_waited_for_only_so_long():
    assert asyncio.run(Log().event("Never", seconds=0.01)) is None


@contextlib.contextmanager
def answering(status, document):
    """Answer every GET on a port of the loopback interface."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_):
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_ready_is_what_readyz_says():
    with answering(200, {"status": "ready"}) as port:
        assert gateways._not_ready(port) is None


def test_what_keeps_it_from_being_ready_is_told():
    reasons = [{"name": "disk", "message": "It is full.", "remedy": "Free space."}]
    with answering(503, {"status": "not ready", "reasons": reasons}) as port:
        assert gateways._not_ready(port) == "It is full. Free space."


def test_a_port_that_does_not_answer_is_not_ready():
    with answering(200, {}) as port:
        pass
    assert "does not answer" in gateways._not_ready(port)


def test_settings_of_the_environment_are_not_for_the_demonstration(monkeypatch):
    monkeypatch.setenv("HILUM__GATEWAY__WORKERS", "7")
    monkeypatch.setenv("HILUM_CONFIG", "/somewhere")

    assert not [name for name in gateways._environment() if name.startswith("HILUM")]


@pytest.mark.slow
def test_a_gateway_that_cannot_start_says_why(tmp_path):
    home = settle(tmp_path / "home", stays=False)
    home.config.write_text("[gateway]\nworkers = 0\n", encoding="utf-8")

    async def start():
        async with started(home) as gateway:
            await gateway.wait_until_ready()

    with pytest.raises(GatewayFailed, match=r"did not start(.|\n)*gateway\.workers"):
        asyncio.run(start())
