"""A multi-frame instance of two gigabytes: memory must not follow its size."""

import struct
import threading
import time
from typing import Final, Self

from trials import objects
from trials.gateway import Settings
from trials.process_tree import ProcessTree
from trials.trial import Options, Result
from trials.wire import SUCCESS, Connection, associated, p_data, store_request
from xxhash import xxh3_128

GROWTH_MEGABYTES_MAX: Final = 64
FRAGMENT_BYTES_MAX: Final = 1 << 17


class Watch:
    """Looks at the memory of a process tree all the time, and remembers the most."""

    def __init__(self, tree: ProcessTree) -> None:
        self._tree = tree
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.before = self.most = tree.rss_bytes()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.most = max(self.most, self._tree.rss_bytes())

    @property
    def growth_megabytes(self) -> float:
        """Give how much more than at the beginning it was at most."""
        return (self.most - self.before) / 1e6

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self.most = max(self.most, self._tree.rss_bytes())


def run(options: Options) -> Result:
    """Store a small instance to warm up, then the large one, with both durabilities."""
    megabytes = options.count(long=2048, short=256)
    figures: dict[str, object] = {"megabytes": megabytes}
    passed = True
    for durability in ("power", "process"):
        target = options.make_target(durability, Settings(durability=durability))
        try:
            target.start()
            _store(target.port, target.called, 1, number=1)
            with Watch(target.tree) as watch:
                started = time.monotonic()
                uid, digest, answer = _store(target.port, target.called, megabytes, number=2)
                seconds = time.monotonic() - started
            target.stop()
        finally:
            target.kill()
        held = target.holding().digests.get(uid) == digest
        figures[durability] = (
            f"{answer} after {seconds:.1f} s, {'held' if held else 'NOT HELD'}, "
            f"memory +{watch.growth_megabytes:.0f} MB"
        )
        passed &= answer == SUCCESS and held
        passed &= watch.growth_megabytes < GROWTH_MEGABYTES_MAX
    return Result(passed, figures)


def _store(port: int, called: str, megabytes: int, *, number: int) -> tuple[str, bytes, str]:
    """Send frame after frame; give UID, digest and answer. Never holds the instance itself."""
    uid = objects.instance_uid(7, number)
    size = megabytes << 20
    with associated(port, called) as connection:
        connection.socket.settimeout(300)
        front = objects.attributes(uid) + objects.element(0x00280008, "IS", b"%d" % megabytes)
        front += objects.header(objects.PIXEL_DATA, "OW", size)
        connection.send_message(3, store_request(uid), is_command=True)
        connection.send(p_data(3, front, is_command=False, is_last=False))
        digest = xxh3_128(front)
        frame = objects.noise(1 << 20, number)
        for index in range(megabytes):
            # Each megabyte is another one, or a piece that is lost or sent twice went unseen.
            content = struct.pack("<Q", index) + frame[8:]
            digest.update(content)
            _send_fragments(connection, content, is_end=index == megabytes - 1)
        answer = connection.answer()
        connection.release()
    return uid, digest.digest(), answer


def _send_fragments(connection: Connection, content: bytes, *, is_end: bool) -> None:
    size = min(connection.peer_pdu_bytes, FRAGMENT_BYTES_MAX) - 6
    connection.send(
        b"".join(
            p_data(
                3,
                content[at : at + size],
                is_command=False,
                is_last=is_end and at + size >= len(content),
            )
            for at in range(0, len(content), size)
        )
    )
