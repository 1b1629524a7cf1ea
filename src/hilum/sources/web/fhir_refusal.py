"""Refusals as FHIR's clients read them: an OperationOutcome in the release that they speak."""

import json
from collections.abc import Mapping
from typing import Any, Final

from hilum.dicomweb.percent import query_pairs
from hilum.dicomweb.refusal import RequestRefused
from hilum.fhir.outcome import Refused, outcome
from hilum.fhir.release import Release, release_of
from hilum.sources.web.exchange import Reply

ROOT: Final = "/fhir"
# FHIR's value set issue-type, by status.
_ISSUES: Final = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    413: "too-long",
    414: "too-long",
    415: "not-supported",
    429: "throttled",
    501: "not-supported",
    503: "transient",
    504: "timeout",
    507: "no-store",
}
_NO_HEADERS: Final[Mapping[str, str]] = {}


def is_fhir(raw_path: bytes) -> bool:
    """Tell whether a path is one of FHIR's."""
    root = ROOT.encode()
    return raw_path == root or raw_path.startswith(root + b"/")


def spoken_by(accept: str, query: bytes) -> Release:
    """Give the release to refuse in; R4 where none can be made out."""
    try:
        formats = [value for name, value in query_pairs(query) if name == "_format"]
        return release_of(accept, formats)
    except (RequestRefused, Refused):
        return Release.R4


def fhir_refused(refusal: RequestRefused, release: Release) -> Reply:
    """Answer with a refusal."""
    told = outcome("error", _ISSUES.get(refusal.status, "exception"), refusal.reason)
    return fhir_reply(refusal.status, told, release, refusal.headers)


def fhir_reply(
    status: int,
    resource: Mapping[str, Any],
    release: Release,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> Reply:
    """Answer with a resource."""
    body = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, release.content_type, body, {"Cache-Control": "no-store", **headers})
