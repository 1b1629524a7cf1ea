"""What a run says at its end: for people, and as one JSON object for programs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hilum.cli.sending.tally import Failure, Tally
from hilum.cli.sending.words import count_of, duration_of, size_of
from hilum.destinations.dimse.address import Address
from hilum.dimse.status import Service, describe

# A terminal is for reading; `--json` lists everything.
_LISTED_MAX: Final = 20


def in_words(tally: Tally, *, peer: Address, seconds: float) -> Iterator[str]:
    """Give the lines of the summary."""
    yield _headline(tally, peer=peer, seconds=seconds)
    for status, count in sorted(tally.statuses.items()):
        yield f"  {count:>9,}  {describe(status, Service.STORE)}"
    unanswered = sum(1 for failure in tally.failures if failure.status is None)
    if unanswered:
        yield f"  {unanswered:>9,}  failed without a status"
    if tally.retries:
        yield f"  {tally.retries:>9,}  attempts repeated"
    if tally.padded:
        yield f"  {tally.padded:>9,}  sent with a zero byte behind a data set of odd length"
    yield from _failures(tally.failures)
    if tally.bad_files:
        yield f"{count_of(len(tally.bad_files), 'bad file')}:"
        yield from _listed([f"{bad.origin}: {bad.reason}" for bad in tally.bad_files])
    if tally.skipped:
        reasons = Counter(skipped.reason for skipped in tally.skipped)
        counted = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
        yield f"{count_of(len(tally.skipped), 'file')} skipped: {counted}"


def as_json(tally: Tally, *, peer: Address, seconds: float) -> dict[str, Any]:  # Any: JSON
    """Give the summary as JSON; the lists are complete."""
    return {
        "peer": {"host": peer.host, "port": peer.port, "called": peer.called},
        "calling": peer.calling,
        "seconds": round(seconds, 3),
        "instances": tally.instances,
        "sent": tally.sent,
        "already_confirmed": tally.already_confirmed,
        "failed": len(tally.failures) + tally.unreadable,
        "retries": tally.retries,
        "padded": tally.padded,
        "bytes": tally.bytes_sent,
        "bytes_per_second": round(tally.bytes_sent / seconds) if seconds else None,
        "statuses": {
            f"0x{status:04X}": {"count": count, "meaning": describe(status, Service.STORE)}
            for status, count in sorted(tally.statuses.items())
        },
        "failures": [
            {
                "file": str(failure.origin),
                "sop_instance_uid": failure.sop_instance_uid,
                "status": None if failure.status is None else f"0x{failure.status:04X}",
                "reason": failure.reason,
            }
            for failure in tally.failures
        ],
        "bad_files": [{"file": str(bad.origin), "reason": bad.reason} for bad in tally.bad_files],
        "skipped": [
            {"file": str(skipped.origin), "reason": skipped.reason} for skipped in tally.skipped
        ],
    }


def _headline(tally: Tally, *, peer: Address, seconds: float) -> str:
    if not tally.instances and not tally.already_confirmed:
        return "nothing to send: there are no instances in what was named"
    per_second = tally.sent / seconds if seconds else 0.0
    line = (
        f"{tally.sent:,} of {count_of(tally.instances, 'instance')} sent to {peer}: "
        f"{size_of(tally.bytes_sent)} in {duration_of(seconds)}"
    )
    if tally.sent:
        line += f", {per_second:,.0f} a second, {size_of(tally.bytes_sent / (seconds or 1))}/s"
    if tally.already_confirmed:
        line += f"; {tally.already_confirmed:,} were confirmed before (journal)"
    return line


def _failures(failures: Sequence[Failure]) -> Iterator[str]:
    """Group by reason: a thousand files refused for one reason are one line and some names."""
    by_reason: dict[str, list[Failure]] = {}
    for failure in failures:
        by_reason.setdefault(failure.reason, []).append(failure)
    for reason, group in by_reason.items():
        yield f"{count_of(len(group), 'instance')} failed: {reason}"
        yield from _listed([str(failure.origin) for failure in group])


def _listed(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"    {line}" for line in lines[:_LISTED_MAX])
    if len(lines) > _LISTED_MAX:
        yield f"    … and {len(lines) - _LISTED_MAX:,} more (--json lists all)"
