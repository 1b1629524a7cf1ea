"""Bodies of STOW-RS and how they are framed, cut and spoiled; bytes only."""

import json
import random
import struct
import zlib
from collections.abc import Sequence
from typing import Final

from trials import objects
from trials.mutation import LENGTHS, STRINGS
from trials.wire import CT_IMAGE_STORAGE

BOUNDARY: Final = "boundary-of-a-trial"
DICOM: Final = "application/dicom"
_TYPES: Final = (DICOM, "application/dicom+json", "application/dicom+xml", "image/jpeg", "", "x/y")
_LOCATIONS: Final = (
    "bulk",
    "../../canary/x",
    "",
    "file:/etc/passwd",
    "http://127.0.0.1/",
    "\xff",
)
_ITEMS_MAX: Final = 2_000
Body = tuple[str, bytes]


def body(chooser: random.Random, files: Sequence[bytes]) -> Body:
    """Give a media type and a body that was right before something was done to it."""
    kind, content = chooser.choice((_of_files, _of_files, _of_json, _of_xml, _alone))(
        chooser, files
    )
    spoiled = bytearray(content)
    for _ in range(chooser.choice((0, 1, 1, 2, 8))):
        _spoil(chooser, spoiled)
    if chooser.random() < 0.1:
        kind = chooser.choice(_KINDS)
    return kind, bytes(spoiled)


# ---- what is right ---------------------------------------------------------------------------


def multipart(parts: Sequence[tuple[str, bytes]], *, kind: str = DICOM) -> Body:
    """Put parts together, each with its header fields (RFC 2046 §5.1)."""
    pieces = [f"--{BOUNDARY}\r\n{head}\r\n".encode("latin-1") + it + b"\r\n" for head, it in parts]
    media_type = f'multipart/related; type="{kind}"; boundary={BOUNDARY}'
    return media_type, b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()


def _of_files(chooser: random.Random, files: Sequence[bytes]) -> Body:
    chosen = chooser.choices(files, k=chooser.choice((1, 1, 2, 6)))
    parts = [(f"Content-Type: {DICOM}\r\n", _spoiled_file(chooser, one)) for one in chosen]
    return multipart(parts)


def _of_json(chooser: random.Random, _: Sequence[bytes]) -> Body:
    data_set = _metadata(chooser)
    text = json.dumps([data_set] * chooser.choice((1, 1, 3)), ensure_ascii=chooser.random() < 0.5)
    if chooser.random() < 0.1:
        depth = chooser.choice((50, 5_000, 50_000))
        text = '[{"00081140":{"vr":"SQ","Value":' * depth + "[]" + "}}]" * depth
    head = "Content-Type: application/dicom+json\r\n"
    return multipart(
        [(head, text.encode("utf-8", "surrogatepass")), _bulk(chooser)],
        kind="application/dicom+json",
    )


def _of_xml(chooser: random.Random, _: Sequence[bytes]) -> Body:
    attributes = "".join(
        f'<DicomAttribute tag="{tag}" vr="{one["vr"]}"><Value number="1">{_first(one)}'
        f"</Value></DicomAttribute>"
        for tag, one in _metadata(chooser).items()
    )
    text = f"<NativeDicomModel>{attributes}</NativeDicomModel>"
    match chooser.randrange(8):
        case 0:
            laughs = "".join(
                f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10)
            )
            text = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>{text.replace("CANARY", "&l9;")}'
        case 1:
            path = "file:/etc/passwd"
            text = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{path}">]>{text.replace("CANARY", "&e;")}'
        case 2:
            text = "<NativeDicomModel>" + '<DicomAttribute tag="00081140" vr="SQ"><Item>' * 5_000
    head = "Content-Type: application/dicom+xml\r\n"
    return multipart(
        [(head, text.encode("utf-8", "surrogatepass")), _bulk(chooser)],
        kind="application/dicom+xml",
    )


def _first(attribute: dict[str, object]) -> str:
    values = attribute.get("Value")
    return str(values[0] if isinstance(values, list) and values else values)


def _alone(chooser: random.Random, files: Sequence[bytes]) -> Body:
    if chooser.random() < 0.7:
        return DICOM, _spoiled_file(chooser, chooser.choice(files))
    return "application/dicom+json", json.dumps([_metadata(chooser)]).encode()


_KINDS: Final = (
    *("multipart/related", "multipart/related; boundary=", "multipart/form-data; boundary=x"),
    *(
        f"multipart/related; boundary={'b' * 300}",
        "application/dicom; boundary=x",
        "",
        "text/plain",
    ),
    *(f"multipart/related; type=application/dicom+xml; boundary={BOUNDARY}", "*/*", "\x00"),
    *(f'multipart/related; type="{DICOM}"; boundary="{BOUNDARY}', "multipart/mixed; boundary=a"),
)


def _bulk(chooser: random.Random) -> tuple[str, bytes]:
    head = f"Content-Type: {chooser.choice(_TYPES)}\r\n"
    head += f"Content-Location: {chooser.choice(_LOCATIONS)}\r\n"
    return head, chooser.randbytes(chooser.choice((0, 100, 512)))


def _metadata(chooser: random.Random) -> dict[str, dict[str, object]]:
    """Give the JSON model of an instance (PS3.18 §F.2), perhaps with a value that is none."""
    uid = objects.instance_uid(98, chooser.randrange(10**9))
    data_set: dict[str, dict[str, object]] = {
        "00080016": {"vr": "UI", "Value": [CT_IMAGE_STORAGE]},
        "00080018": {"vr": "UI", "Value": [uid]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "CANARYNAME^SECRET"}]},
        "00100020": {"vr": "LO", "Value": ["CANARY-ID-4711"]},
        "0020000D": {"vr": "UI", "Value": [objects.instance_uid(98)]},
        "0020000E": {"vr": "UI", "Value": [objects.instance_uid(98, 1)]},
        "00280010": {"vr": "US", "Value": [16]},
        "7FE00010": {"vr": "OW", "BulkDataURI": chooser.choice(_LOCATIONS)},
    }
    values: tuple[object, ...] = (
        *(None, 1e400, -1, 2**70, "x", [], {}, [None], ["\ud800"], [{"Alphabetic": 5}], True),
        *(["1" * 70_000], [[[]]], [{"00080018": 1}], [1.5], ["\0"], ["../../x"], "InlineBinary"),
    )
    for _ in range(chooser.choice((0, 1, 1, 3))):
        tag = chooser.choice((*data_set, "00081140", "FFFEE000", "0002", "zz", "00020010", ""))
        it = data_set.setdefault(tag, {"vr": chooser.choice(("SQ", "UN", "OB", "ZZ", "", "AT"))})
        it[chooser.choice(("Value", "InlineBinary", "BulkDataURI", "vr"))] = chooser.choice(values)
    return data_set


# ---- what is not -----------------------------------------------------------------------------


def _spoiled_file(chooser: random.Random, file: bytes) -> bytes:
    spoiled = bytearray(file)
    for _ in range(chooser.choice((0, 0, 1, 1, 2, 6))):
        # Mistakes among the pixels are not seen; those in the first kilobyte are.
        at = chooser.randrange(max(1, min(len(spoiled) - 8, chooser.choice((400, 1200, 1 << 30)))))
        match chooser.randrange(5):
            case 0 if len(spoiled) > at + 4:
                struct.pack_into("<I", spoiled, at, chooser.choice(LENGTHS))
            case 1:
                spoiled[at : at + 1] = chooser.randbytes(1)
            case 2:
                del spoiled[at:]
            case 3:
                del spoiled[at : at + chooser.choice((1, 2, 8, 132))]
            case _:
                spoiled[at:at] = chooser.choice(STRINGS)
    return bytes(spoiled)


def _spoil(chooser: random.Random, content: bytearray) -> None:
    at = chooser.randrange(len(content) + 1)
    match chooser.randrange(8):
        case 0:
            del content[at:]
        case 1:
            content[at:at] = f"\r\n--{BOUNDARY}\r\n".encode()
        case 2:
            content[at:at] = f"\r\n--{BOUNDARY}--".encode()
        case 3:
            content[at:at] = chooser.choice(STRINGS)
        case 4:
            del content[at : at + chooser.choice((1, 30, 500))]
        case 5:
            content[:0] = chooser.choice((b"preamble\r\n", b"\r\n", b"-", b"\xef\xbb\xbf"))
        case 6:
            content[at : at + 1] = chooser.randbytes(1)
        case _:
            extra = b"X: " + b"y" * chooser.choice((10, 9000, 70_000)) + b"\r\n"
            content[:] = content.replace(b"\r\nContent-", b"\r\n" + extra + b"Content-", 1)


# ---- framing ---------------------------------------------------------------------------------


def framed(
    chooser: random.Random, line: str, headers: Sequence[tuple[str, str]], content: bytes
) -> tuple[bytes, bool]:
    """Write a request; give also whether it is one that can be answered as it is."""
    own = {name for name, _ in headers}
    fields = [] if "Host" in own else [("Host", "127.0.0.1")]
    fields += [*headers, ("Connection", "close")]
    framing = chooser.choices(("length", "chunked", "lie", "piped", "raw"), (70, 12, 6, 6, 6))[0]
    if framing == "chunked" and content:
        return _head(line, [*fields, ("Transfer-Encoding", "chunked")]) + _chunked(
            chooser, content
        ), False
    length: object = len(content)
    if framing == "lie":
        length = chooser.choice((0, len(content) + 10, 2**31, 2**64, -1, "x", "1, 1", "0x10", ""))
    head = _head(line, [*fields, ("Content-Length", str(length))] if content or length else fields)
    if framing == "piped":
        following = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * chooser.choice((1, 3, 50))
        return following + head + content, False
    if framing == "raw":
        return _mangled(chooser, head) + content, False
    if chooser.random() < 0.02 and content:
        return head + zlib.compress(content), False
    return head + content, framing == "length"


def _head(line: str, fields: Sequence[tuple[str, str]]) -> bytes:
    lines = [line, *[f"{name}: {value}\r\n" for name, value in fields], "\r\n"]
    return "".join(lines).encode("utf-8", "replace")


def _chunked(chooser: random.Random, content: bytes) -> bytes:
    size = chooser.choice((1, 7, 1000, 65536)) if len(content) < _ITEMS_MAX else 4096
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    written = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"
    match chooser.randrange(6):
        case 0:
            return written[: chooser.randrange(len(written))]
        case 1:
            return b"ffffffffffffffff\r\n" + written
        case 2:
            return b"-1\r\n" + written
        case 3:
            return written[:-2] + b"Trailer: x\r\n" * 500 + b"\r\n"
    return written


def _mangled(chooser: random.Random, head: bytes) -> bytes:
    spoiled = bytearray(head)
    for _ in range(chooser.choice((1, 2, 5))):
        at = chooser.randrange(len(spoiled))
        match chooser.randrange(4):
            case 0:
                spoiled[at] = chooser.randrange(256)
            case 1:
                del spoiled[at : at + chooser.choice((1, 2, 10))]
            case 2:
                spoiled[at:at] = chooser.choice((b"\r\n", b"\0", b"\n\n", b" ", b":", b"\xff" * 9))
            case _:
                spoiled[at:at] = b"X-Long: " + b"z" * 70_000
        if not spoiled:
            break
    return bytes(spoiled)
