"""Why there is no picture."""

from hilum.kernel.errors import HilumError


class NoPicture(HilumError):
    """There is nothing to be shown, or nothing that we can show. The message says what."""


class DamagedPixels(NoPicture):
    """The pixels contradict their description, or cannot be decoded: somebody wrote them wrong."""
