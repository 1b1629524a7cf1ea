"""What an error of the file system means for deliveries to a folder."""

import errno
from typing import Final

from hilum.kernel.outcome import Deferred, Failing, Refused

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
# The name of this one instance cannot be made; another one may go.
_IN_THE_WAY: Final = frozenset(
    {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ, errno.EINVAL, errno.EFBIG}
)


def outcome_of(error: OSError, folder: str) -> Deferred | Refused:
    """Read an error. Its path is left out: names in it may be a patient's."""
    words = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return Deferred(f"{folder}: {words}", failing=Failing.BUSY)
    if error.errno in _FORBIDDEN:
        return Deferred(
            f"{folder} cannot be written to: {words}. May the gateway's user write there?",
            failing=Failing.UNWELCOME,
        )
    if error.errno in _IN_THE_WAY:
        return Refused(f"{folder} cannot have a file of that name: {words}")
    return Deferred(
        f"{folder} cannot be reached: {words}. Does it exist, is its disk there?",
        failing=Failing.UNREACHABLE,
    )
