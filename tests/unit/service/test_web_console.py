"""The console behind the real listener, with real telemetry: what a probe and a scraper get."""

import asyncio
import json
import os
from types import SimpleNamespace

import pytest
import uvloop
from no_api import no_api

from hilum.console.app import PATHS, Console
from hilum.console.board import Board
from hilum.console.health import Finding
from hilum.service.metrics import CONTENT_TYPE, Metrics
from hilum.service.sink import Sink
from hilum.service.telemetry import LiveTelemetry, event_classes
from hilum.service.web import WebServer, listen

ANSWER_SECONDS_MAX = 0.5  # far above what is measured (1 to 3 ms): catches waiting, not slowness


@pytest.fixture
def telemetry():
    null = os.open(os.devnull, os.O_WRONLY)
    sink = Sink(null)
    telemetry = LiveTelemetry(SimpleNamespace(format="json", level="info"), Metrics(), sink)
    telemetry.learn(event_classes())
    yield telemetry
    sink.close()
    os.close(null)


async def ask(port, path, method="GET"):
    """Give status line, header lines and body."""
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    return status, headers, body


def with_console(telemetry, scenario):
    async def main():
        board = Board([lambda: Finding("ledger")], telemetry, monotonic=lambda: 0.0)
        console = Console(board, telemetry.metrics.exposition, no_api)
        server = WebServer(console.application, listen("127.0.0.1", 0))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(server.run())
            await scenario(server.port, board)
            running.cancel()
        console.close()
        board.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(telemetry, path):
    async def scenario(port, _board):
        got, headed = await ask(port, path), await ask(port, path, "HEAD")
        assert got[0] == headed[0] == "HTTP/1.1 200 OK"
        assert got[2]
        assert headed[2] == b""

    with_console(telemetry, scenario)


def test_a_scraper_gets_every_metric_of_every_event(telemetry):
    async def scenario(port, _board):
        _, headers, body = await ask(port, "/metrics")
        assert f"content-type: {CONTENT_TYPE}" in headers
        shown = body.decode()
        for kind in event_classes():
            for metric in kind.metrics:
                assert f"# TYPE {metric.name} " in shown

    with_console(telemetry, scenario)


def test_readiness_turns_first_while_the_listener_goes_on(telemetry):
    async def scenario(port, board):
        assert (await ask(port, "/readyz"))[0] == "HTTP/1.1 200 OK"
        board.stop()
        status, _, body = await ask(port, "/readyz")
        assert status.startswith("HTTP/1.1 503 ")
        assert json.loads(body)["reasons"][0]["name"] == "stopping"
        assert (await ask(port, "/livez"))[0] == "HTTP/1.1 200 OK"

    with_console(telemetry, scenario)
