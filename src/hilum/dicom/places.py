"""Where containers of a data set stand, and how they must end (PS3.5 §7.5)."""

from typing import Final

NO_DELIMITER: Final = -1  # no tag is that: the length says where the end is


class Place:
    """Where a data set or a sequence stands, and how it must end."""

    __slots__ = ("delimiter", "end", "explicit", "has_choices", "is_bounded", "start")

    def __init__(
        self, start: int, end: int, delimiter: int, *, is_bounded: bool, explicit: bool
    ) -> None:
        self.start = start
        self.end = end  # nothing of it lies behind
        self.delimiter = delimiter
        self.is_bounded = is_bounded  # a length says that the end is there, not that bytes are out
        self.explicit = explicit
        self.has_choices = False  # elements whose VR depends on others
