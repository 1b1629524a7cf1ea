"""Names and IDs that exist nowhere else go in by every door, whole and broken: no log has them."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

from trials import objects
from trials.gateway import Gateway, Settings
from trials.trial import Options, Result
from trials.wire import (
    MR_IMAGE_STORAGE,
    SUCCESS,
    Closed,
    Connection,
    associated,
    item,
    p_data,
    store_request,
    user_information,
)

CANARY: Final = b"CANARY"
NAME: Final = b"CANARYNAME^SECRET"
ID: Final = b"CANARY-ID-4711"
OTHER_NAME: Final = b"CANARYOTHER^NAME"
BIRTH_DATE: Final = b"19070913"
PASSWORD: Final = b"CANARY-PASSWORD"
PAGES: Final = (
    "/metrics",
    "/healthz",
    "/readyz",
    "/livez",
    "/nothing/CANARY-PATH",
    "/metrics?PatientName=CANARY-QUERY",
)
NEEDLES: Final = (CANARY, BIRTH_DATE)


def run(options: Options) -> Result:
    """Let canaries in with everything logged, then look for them wherever operators look."""
    gateway = options.make_gateway("store", Settings(level="debug"))
    try:
        gateway.start()
        answers = _let_in(gateway)
        pages = "".join(_page(gateway, path) for path in PAGES)
        gateway.kill()
        gateway.start()  # recovery speaks about what it finds
        gateway.stop()
    finally:
        gateway.kill()
    places = {
        "log": gateway.log.read_bytes(),
        "pages": pages.encode(),
        "file names": "\n".join(str(path) for path in gateway.data.rglob("*")).encode(),
        "notes": b"".join(path.read_bytes() for path in gateway.data.rglob("*.json")),
        "command line": _command_output(gateway),
    }
    return judge(places, answers)


def judge(places: Mapping[str, bytes], answers: Sequence[str]) -> Result:
    """Look for canaries in what operators see; `places` has at least the "log"."""
    hits = {place: _hits(content) for place, content in places.items()}
    found = {place: lines for place, lines in hits.items() if lines}
    figures: dict[str, object] = {
        "answers": answers,
        "bytes of log": len(places["log"]),
        "hits": found or 0,
    }
    # A run that logged nothing, or took nothing in, has proved nothing.
    return Result(not found and len(places["log"]) > 1000 and SUCCESS in answers, figures)


def _let_in(gateway: Gateway) -> list[str]:
    whole = _canary(1)
    sends = {
        "whole": (1, whole),
        "again": (1, whole),
        "other bytes": (1, _canary(1, seed=2)),
        "other patient in the study": (2, _canary(2, name=OTHER_NAME)),
        "cut": (3, _canary(3)[:2000]),
        "cut in the name": (4, _canary(4)[:300]),
        "other UID": (5, _canary(6)),
        "too deep": (7, _deep(7)),
        "garbage behind": (8, _canary(8) + b"CANARY-TAIL"),
        "lying length": (9, _canary(9).replace(NAME + b" ", b"CANARYNAME^", 1)),
    }
    answers = [_store(gateway, number, data_set) for number, data_set in sends.values()]
    for more in (_on_wrong_context, _broken_off, _with_password, _as_command):
        with contextlib.suppress(Closed, OSError):
            more(gateway)
    return answers


def _canary(number: int, *, name: bytes = NAME, seed: int = 1) -> bytes:
    front = objects.attributes(objects.instance_uid(88, number), patient_id=ID, patient_name=name)
    birth = objects.element(0x00100030, "DA", BIRTH_DATE)
    at = front.index(objects.header(0x0020000D, "UI", 0)[:6])
    described = objects.element(0x00081030, "LO", b"CANARY-DESCRIPTION")
    study = front.index(objects.header(0x00100010, "PN", 0)[:6])
    pixels = objects.element(objects.PIXEL_DATA, "OW", objects.noise(4000, seed))
    return front[:study] + described + front[study:at] + birth + front[at:] + pixels


def _deep(number: int) -> bytes:
    nested = objects.header(0x00400275, "SQ", 0xFFFFFFFF) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return _canary(number)[:-4012] + nested * 500 + objects.element(0x00100010, "PN", NAME)


def _store(gateway: Gateway, number: int, data_set: bytes) -> str:
    try:
        with associated(gateway.port, gateway.called) as connection:
            return connection.store(objects.instance_uid(88, number), data_set)
    except (Closed, OSError) as error:
        return type(error).__name__


def _on_wrong_context(gateway: Gateway) -> None:
    with associated(gateway.port, gateway.called) as connection:
        uid = objects.instance_uid(88, 20)
        connection.store(uid, _canary(20), context_id=1)
    with associated(gateway.port, gateway.called) as connection:
        connection.store(uid, _canary(20), sop_class=MR_IMAGE_STORAGE)


def _broken_off(gateway: Gateway) -> None:
    with associated(gateway.port, gateway.called) as connection:
        request = store_request(objects.instance_uid(88, 21))
        connection.send_message(3, request, is_command=True)
        connection.send(p_data(3, _canary(21)[:1000], is_command=False, is_last=False))


def _with_password(gateway: Gateway) -> None:
    """Identify as user and password (PS3.7 §D.3.3.7), then be refused for something else."""
    identity = b"\x02\x01\x00\x04user" + len(PASSWORD).to_bytes(2, "big") + PASSWORD
    for called in (gateway.called, "NOBODY"):
        with Connection(gateway.port) as connection:
            connection.associate(called, user=user_information(more=item(0x58, identity)))


def _as_command(gateway: Gateway) -> None:
    """Send a data set where a command set is expected."""
    with associated(gateway.port, gateway.called) as connection:
        connection.send_message(3, _canary(22), is_command=True)
        connection.answer()


def _page(gateway: Gateway, path: str) -> str:
    status, text = gateway.page(path)
    # An error page may repeat its own address to the one who asked for it; a log may not.
    return "" if status == 404 else text


def _command_output(gateway: Gateway) -> bytes:
    """Give what `hilum rebuild` tells about the same data."""
    done = gateway.run("rebuild")
    return (done.stdout + done.stderr).encode()


def _hits(content: bytes) -> list[str]:
    lines = content.splitlines()
    found = [line for line in lines if any(needle in line for needle in NEEDLES)]
    return [line[:200].decode("utf-8", "replace") for line in found[:3]]
