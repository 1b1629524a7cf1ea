"""Where fetched payloads lie: below `cache`, by answerer, study and series.

Names are made of the names of answerers and of valid UIDs, never of a peer's text.
"""

import hashlib
import re
from typing import Final

from hilum.kernel.names import is_uid
from hilum.vault.layout import SUFFIX

CACHE: Final = "cache"
# What is being removed: no answerer has a name that begins so.
GOING: Final = f"{CACHE}/.going"
INDEX: Final = "index"
METADATA: Final = "metadata"
# How marks of use begin: see `leases`.
LEASE: Final = "used-"
# Sections of the configuration are named so; whatever else there may be is hashed.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_NAME: Final = re.compile(r"[0-9.]{1,64}/[0-9.]{1,64}-[0-9a-f]{1,40}\.dcm", re.ASCII)


def study_place(answerer: str, study: str) -> str:
    """Give the folder of a study, from the vault's root. The UID is valid."""
    if not is_uid(study):
        raise AssertionError("a study is looked for by a valid UID")
    return f"{CACHE}/{_folder_of(answerer)}/{study}"


def name_of(*, series: str, instance: str, serial: str) -> str:
    """Give the name of a payload within the folder of its study; `serial` makes it unique."""
    if not (is_uid(series) and is_uid(instance)):
        raise AssertionError("a payload is named by valid UIDs")
    return f"{series}/{instance}-{serial}{SUFFIX}"


def is_name(text: str) -> bool:
    """Tell whether a text could be from `name_of`; what a damaged index says could be anything."""
    return _NAME.fullmatch(text) is not None and is_uid(text.partition("/")[0])


def place_of(path: str) -> str:
    """Give the folder of the study of a payload, from its path."""
    return path.rsplit("/", 2)[0]


def _folder_of(answerer: str) -> str:
    if _PLAIN.fullmatch(answerer):
        return answerer
    return f"-{hashlib.blake2b(answerer.encode(), digest_size=16).hexdigest()}"
