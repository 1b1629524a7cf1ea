"""What a gateway with this configuration will do, in a dozen lines an operator can check."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, assert_never

from rich.console import Console
from rich.text import Text

from hilum.cli.entity_words import entity_words
from hilum.cli.problems import print_problems
from hilum.cli.retention_words import retention_words
from hilum.cli.sending.words import size_of
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.destinations.folder.settings import FolderDestinationSettings
from hilum.destinations.webhook.settings import WebhookDestinationSettings
from hilum.routing.calendar import Calendar
from hilum.routing.settings import RouteSettings
from hilum.service.config import FILE_VARIABLE, FILES
from hilum.service.config_errors import Problem
from hilum.service.config_folders import free_bytes
from hilum.service.config_options import size_text
from hilum.service.config_settings import Config, Destination
from hilum.service.config_template import inline
from hilum.sources.dimse.settings import PeerSettings, TlsSettings
from hilum.sources.folder.settings import FolderSourceSettings

PEERS_SHOWN_MAX: Final = 20
ROWS_SHOWN_MAX: Final = 50  # of destinations, and of routes
LABEL_WIDTH: Final = 18

_NEIGHBOURS: Final = "anybody on this machine: echo, store, find, move, get"
_UNKNOWN: Final = {
    "refuse": ["nobody else"],
    "loopback": [_NEIGHBOURS],
    "accept": [_NEIGHBOURS, "anybody else: echo, store"],
}
_DURABLE: Final = {
    "power": "on disk: it survives a power cut (durability = power)",
    "process": "written: it survives our end, not a power cut (durability = process)",
}
_DUPLICATE: Final = {
    "keep_both": "both are kept, the newest is served (duplicates = keep_both)",
    "keep_first": "the first is kept, another is refused (duplicates = keep_first)",
    "replace": "the new one replaces the old one (duplicates = replace)",
}


def print_summary(
    console: Console, path: Path | None, config: Config, warnings: Sequence[Problem]
) -> None:
    """Print what the gateway will do, and what the operator should have seen once."""
    console.print(Text(verdict(path), style="bold green"), soft_wrap=True)
    for label, lines in summary(config):
        for number, line in enumerate(lines):
            _print_line(console, "" if number else label, line)
    if warnings:
        console.print()
        print_problems((), warnings, console=console)


def _print_line(console: Console, label: str, line: str) -> None:
    """Print one line, wrapped in its column: the console itself would pad it with blanks."""
    margin = " " * LABEL_WIDTH
    wrapped = textwrap.wrap(
        line,
        max(console.width - 1, 60),
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for number, text in enumerate(wrapped):
        start = "" if number else f"  {label}"
        console.print(Text.assemble((start, "bold"), text[len(start) :]), soft_wrap=True)


def verdict(path: Path | None) -> str:
    """Say which configuration it was."""
    if path:
        return f"{path} can be used."
    looked = ", ".join([f"${FILE_VARIABLE}", *map(str, FILES)])
    return f"There is no configuration file ({looked}); these are the defaults."


def summary(config: Config) -> Iterator[tuple[str, list[str]]]:
    """Give a label and lines for each thing the gateway will do."""
    gateway, dimse = config.gateway, config.sources.dimse
    yield "is called", [", ".join([gateway.ae_title, *dimse.called_ae_titles]) + _any_title(config)]
    yield "listens on", list(_listeners(config))
    yield "lets in", list(_callers(config))
    if config.sources.folder:
        yield "takes from", list(_shortened(map(_watched, config.sources.folder.items())))
    if config.destinations:
        yield "sends to", list(_shortened(map(_destination, config.destinations.items())))
    if config.entities:
        yield "is asked as", list(entity_words(config))
    if config.routes:
        yield "by routes", list(_shortened([_route(one)] for one in config.routes))
    made = "" if gateway.data.exists() else "  (to be made)"
    yield "keeps it in", [f"{gateway.data}{made}"]
    yield "says success", [f"when an instance is {_DURABLE[gateway.durability]}"]
    yield "same UID twice", [_DUPLICATE[gateway.duplicates]]
    yield "leaves free", [_reserve(config)]
    yield "lets go", list(retention_words(config.retention))
    if gateway.workers > 1:
        yield "runs as", [f"{gateway.workers} processes"]


def _any_title(config: Config) -> str:
    return "" if config.sources.dimse.check_called_ae_title else ", or any other AE title"


def _listeners(config: Config) -> Iterator[str]:
    dimse, web = config.sources.dimse, config.sources.web
    rows = [(_socket(dimse.host, dimse.port), "DICOM")] if dimse.plain else []
    if dimse.tls:
        rows.append((_socket(dimse.host, dimse.tls.port), f"DICOM over TLS {_tls(dimse.tls)}"))
    if web.enabled:
        if web.is_plain:
            rows.append((_socket(web.host, web.port), "HTTP: DICOMweb, API, health and metrics"))
        if web.tls is not None:
            rows.append((_socket(web.host, web.tls.port), "HTTPS: the same, with TLS"))
    yield from _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _socket(host: str, port: int) -> str:
    return f"{f'[{host}]' if ':' in host else host}:{port or 'any free port'}"


def _tls(tls: TlsSettings) -> str:
    version = f"{tls.minimum_version} or newer"
    if tls.client_ca is None:
        return f"{version}, no certificate asked of peers"
    must = "must" if tls.require_client_certificate else "may"
    return f"{version}, peers {must} show a certificate signed by {tls.client_ca.name}"


def _shortened(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Give what there is in columns, and of very many only how many more."""
    found = list(rows)
    yield from _aligned(found[:ROWS_SHOWN_MAX])
    if len(found) > ROWS_SHOWN_MAX:
        yield f"and {len(found) - ROWS_SHOWN_MAX} more"


def _watched(named: tuple[str, FolderSourceSettings]) -> tuple[str, str, str]:
    name, one = named
    then = "removed" if one.done is None else f"moved to {one.done}"
    return (
        name,
        str(one.path),
        f"files are {then}{'' if free_bytes(one.path) is not None else ' (missing now)'}",
    )


def _room(folder: Path) -> str:
    room = free_bytes(folder)
    return "missing now" if room is None else f"{size_of(room)} free"


def _destination(named: tuple[str, Destination]) -> tuple[str, str, str]:
    name, one = named
    match one:
        case DimseDestinationSettings():
            where = f"{one.ae_title} at {_socket(one.host, one.port)}"
        case FolderDestinationSettings():
            where = f"{one.path} ({_room(one.path)})"
        case DicomWebDestinationSettings() | WebhookDestinationSettings():
            where = one.url
        case _:
            assert_never(one)
    return name, one.type, f"{where}{_between(one.between)}"


def _route(route: RouteSettings) -> str:
    to = ", ".join(one if isinstance(one, str) else inline(one) for one in route.to) or "nowhere"
    when = f"when {inline(dict(route.when))}" if route.when else "always"
    remarks = [
        "" if route.enabled else "switched off",
        "" if route.on == "instance" else f"by {route.on}",
        "" if route.priority == "routine" else route.priority,
        "and stops" if route.stop else "",
    ]
    how = ", ".join(one for one in remarks if one)
    return f"{route.name}: {when} to {to}{_between(route.between)}{f' ({how})' if how else ''}"


def _between(calendar: Calendar | None) -> str:
    return f", {' or '.join(calendar.texts)} only" if calendar else ""


def _callers(config: Config) -> Iterator[str]:
    peers = list(config.peers.items())
    shown = peers[:PEERS_SHOWN_MAX]
    yield from _aligned([_columns(peer) for peer in shown])
    if len(peers) > len(shown):
        yield f"and {len(peers) - len(shown)} more peers"
    yield from _UNKNOWN[config.gateway.unknown_callers]


def _columns(named: tuple[str, PeerSettings]) -> tuple[str, str, str, str]:
    name, peer = named
    may = ", ".join(sorted(peer.may)) or "nothing"
    # Hosts come last: a peer may have many, and what is too long goes on in the next line.
    return name, peer.ae_title, may, f"from {', '.join(peer.host) or 'anywhere'}"


def _reserve(config: Config) -> str:
    amount, share = config.gateway.reserve_bytes, config.gateway.reserve_percent
    if not amount or not share:
        return "nothing: stores are taken until the disk is full"
    return f"{size_text(amount)}, or {share:g} % of the disk if that is less"
