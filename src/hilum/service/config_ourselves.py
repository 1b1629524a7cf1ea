"""Destinations that are the gateway itself, and which of its entities stands behind them."""

from typing import Final
from urllib.parse import unquote, urlsplit

from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.destinations.settings import DestinationSettings
from hilum.service.config_settings import Config
from hilum.sources.web.door import ROOT

_THIS_MACHINE: Final = frozenset(("127.0.0.1", "localhost", "::1"))
_EVERY_ADDRESS: Final = frozenset(("0.0.0.0", "::"))  # noqa: S104 — compared, not bound


def is_this_gateway(config: Config, destination: DestinationSettings) -> bool:
    """Tell whether a destination is a listener of ours."""
    if isinstance(destination, DimseDestinationSettings):
        dimse = config.sources.dimse
        ports = [dimse.port] if dimse.plain else []
        ports += [dimse.tls.port] if dimse.tls else []
        return destination.port in ports and _is_here(destination.host, dimse.host)
    if isinstance(destination, DicomWebDestinationSettings):
        web, url = config.sources.web, urlsplit(destination.url)
        ports = [web.port] if web.is_plain else []
        ports += [web.tls.port] if web.tls else []
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        return web.enabled and port in ports and _is_here(url.hostname or "", web.host)
    return False


def title_behind(config: Config, destination: DestinationSettings) -> str:
    """Give the AE title of our own entity that a destination reaches; "" if it reaches none."""
    if not is_this_gateway(config, destination):
        return ""
    if isinstance(destination, DimseDestinationSettings):
        return destination.ae_title
    if not isinstance(destination, DicomWebDestinationSettings):
        return ""
    path = unquote(urlsplit(destination.url).path).rstrip("/")
    if path == ROOT:
        return config.gateway.ae_title
    return path.removeprefix("/aets/").removesuffix("/rs") if path.startswith("/aets/") else ""


def _is_here(host: str, listening: str) -> bool:
    return host in _THIS_MACHINE or (host == listening and listening not in _EVERY_ADDRESS)
