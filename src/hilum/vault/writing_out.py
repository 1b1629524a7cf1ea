"""Having the kernel begin to write a file to its device before anybody waits for that.

Linux can (man 2 sync_file_range). Python has no such call, so the C library is asked.
"""

import ctypes
import errno
import os
from typing import Final

_WRITE: Final = 2  # SYNC_FILE_RANGE_WRITE
# What cannot be had here: forbidden, unknown, or a file that has no pages.
_UNHELPFUL: Final = frozenset({errno.ENOSYS, errno.EPERM, errno.ESPIPE, errno.EINVAL})

_call: Final = getattr(ctypes.CDLL(None, use_errno=True), "sync_file_range", None)
if _call is not None:
    _call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


def begin_writing_out(descriptor: int) -> None:
    """Begin to write all of a file that is not written yet; where that is not possible, nothing.

    Raises:
        OSError: it failed. Perhaps those bytes are gone, and a later sync does not know of them.
    """
    if _call is None or _call(descriptor, 0, 0, _WRITE) == 0:
        return
    number = ctypes.get_errno()
    if number not in _UNHELPFUL:
        raise OSError(number, os.strerror(number))
