"""Errors named by what to do next. Never patient data in a message: UIDs yes, names and IDs no."""


class HilumError(Exception):
    """Something Hilum can explain. Subclasses say what to do about it."""


class Misconfigured(HilumError):
    """The configuration must be changed; the message names the key, the value and the remedy."""


class RemoteProtocolError(HilumError):
    """The peer broke the protocol: tell it so and close."""


class LocalProtocolError(HilumError):
    """We asked our own protocol engine for something its state does not allow: a bug of ours."""


class Unreachable(HilumError):
    """The other side cannot be reached or went away: try again later."""


class Rejected(HilumError):
    """The other side said no; asking again without a change will not help."""


class Full(HilumError):
    """There is no room: push back on whoever sends, and recover by itself when room returns."""


class NotAllowed(HilumError):
    """The caller may not do this: answer so, and write it down."""


class CorruptPayload(HilumError):
    """The bytes are not a complete data set: truncated, over-long or badly nested."""
