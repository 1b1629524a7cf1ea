"""Addresses of HTTP services: what may stand in a setting, and what makes two the same place."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urljoin, urlsplit

URL_LENGTH_MAX: Final = 2000
# Most requests go to the same few addresses.
_REMEMBERED_MAX: Final = 256
_PORTS: Final = {"http": 80, "https": 443}
_ODD: Final = re.compile(r"[\x00-\x20\x7f-\U0010ffff\"<>\\^`{|}]")


def web_address(text: str) -> str:
    """Check that `text` is the address of an HTTP service; give it without a slash at its end.

    Raises:
        ValueError: it is not, or has something in it that belongs elsewhere.
    """
    if len(text) > URL_LENGTH_MAX or _ODD.search(text):
        raise ValueError("this is no URL: it is too long, or has characters that must be escaped")
    parts = urlsplit(text)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{text!r} is no URL; write it like https://pacs.example.org/dicom-web")
    if parts.username is not None or parts.password is not None:
        # Not repeated here: it has a password in it.
        raise ValueError("this URL has a user or a password in it; they go in keys of their own")
    if parts.query or parts.fragment:
        raise ValueError(f"{text!r} has a query or a fragment; only the path of the service counts")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError(f"{text!r} has a port that cannot be") from None
    return text.rstrip("/")


@lru_cache(_REMEMBERED_MAX)
def origin_of(url: str) -> str:
    """Give scheme, host and port of a URL: credentials may go there and nowhere else."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{parts.port or _PORTS[parts.scheme]}"


def redirected(url: str, location: str) -> str | None:
    """Give where `location` leads to, when that is the same place; None: it leads elsewhere."""
    try:
        target = urljoin(url, location)
        is_same = len(target) <= URL_LENGTH_MAX and origin_of(target) == origin_of(url)
    except (ValueError, KeyError):
        return None
    return target if is_same and not _ODD.search(target) else None


def origin_in_words(url: str, location: str) -> str:
    """Name the place `location` leads to, without its path, which may say more than we may log."""
    try:
        return origin_of(urljoin(url, location))
    except (ValueError, KeyError):
        return "an address that cannot be read"
