"""The gateway's promise, checked: what was answered with success is in ledger and vault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.cli.demonstration.studies import Generated
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID
from hilum.ledger.entry import HeldPayload
from hilum.ledger.ledger import Ledger
from hilum.pipeline.adoption import read_entry
from hilum.service.opening import DataFolder


@dataclass(frozen=True, slots=True)
class Proof:
    """How many were answered with success, and what is wrong with those that are not there.

    `unanswered` are there as well, but their answer was lost on its way: the sender does not know.
    """

    acknowledged: int
    wrong: tuple[str, ...]
    unanswered: int

    @property
    def holds(self) -> bool:
        """Tell whether every one is there."""
        return not self.wrong

    def __str__(self) -> str:
        there = self.acknowledged - len(self.wrong)
        return f"{there:,} of {self.acknowledged:,} acknowledged instances are there"


def prove(folder: DataFolder, acknowledged: Sequence[UID], known: Mapping[UID, Generated]) -> Proof:
    """Compare, for every acknowledged instance, what was sent with ledger and vault, byte by byte.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    ledger = Ledger.open(folder.ledger, durability="power")
    try:
        held = ledger.find(list(known))
    finally:
        ledger.close()
    answered = set(acknowledged)
    findings = [_fault(folder.vault, uid, known[uid], held[uid]) for uid in answered]
    return Proof(
        acknowledged=len(answered),
        wrong=tuple(fault for fault in findings if fault is not None),
        unanswered=sum(1 for uid in held if held[uid] and uid not in answered),
    )


def _fault(vault: Path, uid: UID, sent: Generated, payloads: Sequence[HeldPayload]) -> str | None:
    """Say what is wrong with an instance; None: nothing."""
    payload = next((one for one in payloads if one.is_current), None)
    if payload is None:
        return f"{uid} is not in the ledger"
    if payload.digest != sent.digest:
        return f"{uid} has another digest in the ledger"
    try:
        found = read_entry(vault, payload.path)
    except (CorruptPayload, OSError) as error:
        return f"{uid} cannot be read from the vault: {error}"
    if found.digest != sent.digest or found.facts.sop_instance_uid != uid:
        return f"{uid} is something else in the vault"
    return None
