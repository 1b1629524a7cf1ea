"""What a single setting cannot tell: settings that contradict each other, or the machine.

Errors stop the gateway from starting. Warnings are for what is allowed and may be meant, but that
the operator should have seen once.
"""

import os
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from itertools import combinations, islice
from pathlib import Path
from typing import Final

from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.destinations.folder.settings import FolderDestinationSettings
from hilum.service import config_web
from hilum.service.closed import remedy_of
from hilum.service.config_entities import titles_of
from hilum.service.config_finding import Finding
from hilum.service.config_positions import KeyPath
from hilum.service.config_settings import Config, Destination
from hilum.service.config_tls import client_warnings, tls_errors, tls_warnings
from hilum.sources.dimse.settings import PeerSettings, listening_host

# Where the file may be and images may not; the default folder is beside the file.
ETC: Final = Path("/etc")


def errors(config: Config) -> Iterator[Finding]:
    """Find what cannot work."""
    yield from _ports(config)
    yield from _same_callers(config)
    for name, peer in config.peers.items():
        yield from _credentials(name, peer)
        yield from _called_titles(config, name, peer)
    if config.sources.dimse.tls:
        for key, message, remedy in tls_errors(config.sources.dimse.tls):
            yield Finding((("sources", "dimse", "tls", key),), message, remedy)
    yield from config_web.errors(config.sources.web)
    yield from _data_folder(config.gateway.data)


def warnings(config: Config) -> Iterator[Finding]:
    """Find what works but may not be meant."""
    dimse, web = config.sources.dimse, config.sources.web
    if config.gateway.unknown_callers == "accept" and not is_loopback(dimse.host):
        yield Finding(
            (("gateway", "unknown_callers"), ("sources", "dimse", "host")),
            f"anybody who reaches {dimse.host} may store instances here",
            'Name the peers and say "loopback" or "refuse", unless the network is closed',
        )
    yield from config_web.warnings(web)
    if ETC in config.gateway.data.parents:
        yield Finding(
            (("gateway", "data"),),
            f"images would be kept below {ETC}, in '{config.gateway.data}'",
            'Say where there is room for them, such as data = "/var/lib/hilum"',
        )
    for name, peer in config.peers.items():
        yield from _port_without_a_host(name, peer)
        yield from _nowhere_to_report(config, name, peer)
        if peer.password and not dimse.tls:
            yield Finding(
                (_password(name, peer), ("sources", "dimse", "tls")),
                "the peer sends its password readable for everybody on the network",
                "Set up [sources.dimse.tls]",
            )
    if dimse.tls:
        for key, message, remedy in tls_warnings(dimse.tls):
            yield Finding((("sources", "dimse", "tls", key),), message, remedy)
    for name, one in config.destinations.items():
        yield from _shown_certificate(("destinations", name), one)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown_certificate(path: KeyPath, destination: Destination) -> Iterator[Finding]:
    """Look at the certificate that we show to a destination."""
    if isinstance(destination, FolderDestinationSettings):
        return
    if isinstance(destination, DimseDestinationSettings):
        tls, path = destination.tls, (*path, "tls")
        certificate, key = (tls.certificate, tls.key) if tls else (None, None)
    else:
        certificate, key = destination.certificate, destination.key
    if certificate is not None:
        for message, remedy in client_warnings(certificate, key):
            yield Finding(((*path, "certificate"),), message, remedy)


def _ports(config: Config) -> Iterator[Finding]:
    dimse, web = config.sources.dimse, config.sources.web
    listeners: list[tuple[KeyPath, str, int]] = []
    if dimse.plain:
        listeners.append((("sources", "dimse", "port"), dimse.host, dimse.port))
    elif not dimse.tls:
        yield Finding(
            (("sources", "dimse", "plain"),),
            "without the plain port and without TLS nobody can send anything",
            "Set up sources.dimse.tls, or listen on the plain port",
        )
    if dimse.tls:
        listeners.append((("sources", "dimse", "tls", "port"), dimse.host, dimse.tls.port))
    if web.enabled and web.is_plain:
        listeners.append((("sources", "web", "port"), web.host, web.port))
    if web.enabled and web.tls:
        listeners.append((("sources", "web", "tls", "port"), web.host, web.tls.port))
    for (first, host, port), (second, other_host, other_port) in combinations(listeners, 2):
        if port == other_port != 0 and _overlap_as_listeners(host, other_host):
            yield Finding(
                (second, first),
                f"both {_dotted(first)} and {_dotted(second)} are {port}",
                "Give one of them another port",
            )


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))


def _overlap_as_listeners(host: str, other: str) -> bool:
    return host == other or not {host, other}.isdisjoint({"0.0.0.0", "::"})  # noqa: S104 — compared, not bound


def _same_callers(config: Config) -> Iterator[Finding]:
    by_title: dict[str, list[str]] = {}
    for name, peer in config.peers.items():
        by_title.setdefault(peer.ae_title, []).append(name)
    for names in by_title.values():
        for index, second in enumerate(names):
            peer = config.peers[second]
            others = (one for one in names[:index] if _overlap_as_callers(config.peers[one], peer))
            for first in islice(others, 1):  # one is enough to know what to change
                yield _same_caller(peer.ae_title, first, second)


def _same_caller(ae_title: str, first: str, second: str) -> Finding:
    paths = [("peers", name, key) for key in ("ae_title", "host") for name in (second, first)]
    return Finding(
        tuple(paths),
        f"{ae_title!r} may also be [peers.{first}]: a caller with this AE title could be either",
        f"Give {first} and {second} hosts that do not overlap, or make them one peer",
    )


def _overlap_as_callers(peer: PeerSettings, other: PeerSettings) -> bool:
    if not peer.host or not other.host:
        return True
    return any(_same_address(host, another) for host in peer.host for another in other.host)


def _same_address(host: str, other: str) -> bool:
    try:
        network, other_network = ip_network(host), ip_network(other)
    except ValueError:
        # What a name stands for is known only when it calls.
        return host.lower().rstrip(".") == other.lower().rstrip(".")
    return network.version == other_network.version and network.overlaps(other_network)


def _credentials(name: str, peer: PeerSettings) -> Iterator[Finding]:
    has_password = peer.password is not None or peer.password_file is not None
    if peer.user is not None and not has_password:
        yield Finding(
            (("peers", name, "user"),),
            "a user without a password; anybody could claim the name",
            "Add password_file, or remove user",
        )
    if peer.user is None and has_password:
        yield Finding(
            (_password(name, peer), ("peers", name, "user")),
            "a password without a user; DICOM sends the two together (PS3.7 §D.3.3.7)",
            "Add user",
        )


def _password(name: str, peer: PeerSettings) -> KeyPath:
    """Say where the password of a peer is written."""
    return ("peers", name, "password_file" if peer.password_file else "password")


def _port_without_a_host(name: str, peer: PeerSettings) -> Iterator[Finding]:
    if peer.port is not None and listening_host(peer) is None:
        yield Finding(
            (("peers", name, "port"), ("peers", name, "host")),
            "nothing can be moved to the peer: its host says where it calls from, and not where "
            "it listens",
            "Put its own address first in host, or remove port",
        )


def _nowhere_to_report(config: Config, name: str, peer: PeerSettings) -> Iterator[Finding]:
    """Storage commitment is mostly reported by a call to who asked (PS3.4 §J.3.3)."""
    called = (getattr(one, "ae_title", None) for one in config.destinations.values())
    if "commit" in peer.may and listening_host(peer) is None and peer.ae_title not in called:
        yield Finding(
            (("peers", name, "may"), ("peers", name, "port")),
            "the peer may ask for storage commitment, and hears the report only if it keeps its "
            "association open: nothing says where it listens",
            'Say host and port of its own listener, or take "commit" out of may',
        )


def _called_titles(config: Config, name: str, peer: PeerSettings) -> Iterator[Finding]:
    dimse = config.sources.dimse
    ours = {config.gateway.ae_title, *dimse.called_ae_titles, *titles_of(config.entities)}
    strangers = [title for title in peer.called_ae_titles if title not in ours]
    if strangers and dimse.check_called_ae_title:
        yield Finding(
            (
                ("peers", name, "called_ae_titles"),
                ("gateway", "ae_title"),
                ("sources", "dimse", "called_ae_titles"),
            ),
            f"{strangers[0]!r} is not an AE title of ours ({', '.join(sorted(ours))}), so nobody "
            "can call it",
            "Add it to called_ae_titles of [sources.dimse], or correct it here",
        )


def _data_folder(data: Path) -> Iterator[Finding]:
    """Look whether the folder is there and ours, or could be made; makes nothing."""
    path = (("gateway", "data"),)
    try:
        existing = next(folder for folder in (data, *data.parents) if folder.exists())
    except (OSError, StopIteration) as error:
        # A name in it is too long, a link leads round in circles, …
        why = getattr(error, "strerror", "there is nothing of it")
        yield Finding(path, f"'{data}' cannot be a folder: {why}", "Name another folder")
        return
    if not existing.is_dir():
        message = f"'{existing}' is a file"
        if existing != data:
            message += f", so there can be no folder '{data}'"
        yield Finding(path, message, "Name another folder, or move the file away")
    elif not os.access(existing, os.W_OK | os.X_OK):
        what = "is not writable" if existing == data else f"cannot be made in '{existing}'"
        yield Finding(
            path,
            f"'{data}' {what} for the user who runs this (uid {os.geteuid()})",
            remedy_of(existing),
        )
