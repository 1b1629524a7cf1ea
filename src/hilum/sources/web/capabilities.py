"""What there is under a root, for programs that ask first (PS3.18 §8.9): WADL as XML or JSON.

Made from the handlers that answer: it promises nothing that would be a 501.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from hilum.dicom.dictionary import entry
from hilum.dicomweb.choice import Choice
from hilum.dicomweb.choices import IMAGE_TYPES, JSON, XML
from hilum.dicomweb.entity_tag import entity_tag
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.request_path import resource_of
from hilum.dicomweb.resource import (
    Capabilities,
    Entity,
    Resource,
    RetrieveInstances,
    Search,
    Store,
)
from hilum.imaging.picture import PICTURE_TYPES
from hilum.query.attributes import KEYS
from hilum.query.level import Level
from hilum.sources.web.conditional import is_known, not_modified
from hilum.sources.web.events import kind_of
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.medium import PARAMETER as MEDIUM
from hilum.sources.web.wadl import Node, wadl_json, wadl_xml

WADL: Final = "application/vnd.sun.wadl+xml"
_CHOICES: Final = (Choice(WADL), Choice(JSON), Choice(XML))
_METHODS: Final = ("GET", "POST", "DELETE")

_WITHIN: Final = (
    "/studies/{study}",
    "/studies/{study}/series/{series}",
    "/studies/{study}/series/{series}/instances/{instance}",
    "/series/{series}",
    "/series/{series}/instances/{instance}",
    "/studies/{study}/instances/{instance}",
    "/instances/{instance}",
)
_ENDS: Final = ("", "/metadata", "/rendered", "/thumbnail", "/pixeldata", "/bulkdata")
_ENDS_OF_INSTANCES: Final = (
    "/frames/{frames}",
    "/frames/{frames}/rendered",
    "/frames/{frames}/thumbnail",
    "/bulkdata/{path}",
)
_SEARCHED: Final = (
    "/patients",
    "/studies",
    "/series",
    "/instances",
    "/studies/{study}/series",
    "/studies/{study}/instances",
    "/studies/{study}/series/{series}/instances",
    "/series/{series}/instances",
)
# UIDs and numbers that stand for any.
_SAMPLES: Final = {
    "study": "1.2", "series": "1.3", "instance": "1.4", "frames": "1", "path": "7FE00010",
}  # fmt: skip

_MULTIPART: Final = 'multipart/related; type="{}"'
_DICOM: Final = "application/dicom"
_OCTETS: Final = _MULTIPART.format("application/octet-stream")
_JSON_OR_XML: Final = (
    "application/dicom+json",
    _MULTIPART.format("application/dicom+xml"),
    "application/json",
)
_AS_STORED: Final = tuple(dict.fromkeys([names[0] for names in IMAGE_TYPES.values()]))
_GIVES: Final[Mapping[str, tuple[str, ...]]] = {
    "search": _JSON_OR_XML,
    "metadata": _JSON_OR_XML,
    "store": ("application/dicom+json", "application/dicom+xml"),
    "instances": (_MULTIPART.format(_DICOM), _DICOM, "application/zip"),
    "frames": (_OCTETS, "application/octet-stream", *_AS_STORED),
    "bulkdata": (_OCTETS, "application/octet-stream"),
    "pixeldata": (_OCTETS,),
    "rendered": (*PICTURE_TYPES, *[one for one in _AS_STORED if one.startswith("video/")]),
    "thumbnail": PICTURE_TYPES,
}
_TAKES: Final = (_MULTIPART.format(_DICOM), _DICOM, *_JSON_OR_XML[:2])
_OPTIONS: Final = ("limit", "offset", "includefield", "fuzzymatching", "emptyvaluematching",
                   "multiplevaluematching")  # fmt: skip
_LEVELS: Final = {
    Entity.PATIENT: Level.PATIENT,
    Entity.STUDY: Level.STUDY,
    Entity.SERIES: Level.SERIES,
    Entity.INSTANCE: Level.IMAGE,
}


class Describer:
    """Answers what a root offers; `offered`: the resources that have handlers."""

    def __init__(self, offered: Iterable[type[Resource]]) -> None:
        self._offered = frozenset(offered)

    async def __call__(self, exchange: Exchange, resource: Resource) -> Reply:
        """Answer one request. Raises RequestRefused: 406."""
        assert isinstance(resource, Capabilities)  # noqa: S101 - what it is registered for
        choice = exchange.accepted().choose(_CHOICES)
        base = str(exchange.root)
        tag = entity_tag("capabilities", base, str(choice), *sorted(map(str, self._offered)))
        if is_known(exchange, tag):
            return not_modified(tag)
        tree = self.tree(base)
        body = wadl_json(tree) if choice.essence == JSON else wadl_xml(tree)
        return Reply(200, choice.essence, body, {"ETag": tag, "Allow": "GET, HEAD, OPTIONS"})

    def tree(self, base: str) -> Node:
        """Give the description as a tree of WADL."""
        found = [
            Node("resource", {"path": path[1:]}, methods)
            for path in _paths()
            if (methods := self._methods(path))
        ]
        return Node("application", {}, [Node("resources", {"base": f"{base}/"}, found)])

    def _methods(self, path: str) -> list[Node]:
        return [
            _method(method, resource)
            for method in _METHODS
            if (resource := _resource(method, path)) and type(resource) in self._offered
        ]


def _paths() -> Iterable[str]:
    yield from _SEARCHED
    for path in _WITHIN:
        ends = _ENDS + (_ENDS_OF_INSTANCES if path.endswith("{instance}") else ())
        yield from (path + end for end in ends)


def _resource(method: str, path: str) -> Resource | None:
    """Give what a path means by the rules that requests are read by; None: not this method."""
    try:
        return resource_of(method, path.format(**_SAMPLES).encode())
    except RequestRefused:
        return None


def _method(method: str, resource: Resource) -> Node:
    kind = kind_of(resource)
    request: list[Node] = []
    if isinstance(resource, Search):
        request += [_parameter(name) for name in (*_OPTIONS, *_keys(resource.entity))]
    if isinstance(resource, RetrieveInstances):
        request.append(_parameter(MEDIUM))
    if isinstance(resource, Store):
        request += [Node("representation", {"mediaType": taken}) for taken in _TAKES]
    given = [Node("representation", {"mediaType": one}) for one in _GIVES.get(kind, ())]
    response = Node("response", {"status": "200" if given else "204"}, given)
    children = [Node("request", {}, request), response] if request else [response]
    return Node("method", {"name": method, "id": kind}, children)


def _parameter(name: str) -> Node:
    return Node("param", {"name": name, "style": "query"})


def _keys(entity: Entity) -> list[str]:
    """Name the attributes that are searched for at a level and above it."""
    found: list[str] = []
    for level in Level:
        if level <= _LEVELS[entity]:
            found += [known.keyword for tag in KEYS[level] if (known := entry(tag))]
    return found
