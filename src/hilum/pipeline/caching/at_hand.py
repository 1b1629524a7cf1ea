"""Fetched instances that are handed on from memory; their files are written behind, or never.

An instance is here from the moment it is whole and examined until its last pin is gone and its file
is written. Between, the vault gives it out as it lies, to everybody in this process. What only
passes gets no file, and is found by nobody but those it was fetched for.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Final

from hilum.kernel.names import is_uid
from hilum.ledger.holdings import Holding
from hilum.pipeline.archive.ports import Named
from hilum.pipeline.caching.budget import Budget, Hold
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
    hold: Hold
    # Whether its file is written, or cannot be.
    is_settled: bool = False


class AtHand:
    """One object a process. Instances come and go on the event loop, a thread writes files."""

    def __init__(self, vault: Vault, files: CacheFiles, *, size: int = AT_HAND_BYTES_MAX) -> None:
        self.budget = Budget(size)
        self._vault = vault
        self._files = files
        self._by_path: dict[str, Whole] = {}
        self._by_instance: dict[tuple[str, str], Whole] = {}
        # What goes with its last pin, and was never kept.
        self._passing: dict[str, Hold] = {}
        self._serials = count()

    def __len__(self) -> int:
        """Give how many instances are here."""
        return len(self._by_path) + len(self._passing)

    def next_serial(self) -> str:
        """Give what makes the name of something that passes unique; those of drafts are longer."""
        return f"{next(self._serials):x}"

    def let_pass(self, holding: Holding, pieces: Sequence[Bytes], hold: Hold) -> None:
        """Have it given out from memory to who has its path, and to nobody else."""
        self._passing[holding.path] = hold
        self._vault.hold(holding.path, [memoryview(piece) for piece in pieces])

    def keep(self, whole: Whole) -> None:
        """Have it given out from memory."""
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
        return any(whole.place == place for whole in list(self._by_instance.values()))

    def is_settled(self, path: str) -> bool:
        """Tell whether nothing has to be written of it any more, or ever."""
        whole = self._by_path.get(path)
        return whole is None or whole.is_settled

    def is_passing(self, path: str) -> bool:
        """Tell whether it is here for as long as it is pinned, and no longer."""
        return path in self._passing

    def release(self, path: str) -> bool:
        """Give its memory up; False: it is not here."""
        passing = self._passing.pop(path, None)
        if passing is not None:
            self._vault.let_go(path)
            passing.let_go()
            return True
        whole = self._by_path.pop(path, None)
        if whole is None:
            return False
        name = whole.place, whole.came.sop_instance_uid
        if self._by_instance.get(name) is whole:
            del self._by_instance[name]
        self._vault.let_go(path)
        whole.hold.let_go()
        return True

    def write(self, paths: Iterable[str]) -> None:
        """Write files, those of a study in one go, unless they were released. By one thread.

        Raises:
            OSError: some were not written, and what was begun of them is gone.
        """
        studies: dict[str, list[Whole]] = {}
        for path in paths:
            whole = self._by_path.get(path)
            if whole is not None:
                studies.setdefault(whole.place, []).append(whole)
        failures: list[OSError] = []
        for place, wholes in studies.items():
            try:
                self._write_study(place, wholes)
            except OSError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _write_study(self, place: str, wholes: Sequence[Whole]) -> None:
        now = wholes[-1].holding.received_at.timestamp()
        try:
            for whole in wholes:
                whole.draft.complete(whole.seal)
            self._files.put_all([(one.draft, one.came) for one in wholes], place, now=now)
        except OSError:
            for whole in wholes:
                whole.draft.discard()
            raise
        finally:
            for whole in wholes:
                whole.is_settled = True
