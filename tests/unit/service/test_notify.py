"""systemd is told what sd_notify(3) asks for, and nothing depends on its being there."""

import os
import socket

import pytest

from hilum.service.notify import Systemd


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        yield manager


@pytest.fixture
def systemd(manager):
    return Systemd({"NOTIFY_SOCKET": manager.getsockname()})


def test_ready_and_stopping_come_with_a_status(manager, systemd):
    systemd.ready("taking instances")
    systemd.stopping("2 associations to finish")

    assert manager.recv(1000) == b"READY=1\nSTATUS=taking instances"
    assert manager.recv(1000) == b"STOPPING=1\nSTATUS=2 associations to finish"


def test_reloading_says_when_as_systemd_253_demands(manager, systemd):
    systemd.reloading()

    first, second = manager.recv(1000).split(b"\n")
    assert first == b"RELOADING=1"
    assert second.removeprefix(b"MONOTONIC_USEC=").isdigit()


def test_a_status_cannot_bring_in_another_assignment(manager, systemd):
    systemd.status("full\nMAINPID=1")

    assert manager.recv(1000) == b"STATUS=full\\nMAINPID=1"


def test_the_watchdog_is_fed(manager, systemd):
    systemd.alive()

    assert manager.recv(1000) == b"WATCHDOG=1"


def test_an_abstract_socket_is_found():
    name = f"hilum-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        Systemd({"NOTIFY_SOCKET": "@" + name}).alive()

        assert manager.recv(1000) == b"WATCHDOG=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_systemd_nothing_happens(environ):
    Systemd(environ).ready()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_wants_to_be_fed_twice_as_often_as_it_bites(environ, seconds):
    assert Systemd(environ).watchdog_seconds() == seconds


def test_a_manager_that_does_not_read_is_not_waited_for(manager, systemd):
    assert manager.gettimeout() == 0.0  # nobody reads

    for _ in range(2000):
        systemd.alive()
