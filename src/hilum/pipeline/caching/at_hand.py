"""Fetched instances that are handed on from memory; their files are written behind, or never.

An instance is here from the moment it is whole and examined until its last pin is gone and its file
is written. Between, the vault gives it out as it lies, to everybody in this process.
"""

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hilum.kernel.names import is_uid
from hilum.ledger.holdings import Holding
from hilum.pipeline.archive.ports import Named
from hilum.pipeline.landing import Bytes
from hilum.vault.cache.files import CacheFiles
from hilum.vault.cache.places import study_place
from hilum.vault.cache.record import Came
from hilum.vault.draft import Draft
from hilum.vault.seal import Seal
from hilum.vault.vault import Vault

# Longer ones are few, and reading them from the page cache costs them little.
AT_HAND_INSTANCE_BYTES_MAX: Final = 4 << 20
# All that one process has so; what is more goes through its file.
AT_HAND_BYTES_MAX: Final = 64 << 20


@dataclass(slots=True)
class Whole:
    """An instance that is whole, and where it belongs; its draft is not on disk."""

    draft: Draft
    seal: Seal
    place: str
    came: Came
    holding: Holding
    pieces: Sequence[Bytes]
    cost: int
    # Whether its file is written, or cannot be.
    is_settled: bool = False


class AtHand:
    """One object a process. Instances come and go on the event loop, a thread writes files."""

    def __init__(self, vault: Vault, files: CacheFiles, *, size: int = AT_HAND_BYTES_MAX) -> None:
        self.left = size
        self._vault = vault
        self._files = files
        self._by_path: dict[str, Whole] = {}
        self._by_instance: dict[tuple[str, str], Whole] = {}
        self._counting = threading.Lock()

    def __len__(self) -> int:
        """Give how many instances are here."""
        return len(self._by_path)

    def reserve(self, cost: int) -> bool:
        """Take so much of the budget; False: there is not so much left."""
        with self._counting:
            if cost > self.left:
                return False
            self.left -= cost
            return True

    def give_back(self, cost: int) -> None:
        """Give back what was reserved."""
        with self._counting:
            self.left += cost

    def keep(self, whole: Whole) -> None:
        """Have it given out from memory; what was reserved for it goes with it."""
        path = whole.holding.path
        self._by_path[path] = whole
        self._by_instance[whole.place, whole.came.sop_instance_uid] = whole
        self._vault.hold(path, [memoryview(piece) for piece in whole.pieces])

    def of(
        self, answerer: str, wanted: Collection[Named], *, since: datetime
    ) -> dict[str, Holding]:
        """Give what is here of `wanted` and came not before `since`, by SOP Instance UID."""
        found: dict[str, Holding] = {}
        if not self._by_path:
            return found
        studies = {one.study_instance_uid for one in wanted}
        places = {uid: study_place(answerer, uid) for uid in studies if is_uid(uid)}
        for one in wanted:
            place = places.get(one.study_instance_uid, "")
            whole = self._by_instance.get((place, one.sop_instance_uid))
            if whole is not None and whole.holding.received_at >= since:
                found[one.sop_instance_uid] = whole.holding
        return found

    def has_any(self, answerer: str, study_instance_uid: str) -> bool:
        """Tell whether something of a study is here."""
        if not (self._by_path and is_uid(study_instance_uid)):
            return False
        place = study_place(answerer, study_instance_uid)
        return any(whole.place == place for whole in list(self._by_path.values()))

    def is_settled(self, path: str) -> bool:
        """Tell whether nothing has to be written of it any more."""
        whole = self._by_path.get(path)
        return whole is None or whole.is_settled

    def release(self, path: str) -> bool:
        """Give its memory up; False: it is not here."""
        whole = self._by_path.pop(path, None)
        if whole is None:
            return False
        name = whole.place, whole.came.sop_instance_uid
        if self._by_instance.get(name) is whole:
            del self._by_instance[name]
        self._vault.let_go(path)
        self.give_back(whole.cost)
        return True

    def write(self, path: str) -> None:
        """Write its file, unless it was released. By one thread. Raises OSError."""
        whole = self._by_path.get(path)
        if whole is None:
            return
        try:
            whole.draft.complete(whole.seal)
            now = whole.holding.received_at.timestamp()
            self._files.put(whole.draft, whole.place, whole.came, now=now)
        except OSError:
            whole.draft.discard()
            raise
        finally:
            whole.is_settled = True


def cost_of(pieces: Iterable[Bytes]) -> int:
    """Tell what memory is kept with pieces: all of what each is cut out of."""
    cost, latest = 0, None
    for piece in pieces:
        whole = piece.obj if isinstance(piece, memoryview) else piece
        if whole is not latest:
            cost += len(whole)  # type: ignore[arg-type]
        latest = whole
    return cost
