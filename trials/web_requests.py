"""Hostile requests for the HTTP listener: one seed is one request, always.

Most are nearly right, so that they get as far as the mistake is deep. Nothing of Hilum is used.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from trials import objects, web_bodies

CANARY: Final = "CANARYNAME^SECRET"
CANARY_ID: Final = "CANARY-ID-4711"
TOKEN: Final = "CANARY-TOKEN-of-a-trial"  # opens everything, and is in no log
SOURCE: Final = "127.0.0.2"
# Who fails to log in is slowed down, and so are all behind his address.
GUESSING: Final = "127.0.0.3"
ROOTS: Final = ("/dicom-web", "/aets/HILUM/rs", "/aets/%48ILUM/rs")


@dataclass(frozen=True, slots=True)
class Held:
    """What the gateway holds, to be asked for; `files` are sent to it again, spoiled."""

    study: str
    series: str
    instances: Sequence[str]
    files: Sequence[bytes]


@dataclass(slots=True)
class Request:
    """A request before it is spoiled."""

    method: str = "GET"
    target: str = "/"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is sent; one that is `whole` can be answered without another byte."""

    kind: str
    content: bytes
    is_whole: bool = True
    source: str = SOURCE


Maker = Callable[[random.Random, Held], Request]

# ---- words ---------------------------------------------------------------------------------

_DOTS: Final = (
    *("..", "../..", "%2e%2e", "%2E%2E%2F%2e%2e", "..%2f..%2f..%2fcanary%2fsecret.txt"),
    *("..%5c..", "....//", ".", "%2e", "%252e%252e%252f", "..;", "..%00", "%c0%ae%c0%ae%c0%af"),
)
_CANARIES: Final = ("../canary/secret.txt", "canary/secret.txt", "../hilum.toml", "ledger.sqlite")
_SEGMENTS: Final = (
    *("", "%", "%z", "%00", "%0d%0aX-Injected:%20yes", "%ff%fe", "%f0%9f%92%a9", "%2f", "a" * 5000),
    *("1" * 64, "1" * 65, "1.2.", ".1", "1..2", "01.2", "1.2.3%20", "1.2.3%00", "0", "-1", "1e9"),
    *("1.2.3\\1.2.4", "*", "?", "'%20OR%201=1--", "${jndi:x}", "<script>", "{}", "[]", "\xe4"),
)
_FRAMES: Final = (
    *("1", "1,2,3", "0", "-1", "2,1,2", "99999", "1,", ",", "1-3", "01", "1%2C2", "4294967296"),
    *("9" * 30, ",".join(["1"] * 3000), ",".join(map(str, range(1, 9000))), "\u0661", "1;2"),
)
_VALUES: Final = (
    *("", "*", "?", "**", "*" * 300, "\\", "1\\2", "%", "%00", "%ff", "%E4", "%5C", "a" * 8000),
    *("-", "20260101-", "-20260101", "20269999", "20260101-20250101", "0" * 40, "-1", "1e400"),
    *("999999999999999999999", "NaN", "true", "'", "%27;DROP%20TABLE%20instance;--", "_", "[a-z]*"),
    *(CANARY.replace("^", "%5E"), CANARY_ID, "%F0%9F%98%80", "%1B%24%42", "1.2.3,1.2.4", "all"),
)
_KEYS: Final = (
    *("PatientName", "PatientID", "StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy"),
    *("StudyInstanceUID", "00100010", "0010001", "00100010.00100020", "00081199.00081155", "Modal"),
    *("RequestAttributesSequence.ScheduledProcedureStepID", "includefield", "fuzzymatching"),
    *("limit", "offset", "timezoneadjustment", "emptyvaluematching", "multiplevaluematching"),
    *("PixelData", "7FE00010", "FFFEE000", "99999999", "orderby", "accept", "charset", "", "%00"),
)
_PICTURE_KEYS: Final = (
    *("window", "viewport", "quality", "iccprofile", "annotation", "rows", "columns", "region"),
    *("windowCenter", "windowWidth", "imageQuality", "frameNumber", "presentationUID"),
)
_PICTURE_VALUES: Final = (
    *("1,1,linear", "0,0,linear", "nan,1,linear", "1e308,1e308,sigmoid", "1,-1,linear-exact"),
    *("100,100", "0,0", "100000,100000", "1,1,9,9,9,9", "-1,-1", "1,1,-5,-5,-5,-5", "101", "100"),
    *("patient", "patient,technique", "srgb", "no", "yes", "0,0,1,1", "1e400,1,linear", ",,,,,,,"),
)
_FHIR: Final = (
    *("metadata", "ImagingStudy", "ImagingStudy/1.2.3", "ImagingStudy/_search", "Patient/1"),
    *("Endpoint", "Endpoint/..", "ImagingStudy/urn:oid:1.2", "$export", "ImagingStudy?_id="),
)
_FHIR_KEYS: Final = (
    *("_id", "patient", "identifier", "started", "modality", "_count", "_sort", "_format"),
    *(
        "_include",
        "_lastUpdated",
        "status",
        "endpoint",
        "_summary",
        "_page",
        "_offset",
        "_getpages",
    ),
)
_FHIR_VALUES: Final = (
    *("gt2026", "lt9999-99-99", "eq0000", "json", "xml", "application/fhir+json;fhirVersion=9.9"),
    *("urn:oid:|", "|", "a|b|c", "Patient/../..", "-1", "999999999999", "ne2026-01-01T25:61:61Z"),
)
_OTHERS: Final = (
    *("/viewer/", "/viewer/..%2f..%2fcanary%2fsecret.txt", "/viewer/../canary/secret.txt"),
    *("/viewer//etc/passwd", "/viewer/%2fetc%2fpasswd", "/ohif/", "/ohif/app-config.js"),
    *("/ohif/..%2f..%2fcanary%2fsecret.txt", "/ohif/viewer?StudyInstanceUIDs=1.2.3", "/ohif/%00"),
    *("/", "//", "/metrics", "/livez/", "/readyz?x=%ff", "/healthz", "/api/v1/openapi.json"),
    *("/api/v1/queue?limit=-1", "/api/v1/queue?after=99999999999999999999", "/api/v1/explain/%00"),
    *("/api/v1/explain/..%2f..", "/api/v1/queue/retry", "/aets", "/aets/", "/aets/%ff/rs/studies"),
    *("/aets/NOBODY/rs/studies", "http://elsewhere.example.org/dicom-web/studies", "*", "studies"),
)
_ACCEPTS: Final = (
    *("", "*/*", "a", "/", "*/json", "multipart/related", 'multipart/related; type="*/*"', ",,,"),
    *("multipart/related; type=application/dicom; transfer-syntax=*", "image/*;q=2", "image/png"),
    *('multipart/related; type="application/dicom', "application/dicom;q=NaN", "text/html;q=0"),
    *(
        "application/dicom+json, " * 400,
        ";" * 3000,
        '"' * 999,
        "application/dicom+xml",
        "image/gif",
    ),
    *("multipart/related; type=image/jpeg; transfer-syntax=1.2.3", "video/mp4", "application/zip"),
    *("multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.50",),
)
_RANGES: Final = (
    *("bytes=0-0", "bytes=-1", "bytes=-0", "bytes=5-2", "bytes=99999999999999999999-", "bytes=a-b"),
    *("bytes=0-1,2-3", "bytes=" + "0-0," * 2000, "lines=1-2", "bytes", "bytes=--1", "bytes=\xb2-"),
)
_FORWARDED: Final = (
    *(
        'for="[::1]";host="a\\"b";proto=javascript',
        "host=evil.example;proto=http",
        "for=_,for=,,=;",
    ),
    *('host="' + "x" * 4000 + '"', "by=1;for=2;host=\x7f", "proto=https;host=[::1", "host=a/../b"),
)
_HEADER_VALUES: Final[dict[str, Sequence[str]]] = {
    "Accept": _ACCEPTS,
    "Range": _RANGES,
    "Forwarded": _FORWARDED,
    "X-Forwarded-Host": ("a b", "evil.example:99999", "[::", "", "x" * 4000, "a,b,c", "\xff"),
    "X-Forwarded-Proto": ("gopher", "https,http", ""),
    "X-Forwarded-For": ("10.0.0.1", "::ffff:1.2.3.4%eth0", "unknown," * 500, "999.1.1.1"),
    "X-Forwarded-Prefix": ("/../..", "//evil.example", "x" * 4000),
    "Host": ("", "a:b", "[::1]:", "127.0.0.1:99999", "x" * 5000, "a@b", "\x80"),
    "If-None-Match": ("*", '"', 'W/"a', '"a",' * 900, '""'),
    "Accept-Encoding": ("gzip;q=x", "identity;q=0", "*;q=0", "br,zstd", "gzip," * 900),
    "Accept-Charset": ("utf-8;q=0", "iso_ir 9999", "iso-8859-5", "*"),
    "Content-Type": ("", "application/json", "multipart/related; boundary=", "text/\x01"),
    "Content-Encoding": ("gzip", "deflate", "br", "identity"),
    "Expect": ("100-continue", "200-ok"),
    "Transfer-Encoding": ("gzip", "chunked, chunked", "identity"),
    "Origin": ("null", "http://evil.example.org", "\x7f"),
    "Authorization": ("Bearer", "Bearer a.b.c", "Basic %%%", "Digest x", "Bearer " + "a" * 9000),
    "Upgrade": ("websocket", "h2c"),
    "Content-Location": ("../../canary/x", "\xff"),
    "Cookie": ("a=b; " * 3000,),
}
_METHODS: Final = (
    *("HEAD", "POST", "PUT", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "MOVE"),
    *("get", "GÉT", "", "G" * 200, "SEARCH", "M-SEARCH", "PURGE"),
)


# ---- requests ------------------------------------------------------------------------------


def _place(chooser: random.Random, held: Held) -> str:
    study = f"/studies/{held.study}"
    series = f"{study}/series/{held.series}"
    one = chooser.choice(held.instances)
    flat = (f"/series/{held.series}", f"/instances/{one}")
    return chooser.choice((study, series, f"{series}/instances/{one}", *flat))


def _parameters(chooser: random.Random, keys: Sequence[str], values: Sequence[str]) -> str:
    count = chooser.choice((0, 1, 1, 2, 5, 300 if chooser.random() < 0.05 else 3))
    pairs = [f"{chooser.choice(keys)}={chooser.choice(values)}" for _ in range(count)]
    return chooser.choice(("?", "?", "??", "?&")) + chooser.choice(("&", "&", ";")).join(pairs)


def _search(chooser: random.Random, held: Held) -> Request:
    where = chooser.choice(("/studies", "/series", "/instances", "/patients"))
    if chooser.random() < 0.3:
        where = f"/studies/{held.study}/{chooser.choice(('series', 'instances'))}"
    return Request(
        target=chooser.choice(ROOTS) + where + _parameters(chooser, _KEYS, _VALUES),
        headers=[("Accept", "application/dicom+json")],
    )


def _retrieve(chooser: random.Random, held: Held) -> Request:
    part = chooser.choice(("", "", "/metadata", "/bulkdata", "/bulkdata/7FE00010", "/pixeldata"))
    if chooser.random() < 0.3:
        part = f"/bulkdata/{chooser.choice(_SEGMENTS + _DOTS + _CANARIES)}"
    return Request(target=chooser.choice(ROOTS) + _place(chooser, held) + part)


def _frames(chooser: random.Random, held: Held) -> Request:
    one = f"/studies/{held.study}/series/{held.series}/instances/{chooser.choice(held.instances)}"
    part = chooser.choice(("", "", "/rendered", "/thumbnail"))
    return Request(target=f"{chooser.choice(ROOTS)}{one}/frames/{chooser.choice(_FRAMES)}{part}")


def _picture(chooser: random.Random, held: Held) -> Request:
    part = chooser.choice(("/rendered", "/thumbnail"))
    query = _parameters(chooser, _PICTURE_KEYS, _PICTURE_VALUES)
    return Request(target=chooser.choice(ROOTS) + _place(chooser, held) + part + query)


def _wado_uri(chooser: random.Random, held: Held) -> Request:
    keys = ("requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax")
    one = chooser.choice(held.instances)
    right = f"?requestType=WADO&studyUID={held.study}&seriesUID={held.series}&objectUID={one}"
    values = (*_VALUES, *_PICTURE_VALUES, *_ACCEPTS[:8], "WADO", one)
    wrong = _parameters(chooser, keys + _PICTURE_KEYS, values)[1:]
    roots = ("/dicom-web", "/dicom-web/wado", "/wado", "/aets/HILUM/wado", "/dicom-web/")
    return Request(target=f"{chooser.choice(roots)}{chooser.choice((right + '&', '?'))}{wrong}")


def _fhir(chooser: random.Random, held: Held) -> Request:
    root = chooser.choice(("/fhir", "/fhir", "/fhir/R4", "/fhir/R5", "/aets/HILUM/fhir"))
    query = _parameters(chooser, _FHIR_KEYS, (*_FHIR_VALUES, *_VALUES, held.study))
    return Request(chooser.choice(("GET", "GET", "POST")), f"{root}/{chooser.choice(_FHIR)}{query}")


def _remove(chooser: random.Random, held: Held) -> Request:
    where = chooser.choice(("/studies", "/series", "/instances", f"/studies/{held.study}/series"))
    # Never what is held to be asked for; what was made of metadata and pixels goes, and comes back.
    words = (*_SEGMENTS, *_DOTS, *_CANARIES, *[objects.instance_uid(98)] * 20)
    return Request("DELETE", f"{chooser.choice(ROOTS)}{where}/{chooser.choice(words)}")


def _other(chooser: random.Random, held: Held) -> Request:
    if chooser.random() < 0.6:
        return Request(target=chooser.choice(_OTHERS))
    tails = (*_SEGMENTS, *_DOTS, *_CANARIES, held.study)
    heads = (*ROOTS, "/viewer", "/ohif", "/api/v1", "/api/v1/explain", "/fhir", "/aets", "")
    return Request(
        target="/".join([chooser.choice(heads), *chooser.choices(tails, k=chooser.randint(1, 4))])
    )


def _store(chooser: random.Random, held: Held) -> Request:
    kind, body = web_bodies.body(chooser, held.files)
    study = chooser.choice(("", "", f"/{held.study}", "/1.2.3", f"/{chooser.choice(_SEGMENTS)}"))
    accept = chooser.choice(("application/dicom+json", "application/dicom+xml", "*/*", "x"))
    return Request(
        "POST",
        f"{chooser.choice(ROOTS)}/studies{study}",
        [("Content-Type", kind), ("Accept", accept)],
        body,
    )


MAKERS: Final[dict[str, tuple[Maker, int]]] = {
    "search": (_search, 20),
    "retrieve": (_retrieve, 15),
    "frames": (_frames, 8),
    "picture": (_picture, 8),
    "WADO-URI": (_wado_uri, 6),
    "FHIR": (_fhir, 8),
    "delete": (_remove, 5),
    "other": (_other, 10),
    "store": (_store, 20),
}


def attempt(seed: int, held: Held) -> Attempt:
    """Give the request of `seed`, with mistakes in its words, its headers or its framing."""
    chooser = random.Random(seed)
    kind = chooser.choices(list(MAKERS), [weight for _, weight in MAKERS.values()])[0]
    request = MAKERS[kind][0](chooser, held)
    for _ in range(chooser.choice((0, 0, 1, 1, 2, 4))):
        name = chooser.choice([*_HEADER_VALUES, "Accept", "Accept", "Range", "Forwarded"])
        request.headers.append((name, chooser.choice(_HEADER_VALUES[name])))
    is_guess = any(name == "Authorization" for name, _ in request.headers)
    if not is_guess and chooser.random() < 0.9:
        request.headers.append(("Authorization", f"Bearer {TOKEN}"))
    if chooser.random() < 0.1:
        request.method = chooser.choice(_METHODS)
    if chooser.random() < 0.1:
        at = chooser.randrange(len(request.target) + 1)
        request.target = request.target[:at] + chooser.choice(_SEGMENTS) + request.target[at:]
    line = f"{request.method} {request.target} HTTP/1.1\r\n"
    content, is_whole = web_bodies.framed(chooser, line, request.headers, request.body)
    names = {name for name, _ in request.headers}
    # What says how long the body is, twice and not the same, may be waited for.
    is_whole &= not names & {"Transfer-Encoding", "Expect", "Upgrade"}
    is_whole &= request.method != "CONNECT"
    is_guess |= f"Bearer {TOKEN}\r\n".encode() not in content
    return Attempt(kind, content, is_whole, GUESSING if is_guess else SOURCE)
