"""What was asked for, checked: an order can be carried out or it does not exist."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hilum.cli.peer import PeerOptions, with_port
from hilum.cli.sending.rate import parse_rate
from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.kernel.errors import Misconfigured

STDIN: Final = "-"
# More associations than this no archive takes from one sender, and no link needs.
ASSOCIATIONS_MAX: Final = 64
RETRIES_MAX: Final = 100
# What DCMTK's storescu must be told and we do anyway: scan folders, and those below them.
_DCMTK_SWITCHES: Final = frozenset({"+sd", "+r"})


@dataclass(frozen=True, slots=True)
class Order:
    """Everything a run needs to know."""

    address: Address
    options: RequestorOptions
    paths: tuple[str, ...]
    associations: int
    retries: int
    bytes_per_second: int | None
    journal: Path | None
    takes_damaged: bool


def read_order(  # noqa: PLR0913 - as the command line has them
    target: str,
    arguments: Sequence[str],
    *,
    peer: PeerOptions,
    associations: int,
    from_list: str | None,
    journal: Path | None,
    retries: int,
    rate: str | None,
    takes_damaged: bool,
) -> Order:
    """Check the arguments of `hilum send`, and read the list of paths if there is one.

    Raises:
        Misconfigured: one of them makes no sense; the message says which, and what would.
    """
    if not 1 <= associations <= ASSOCIATIONS_MAX:
        raise Misconfigured(f"--associations {associations}: give 1 to {ASSOCIATIONS_MAX}")
    if not 0 <= retries <= RETRIES_MAX:
        raise Misconfigured(f"--retries {retries}: give 0 to {RETRIES_MAX}")
    port, words = _port_in(target, arguments)
    return Order(
        address=peer.address(with_port(target, port)),
        options=peer.requestor_options(),
        paths=tuple(_paths(words, from_list=from_list)),
        associations=associations,
        retries=retries,
        bytes_per_second=None if rate is None else parse_rate(rate),
        journal=journal,
        takes_damaged=takes_damaged,
    )


def _port_in(target: str, arguments: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """Take the port from `host port path…`, DCMTK's way to say it."""
    place = target.rpartition("@")[2]
    if arguments and arguments[0].isdecimal() and not place.rpartition(":")[2].isdecimal():
        return arguments[0], arguments[1:]
    return None, arguments


def _paths(words: Sequence[str], *, from_list: str | None) -> Iterator[str]:
    for word in words:
        if word == STDIN:
            yield from _listed(STDIN)
        elif word.startswith("-"):
            raise Misconfigured(
                f"there is no option {word}; for a file of this name write ./{word}"
            )
        elif word not in _DCMTK_SWITCHES:
            yield word
    if from_list is not None:
        yield from _listed(from_list)


def _listed(source: str) -> Iterator[str]:
    """Read paths, one a line, or with a NUL after each, as `find -print0` writes them.

    Names are bytes to the system; those that are no text survive as they are.
    """
    try:
        read = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except OSError as error:
        raise Misconfigured(f"--from-list {source}: {error.strerror}") from error
    lines = read.split(b"\0") if b"\0" in read else read.splitlines()
    yield from (os.fsdecode(line) for line in lines if line.strip())
