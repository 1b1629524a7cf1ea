"""Watch the system calls: does every success leave after file, name and ledger were synced?"""

import shutil
from pathlib import Path, PurePosixPath
from typing import Final

from trials import strace
from trials.gateway import Settings
from trials.holding import INSTANCES, LEDGER, VAULT, ledger_rows
from trials.senders import Senders
from trials.strace import Step, Trace
from trials.targets import GatewayTarget
from trials.trial import Options, Result

SENDERS: Final = 8
SIZES: Final = (8_000, 64_000, 1_500_000)
# Every system call stops twice under strace.
ANSWER_SECONDS_MAX: Final = 60.0
_PATHS: Final = """
    SELECT instance.sop_instance_uid, payload.path
    FROM instance JOIN payload ON payload.instance_row = instance.id
"""


def run(options: Options) -> Result:
    """Store with eight senders under strace and look at the order of every success."""
    if shutil.which("strace") is None:
        return Result(passed=False, skipped="strace is not installed (make peers)")
    target = options.make_target("store", Settings(durability="power"))
    log = options.folder / "trace"
    wanted = options.count(long=1000, short=100)
    try:
        target.start(wrapper=[*strace.COMMAND, "-o", str(log)])
        acknowledged = _store(target.port, target.called, wanted)
        target.stop()
    finally:
        target.kill()
    trace = strace.read(log)
    paths = _paths(target.data) if isinstance(target, GatewayTarget) else {}
    problems: dict[str, int] = {}
    journalled = 0
    for uid in acknowledged:
        problem = _problem(trace, uid, paths.get(uid), options.folder)
        journalled += not problem and _record_of(trace, paths.get(uid)) is not None
        problems[problem] = problems.get(problem, 0) + 1
    in_order = problems.pop("", 0)
    figures = {
        "successes": len(acknowledged),
        "after all syncs": in_order,
        "of these by the journal": journalled,
        **problems,
    }
    return Result(len(acknowledged) == wanted and in_order == wanted, figures)


def _store(port: int, called: str, wanted: int) -> list[str]:
    each = wanted // SENDERS
    more = wanted - each * SENDERS
    common = {"sizes": SIZES, "seconds_max": ANSWER_SECONDS_MAX}
    with Senders(port, called, count=SENDERS, round=1, each_max=each, **common) as senders:  # type: ignore[arg-type] # both fit
        senders.wait()
    with Senders(port, called, count=1, round=2, each_max=more, **common) as rest:  # type: ignore[arg-type] # both fit
        rest.wait()
    return [*senders.acknowledged, *rest.acknowledged]


def _paths(data: Path) -> dict[str, Path]:
    return {uid: data / VAULT / path for uid, path in ledger_rows(data, _PATHS)}


def _problem(trace: Trace, uid: str, path: Path | None, folder: Path) -> str:
    """Say what was not synced before the success of `uid` left; empty when all was."""
    answered = trace.successes.get(uid)
    if answered is None:
        return "success not seen"
    if path is None:
        return _problem_of_peer(trace, uid, answered)
    named = next((step for step in trace.renames if step.path == str(path)), None)
    if named is None or named.ended > answered:
        return "not named"
    if (record := _record_of(trace, path)) is not None:
        return _problem_of_record(trace, record, answered, folder)
    settled = _synced(trace, str(path.parent), after=named.ended, before=answered)
    steps = (
        ("file not synced", _synced(trace, str(path), after=named.ended, before=answered)),
        ("folder not synced", settled),
        ("new folder not synced", _new_folders_synced(trace, path, answered)),
        (
            "ledger not synced",
            settled and _ledger_synced(trace, folder, after=settled.ended, before=answered),
        ),
    )
    return next((problem for problem, done in steps if not done), "")


def _record_of(trace: Trace, path: Path | None) -> Step | None:
    """Give where the bytes of a payload went into a journal, if they did."""
    if path is None:
        return None
    return trace.records.get(str(path)[str(path).rindex(f"/{INSTANCES}/") + 1 :])


def _problem_of_record(trace: Trace, record: Step, answered: int, folder: Path) -> str:
    """Ask that the journal was synced, and only then the ledger, before the success left."""
    synced = _synced(trace, record.path, after=record.ended, before=answered)
    if synced is None:
        return "journal not synced"
    settled = _ledger_synced(trace, folder, after=synced.ended, before=answered)
    return "" if settled else "ledger not synced"


def _problem_of_peer(trace: Trace, uid: str, answered: int) -> str:
    """Ask of a peer only that a file with the UID in its name was synced."""
    synced = any(uid in step.path and step.ended < answered for step in trace.syncs)
    return "" if synced else "file not synced"


def _synced(trace: Trace, path: str, *, after: int, before: int) -> Step | None:
    """Give the first sync of `path` that lies wholly between the two lines."""
    for step in trace.syncs:
        if step.path == path and step.began > after and step.ended < before:
            return step
    return None


def _new_folders_synced(trace: Trace, path: Path, answered: int) -> bool:
    """Tell whether the name of each folder that was made on the way to `path` is safe as well."""
    made = {step.path: step for step in trace.folders if step.ended < answered}
    for folder in path.parents:
        if folder.name == INSTANCES:
            return True
        step = made.get(str(folder))
        parent = str(PurePosixPath(folder).parent)
        if step and not _synced(trace, parent, after=step.ended, before=answered):
            return False
    return True


def _ledger_synced(trace: Trace, folder: Path, *, after: int, before: int) -> bool:
    """Tell whether the write-ahead log was written and then synced between the two lines."""
    log = str(folder / "store" / "data" / f"{LEDGER}-wal")
    for write in trace.writes:
        if write.path == log and write.began > after and write.ended < before:
            return _synced(trace, log, after=write.ended, before=before) is not None
    return False
