"""One fault of routing or delivery: how it is made, and what must be said about it first."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

from trials import objects
from trials.gateway import Gateway
from trials.wire import CT_IMAGE_STORAGE, EXPLICIT_VR, Proposal, associated

T = TypeVar("T")

# Who is asked: `hilum explain`, `hilum check`, or the gateway's log.
Witness = Literal["explain", "check", "log"]
SIZE_BYTES: Final = 20_000
EVERYTHING: Final = '[[routes]]\nname = "everything"\nto = ["pacs"]\n'
# Faults that pass by themselves would be over before anybody asks.
PATIENCE: Final = "retry = { first_seconds = 60 }"


@dataclass(frozen=True, slots=True)
class Sent:
    """An instance as it was sent."""

    uid: str
    study: str
    answer: str


def send(
    gateway: Gateway,
    number: int,
    *,
    size: int = SIZE_BYTES,
    syntax: str = EXPLICIT_VR,
    data_set: bytes = b"",
) -> Sent:
    """Store an instance in the gateway as a modality does. Raises Closed when it is turned away."""
    study = objects.instance_uid(5, number // 100)
    uid = f"{study}.{number}"
    content = data_set or objects.instance(
        uid, size=size, seed=number, study=study, series=f"{study}.1"
    )
    proposals = (Proposal(3, CT_IMAGE_STORAGE, [syntax]),)
    with associated(gateway.port, gateway.called, proposals=proposals) as connection:
        return Sent(uid, study, connection.store(uid, content))


def send_one(gateway: Gateway) -> str:
    """Store one instance; give what to ask about."""
    return send(gateway, 1).uid


def nothing_more(_gateway: Gateway) -> None:
    """Leave it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and the words that the first cause and the first remedy must have.

    `world` makes what the gateway meets and gives its configuration. `act` sends something and
    gives what to ask about. `then` is what happens after the delivery was tried, or, when it
    `waits`, was planned.
    """

    name: str
    cause: Sequence[str]
    remedy: Sequence[str]
    world: Callable[[Path], AbstractContextManager[str]]
    act: Callable[[Gateway], str] = send_one
    then: Callable[[Gateway], None] = nothing_more
    waits: bool = False
    is_owed: bool = True  # `hilum queue` must have the words of the cause, too
    witness: Witness = "explain"
    skipped: str = ""


def as_world(toml: str) -> Callable[[Path], AbstractContextManager[str]]:
    """Make a world that is nothing but its configuration."""

    @contextlib.contextmanager
    def world(_folder: Path) -> Iterator[str]:
        yield toml

    return world


@contextlib.contextmanager
def threaded(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Let a server of the same process listen in a thread of its own."""

    ready, over = threading.Event(), threading.Event()
    listening: list[T] = []

    async def listen() -> None:
        async with server as it:
            listening.append(it)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    try:
        ready.wait()
        yield listening[0]
    finally:
        over.set()
        thread.join()
