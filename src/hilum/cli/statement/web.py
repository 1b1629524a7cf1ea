"""The gateway as an origin server of DICOMweb (PS3.18): what it answers, from its own tables."""

from collections.abc import Iterator
from typing import Final

from hilum.cli.statement.markdown import bullets, code, heading, table
from hilum.dicom.dictionary import entry
from hilum.dicomweb.http_status import describe_status
from hilum.query.attributes import DEFAULTS
from hilum.query.level import Level
from hilum.service.config_settings import Config
from hilum.sources.web.assembly import ENTITIES, OFFERED
from hilum.sources.web.capabilities import Describer
from hilum.sources.web.door import ROOT
from hilum.sources.web.wadl import Node

# Paths without those above: the same as the others, which are told of.
_FLAT: Final = ("series/{", "instances/{", "studies/{study}/instances/{")
# What each status of ours says; those of single instances are in the answer of a store.
_STATUSES: Final = {
    200: "done; of a search without results too, as long as sources.web.empty_search says so",
    202: "stored, but not all of it, or with warnings",
    204: "done, and nothing to say",
    206: "the range that was asked for",
    304: "the client has it already (If-None-Match)",
    400: "the request has no meaning; the parameter or part of the path is named",
    401: "credentials are missing or not valid",
    403: "the caller may not do this",
    404: "nothing of that is held, or there is no such resource",
    405: "the resource does not take this method; Allow has those that it takes",
    406: "Accept has nothing of what there is; the answer says what that is",
    408: "the body comes too slowly",
    409: "none of the instances was stored, or what is to be deleted is still owed",
    412: "If-Match names no ETag of what there is; storing and deleting have no conditions",
    413: "the body is too long",
    414: "the path or query string is too long",
    415: "the body is of a type or encoding that is not taken",
    416: "the range is outside of the body",
    501: "a resource of the standard that is not offered",
    503: "not now: no room, or the ledger cannot be asked; Retry-After says when to try again",
    507: "there is no room to keep account of the access",
}


def web(config: Config) -> Iterator[str]:
    """Give the sections about DICOMweb."""
    yield heading(3, f"3.3 Web services ({code(ROOT)})")
    settings = config.sources.web
    if not (settings.enabled and settings.dicomweb):
        yield "Not offered: sources.web says so."
        return
    title = config.gateway.ae_title
    yield (
        f"The gateway is an origin server of DICOMweb (PS3.18) under {code(ROOT)} and "
        f"{code(f'{ENTITIES}/{title}/rs')}. What it can do is also told by itself: "
        f"{code(f'OPTIONS {ROOT}')} (PS3.18 §8.9)."
    )
    yield heading(4, "3.3.1 Resources")
    yield table(("Resource", "Methods", "Media types of answers, the default first"), _resources())
    yield (
        "HEAD is answered where GET is, OPTIONS everywhere. Studies and series may be left out of "
        "paths: `/series/{series}…`, `/instances/{instance}…`."
    )
    yield (
        "Answers of which all is known before they begin have an ETag; If-None-Match, If-Match and "
        "If-Range are heard there. Dates are not: there is no Last-Modified. `annotation` is not "
        "drawn into pictures: a Warning header says so."
    )
    yield from _searching(config)
    yield heading(4, "3.3.3 Statuses")
    yield table(("Status", "Meaning"), _told_statuses())
    yield "Every refusal has a body of type `application/problem+json` that says what was wrong."


def _resources() -> Iterator[tuple[str, str, str]]:
    [resources] = Describer(OFFERED).tree("").children
    for resource in resources.children:
        path, methods = resource.attributes["path"], resource.children
        if path.startswith(_FLAT):
            continue
        gets = [method for method in methods if method.attributes["name"] == "GET"]
        given = [one for method in gets for one in _media_types(method)]
        names = ", ".join([method.attributes["name"] for method in methods])
        yield code(f"/{path}"), names, ", ".join(map(code, given))


def _media_types(method: Node) -> Iterator[str]:
    for response in method.children:
        if response.name == "response":
            yield from (one.attributes["mediaType"] for one in response.children)


def _searching(config: Config) -> Iterator[str]:
    settings = config.sources.web
    yield heading(4, "3.3.2 Search")
    yield bullets(
        "Keys and matching are those of 3.1.4.4, by keyword or tag, within sequences by dots. "
        "Dates and times of one name are combined. All queries are relational. Wild cards and "
        "lists of UIDs with commas; empty values are universal.",
        "Attributes that are not known at a level are left out of the question, with a Warning "
        "header that names them. What has no meaning is refused with 400.",
        "`includefield` (commas, repeated, `all`, within sequences), `fuzzymatching`, `limit`, "
        "`offset`, `emptyvaluematching`, `multiplevaluematching`. Pages are stable.",
        f"Results of one search: at most {settings.search_limit:,}. When there are more than are "
        "answered, a Warning header says so (PS3.18 §8.3.4.4).",
    )
    yield table(("Level", "Answered without being asked for"), _defaults())


def _defaults() -> Iterator[tuple[str, str]]:
    for level in Level:
        names = [known.keyword for tag in DEFAULTS[level] if (known := entry(tag))]
        yield level.name, ", ".join(map(code, names))


def _told_statuses() -> Iterator[tuple[str, str]]:
    for status, meaning in _STATUSES.items():
        yield describe_status(status), meaning
