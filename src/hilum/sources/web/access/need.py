"""What a request needs to be let in: by its method and the family of its path. A pure function."""

import enum
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from hilum.sources.web.caller import Role


class Family(enum.Enum):
    """Paths that are guarded alike."""

    LIFE = "life"  # anybody: it only says that a process lives
    HEALTH = "health"  # this machine, whoever metrics_from names, or somebody known
    API = "api"  # about the gateway itself
    ENTITY = "entity"  # what is held, of one entity
    PAGE = "page"  # a page without data, for somebody known
    OTHER = "other"  # what is held, of all of them


@dataclass(frozen=True, slots=True)
class Need:
    """What a request needs. `entity`: the AE title of the entity that it is for, or ""."""

    family: Family
    role: Role
    entity: str = ""


_LIFE: Final = b"/livez"
_HEALTH: Final = frozenset((b"/readyz", b"/healthz", b"/metrics"))
_API: Final = "api"
_ROOT: Final = "dicom-web"
_WADO_URI: Final = "wado"
_AETS: Final = "aets"
_FHIR: Final = "fhir"
_PAGES: Final = frozenset(("viewer", "ohif"))
_READING: Final = frozenset(("GET", "HEAD", "OPTIONS"))


def need_of(method: str, raw_path: bytes, own_title: str) -> Need:
    """Say what a request needs; `own_title` is the entity of the root that has no title in it."""
    if raw_path == _LIFE:
        return Need(Family.LIFE, "read")
    if raw_path in _HEALTH:
        return Need(Family.HEALTH, "read")
    written = raw_path.decode("latin-1")
    parts = written.split("/")[1:]
    is_api = parts[:1] == [_API]
    if "%" in written:
        # Escaped slashes count where the API is looked for, and are part of a title elsewhere.
        is_api = unquote(written).split("/")[1:2] == [_API]
        parts = [unquote(part) for part in parts]
    if is_api:
        return Need(Family.API, "admin")
    first, *rest = parts or [""]
    role = _role(method, first, rest)
    if first in {_ROOT, _WADO_URI, _FHIR}:
        return Need(Family.ENTITY, role, own_title)
    if first == _AETS and rest:
        return Need(Family.ENTITY, role, rest[0])
    return Need(Family.PAGE if first in _PAGES else Family.OTHER, role)


def _role(method: str, first: str, rest: list[str]) -> Role:
    is_search = method == "POST" and first == _FHIR and rest[-1:] == ["_search"]
    if method in _READING or is_search:
        return "read"
    return "delete" if method == "DELETE" else "write"
