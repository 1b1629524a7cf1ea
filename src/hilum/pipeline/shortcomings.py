"""What is wrong on our own side when a payload cannot be sent: said the same by every door."""

import errno
from typing import Final

from hilum.kernel.errors import CorruptPayload, Full, HilumError

# We have no room or no descriptors: it says nothing about the payload.
_OUR_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})


class Spoiled(HilumError):
    """Our payload is missing or damaged: trying again does not help, a person must look."""


def shortcoming(error: OSError | CorruptPayload) -> HilumError:
    """Say what is wrong on our side, without a path: the log has patients in no place."""
    if isinstance(error, CorruptPayload):
        return Spoiled(f"our payload is damaged: {error}")
    words = error.strerror or type(error).__name__
    if error.errno in _OUR_SHORTAGES:
        return Full(f"our payload cannot be read now: {words}")
    return Spoiled(f"our payload cannot be read: {words}")
