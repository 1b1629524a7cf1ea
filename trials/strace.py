"""Reads what strace saw: syncs, names and successes, each with its place in the order."""

import codecs
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CALLS: Final = (
    "fsync,fdatasync,io_submit,io_getevents,rename,renameat,renameat2,mkdir,mkdirat,"
    "sendto,sendmsg,write,writev,pwrite64,pwritev,pwritev2"
)  # fmt: skip
# -yy: paths and peers of descriptors; -x: binary strings as hex; -s: enough of a response.
COMMAND: Final = ("strace", "-f", "-yy", "-x", "-s", "600", "-e", f"trace={CALLS}")

_LINE: Final = re.compile(r"^(\d+) +(.*)$")
_RESUMED: Final = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
_CALL: Final = re.compile(r"^(\w+)\((.*)$")
_RESULT: Final = re.compile(r"\) += (-?\d+)")
_DESCRIPTOR: Final = re.compile(r"^\d+<([^>]*)>")
# Syncs that the kernel does beside the process: what was asked for in which context, what ended.
_ASKED: Final = re.compile(r"aio_lio_opcode=IOCB_CMD_FD?SYNC,[^{}]*?aio_fildes=\d+<([^>]*)>")
_CONTEXT: Final = re.compile(r"^(0x[0-9a-f]+|NULL)")
_ENDED: Final = re.compile(r"res=0,")
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_RECORD: Final = re.compile(r"instances/[0-9A-Za-z/.-]+\.dcm$")
_STATUS: Final = struct.pack("<HHI", 0, 0x0900, 2)
_AFFECTED_INSTANCE: Final = struct.pack("<HH", 0, 0x1000)


@dataclass(frozen=True, slots=True)
class Step:
    """One call that succeeded: the lines of the trace where it began and ended."""

    began: int
    ended: int
    path: str
    old_path: str = ""


@dataclass(slots=True)
class Trace:
    """All steps of one run that matter for durability."""

    syncs: list[Step] = field(default_factory=list)
    renames: list[Step] = field(default_factory=list)
    folders: list[Step] = field(default_factory=list)
    writes: list[Step] = field(default_factory=list)
    # Where the record of a payload file was written to a journal, by the file's path in the vault.
    records: dict[str, Step] = field(default_factory=dict)
    # Where the response with status 0000 for an instance began to leave.
    successes: dict[str, int] = field(default_factory=dict)
    # Syncs that are under way in each context, and how many of them have ended.
    asked: dict[str, tuple[int, list[str], int]] = field(default_factory=dict)


def read(path: Path) -> Trace:
    """Read the output of `strace -f -o path`."""
    trace = Trace()
    for began, ended, name, arguments in _calls(path):
        _note(trace, began, ended, name, arguments)
    return trace


def _calls(path: Path) -> Iterator[tuple[int, int, str, str]]:
    """Yield calls that succeeded, the halves of interrupted lines put together."""
    unfinished: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines()):
        matched = _LINE.match(line)
        if not matched:
            continue
        thread, text = matched.groups()
        began = number
        if text.endswith("<unfinished ...>"):
            unfinished[thread] = (number, text.removesuffix("<unfinished ...>"))
            continue
        if (resumed := _RESUMED.match(text)) and thread in unfinished:
            began, front = unfinished.pop(thread)
            text = front + resumed[2]
        call, result = _CALL.match(text), _RESULT.search(text)
        if call and result and int(result[1]) >= 0:
            yield began, number, call[1], call[2]


def _note(trace: Trace, began: int, ended: int, name: str, arguments: str) -> None:
    if name in ("fsync", "fdatasync"):
        trace.syncs.append(Step(began, ended, _descriptor(arguments)))
    elif name.startswith("io_"):
        _note_beside(trace, began, ended, name, arguments)
    elif name.startswith("rename"):
        old, new = _strings(arguments)[:2]
        trace.renames.append(Step(began, ended, new, old))
    elif name.startswith("mkdir"):
        trace.folders.append(Step(began, ended, _strings(arguments)[0]))
    elif "TCP" in _descriptor(arguments):
        sent = "".join(_strings(arguments))
        if uid := _success_in(codecs.decode(sent, "unicode_escape").encode("latin-1", "replace")):
            trace.successes.setdefault(uid, began)
    else:
        _note_write(trace, Step(began, ended, _descriptor(arguments)), name, arguments)


def _note_write(trace: Trace, step: Step, name: str, arguments: str) -> None:
    if name in ("write", "writev", "pwrite64"):
        trace.writes.append(step)
    elif name.startswith("pwritev"):
        for text in _strings(arguments):
            if named := _RECORD.search(codecs.decode(text, "unicode_escape")):
                trace.records[named[0]] = step


def _note_beside(trace: Trace, began: int, ended: int, name: str, arguments: str) -> None:
    """Note syncs that were asked for together; they count when the last of them has ended."""
    context = _CONTEXT.match(arguments)
    key = context[1] if context else ""
    if name == "io_submit":
        trace.asked[key] = (began, _ASKED.findall(arguments), 0)
    elif key in trace.asked:
        asked, paths, count = trace.asked[key]
        count += len(_ENDED.findall(arguments))
        trace.asked[key] = (asked, paths, count)
        if count == len(paths):
            trace.syncs += [Step(asked, ended, path) for path in paths]
            del trace.asked[key]


def _descriptor(arguments: str) -> str:
    matched = _DESCRIPTOR.match(arguments)
    return matched[1] if matched else ""


def _strings(arguments: str) -> list[str]:
    return _STRING.findall(arguments)


def _success_in(sent: bytes) -> str:
    """Give the instance UID of a C-STORE-RSP with status 0000; empty when it is not one."""
    status = sent.find(_STATUS)
    # From behind the status on: message ID 16 in front of it looks like the tag of the instance.
    instance = sent.find(_AFFECTED_INSTANCE, status + 10)
    if status < 0 or instance < 0 or sent[status + 8 : status + 10] != b"\0\0":
        return ""
    (length,) = struct.unpack_from("<I", sent, instance + 4)
    return sent[instance + 8 : instance + 8 + length].rstrip(b"\0").decode("latin-1")
