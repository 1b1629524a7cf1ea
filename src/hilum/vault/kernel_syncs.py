"""Syncs done by the kernel side by side, asked for in one call: no thread of ours waits for them.

Linux has it as asynchronous I/O (man 2 io_submit, IOCB_CMD_FSYNC and IOCB_CMD_FDSYNC: since 4.18,
for every file system). Python has no such call, so the C library is asked. A thread for each sync
would do the same, and would take the interpreter away from the event loop twice for each.
"""

import contextlib
import ctypes
import os
import platform
from collections.abc import Sequence
from struct import Struct
from typing import Final

from hilum.kernel.syncing import Syncing

# At once: the files of the largest group, each in a series of its own. More are not begun here.
SYNCS_MAX: Final = 256

# Numbers of io_setup, io_getevents, io_submit: of x86-64, and of what came after it.
_GENERIC: Final = (0, 4, 2)
_CALLS: Final = {
    "x86_64": (206, 208, 209),
    "aarch64": _GENERIC,
    "riscv64": _GENERIC,
    "loongarch64": _GENERIC,
}
_POINTER_BYTES: Final = 8
_FSYNC: Final = 2
_FDSYNC: Final = 3
_HAS_BELL: Final = 1  # IOCB_FLAG_RESFD

# struct iocb and struct io_event of linux/aio_abi.h, for machines with the small end first.
_REQUEST: Final = Struct("<QIiHhIQQqQII")
_EVENT: Final = Struct("<QQqq")


class _Bell:
    """An eventfd that the kernel rings."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def hush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)


class KernelSyncs:
    """Begins syncs. One object a process, not to be taken along into another one; any thread."""

    def __init__(self) -> None:
        """Raises OSError when the kernel has no such thing, or will not have it used."""
        numbers = _CALLS.get(platform.machine())
        # A program of 32 bits has other numbers, also where the machine has 64.
        is_wide = ctypes.sizeof(ctypes.c_void_p) == _POINTER_BYTES
        if numbers is None or not is_wide or platform.system() != "Linux":
            raise OSError("no asynchronous syncs on this machine")
        self._setup, self._get, self._submit = map(ctypes.c_long, numbers)
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._free = [self._new_context()]
        self.bell = _Bell()

    def begin(self, files: Sequence[int], folders: Sequence[int]) -> Syncing | None:
        """Begin to sync; None when it must be done in another way."""
        wanted = [(one, _FDSYNC) for one in files] + [(one, _FSYNC) for one in folders]
        if len(wanted) > SYNCS_MAX:
            return None
        try:
            context = self._free.pop() if self._free else self._new_context()
            requests = _requests(wanted, self.bell.descriptor)
        except (OSError, IndexError):  # another thread took the last one
            return None
        begun = self._call(self._submit, context, ctypes.c_long(len(wanted)), _pointers(requests))
        if begun == len(wanted):
            return _Syncing(self, context, begun)
        if begun <= 0:
            self.take_back(context)  # otherwise it is theirs that are under way
        return None

    def ended(self, context: ctypes.c_ulong, least: int, most: int) -> list[int]:
        """Take up to `most` results, waiting for `least`; 0 or a negative error each."""
        events = ctypes.create_string_buffer(_EVENT.size * most)
        count = self._call(
            *(self._get, context, ctypes.c_long(least), ctypes.c_long(most), events, None)
        )
        if count < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return [result for _, _, result, _ in _EVENT.iter_unpack(events.raw[: count * _EVENT.size])]

    def take_back(self, context: ctypes.c_ulong) -> None:
        """Use a context again, none of whose syncs is under way."""
        self._free.append(context)

    def _new_context(self) -> ctypes.c_ulong:
        context = ctypes.c_ulong(0)
        if self._call(self._setup, ctypes.c_long(SYNCS_MAX), ctypes.byref(context)) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return context


def _requests(wanted: Sequence[tuple[int, int]], bell: int) -> "ctypes.Array[ctypes.c_char]":
    """Write what the kernel shall do; it looks at it only while it is told so."""
    packed = b"".join(
        [
            _REQUEST.pack(0, 0, 0, operation, 0, descriptor, 0, 0, 0, 0, _HAS_BELL, bell)
            for descriptor, operation in wanted
        ]
    )
    return ctypes.create_string_buffer(packed, len(packed))


def _pointers(requests: "ctypes.Array[ctypes.c_char]") -> "ctypes.Array[ctypes.c_void_p]":
    first, size = ctypes.addressof(requests), len(requests)
    addresses = range(first, first + size, _REQUEST.size)
    return (ctypes.c_void_p * len(addresses))(*addresses)


class _Syncing:
    """Syncs of one context. For one thread at a time."""

    __slots__ = ("_context", "_error", "_left", "_syncs")

    def __init__(self, syncs: KernelSyncs, context: ctypes.c_ulong, count: int) -> None:
        self._syncs = syncs
        self._context = context
        self._left = count
        self._error: OSError | None = None

    @property
    def is_over(self) -> bool:
        """Tell whether all have ended."""
        if self._left:
            self._take(least=0)
        return self._left == 0

    def wait(self) -> OSError | None:
        """Wait for the end of all; give the error of one that failed."""
        if self._left:
            while self._left:
                self._take(least=self._left)
            self._syncs.bell.hush()  # nobody else needs to come for it
        return self._error

    def _take(self, *, least: int) -> None:
        try:
            results = self._syncs.ended(self._context, least, self._left)
        except InterruptedError:
            return
        for result in results:
            if result < 0:
                self._error = OSError(-result, os.strerror(-result))
        self._left -= len(results)
        if self._left == 0:
            self._syncs.take_back(self._context)
