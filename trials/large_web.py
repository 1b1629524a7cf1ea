"""Two gigabytes in by STOW-RS and out again by WADO-RS: memory must not follow their size."""

import http.client
import struct
import time
from collections.abc import Iterator
from typing import Final

from trials import objects
from trials.gateway import Settings
from trials.large import GROWTH_MEGABYTES_MAX, Watch
from trials.targets import GatewayTarget
from trials.trial import Options, Result
from xxhash import xxh3_128

_BOUNDARY: Final = "boundary-of-a-trial"
_SECONDS_MAX: Final = 300.0
_PIECE: Final = 1 << 20
_STUDIES: Final = "/dicom-web/studies"


class Large:
    """An instance that is made while it is sent; each megabyte of it is another one."""

    def __init__(self, number: int, megabytes: int, studies: str = _STUDIES) -> None:
        self.uid = uid = objects.instance_uid(7, number)
        small = objects.part10(uid, size=0)
        self._meta = small[: len(small) - len(objects.instance(uid, size=0))]
        self._front = objects.attributes(uid) + objects.element(0x00280008, "IS", b"%d" % megabytes)
        self._front += objects.header(objects.PIXEL_DATA, "OW", megabytes << 20)
        self._frame = objects.noise(_PIECE, number)
        self._megabytes = megabytes
        self.size = len(self._front) + (megabytes << 20)
        self.study, self.series = f"{objects.ROOT}.1", f"{objects.ROOT}.1.1"
        self.studies = studies
        self.path = f"{studies}/{self.study}/series/{self.series}/instances/{uid}"

    def data_set(self) -> Iterator[bytes]:
        yield self._front
        for index in range(self._megabytes):
            yield struct.pack("<Q", index) + self._frame[8:]

    @property
    def head(self) -> bytes:
        return f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + self._meta

    @property
    def end(self) -> bytes:
        return f"\r\n--{_BOUNDARY}--\r\n".encode()

    def digest(self) -> bytes:
        found = xxh3_128()
        for piece in self.data_set():
            found.update(piece)
        return found.digest()


def run(options: Options) -> Result:
    """Warm up with a small instance, then store the large one and fetch all and a part of it."""
    megabytes = options.count(long=2048, short=256)
    target = options.make_gateway("web", Settings(durability="process"))
    figures: dict[str, object] = {"megabytes": megabytes}
    passed = True
    try:
        target.start()
        small = Large(1, 1)
        store(target, small)
        fetch(target, small, "application/dicom; transfer-syntax=*")
        large = Large(2, megabytes)
        with Watch(target.tree) as watch:
            started = time.monotonic()
            status = store(target, large)
            seconds = time.monotonic() - started
        passed &= _told(figures, "STOW-RS", watch, seconds, is_right=status == 200)
        digest = large.digest()
        for name, accept in _WAYS.items():
            with Watch(target.tree) as watch:
                started = time.monotonic()
                found = fetch(target, large, accept)
                seconds = time.monotonic() - started
            passed &= _told(figures, name, watch, seconds, is_right=found == digest)
        target.stop()
    finally:
        target.kill()
    return Result(passed, figures)


MULTIPART: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_WAYS: Final = {
    "single part": "application/dicom; transfer-syntax=*",
    "multipart": MULTIPART,
}


def _told(
    figures: dict[str, object], name: str, watch: Watch, seconds: float, *, is_right: bool
) -> bool:
    word = "right" if is_right else "WRONG"
    figures[name] = f"{word} after {seconds:.1f} s, memory +{watch.growth_megabytes:.0f} MB"
    return is_right and watch.growth_megabytes < GROWTH_MEGABYTES_MAX


def store(target: GatewayTarget, large: Large) -> int:
    """Store it; give the status."""
    connection = http.client.HTTPConnection("127.0.0.1", target.web_port, timeout=_SECONDS_MAX)
    connection.putrequest("POST", large.studies)
    connection.putheader("Content-Length", str(len(large.head) + large.size + len(large.end)))
    kind = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
    connection.putheader("Content-Type", kind)
    connection.endheaders()
    connection.send(large.head)
    for piece in large.data_set():
        connection.send(piece)
    connection.send(large.end)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def fetch(target: GatewayTarget, large: Large, accept: str) -> bytes:
    """Digest the data set that comes."""
    connection = http.client.HTTPConnection("127.0.0.1", target.web_port, timeout=_SECONDS_MAX)
    connection.request("GET", large.path, headers={"Accept": accept})
    answer = connection.getresponse()
    if answer.getheader("Content-Type", "").startswith("multipart/"):
        # What is on its way has no length: the head of its part ends with an empty line.
        while answer.readline().strip():
            pass
    # Preamble, "DICM", and the length of the file meta group that follows (PS3.10 §7.1).
    answer.read(struct.unpack("<I", answer.read(144)[-4:])[0])
    digest, left = xxh3_128(), large.size
    while left and (piece := answer.read(min(_PIECE, left))):
        digest.update(piece)
        left -= len(piece)
    answer.read()
    connection.close()
    return digest.digest()
