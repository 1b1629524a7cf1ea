"""What was fetched lately for somebody who took it away: the second time it is worth a file.

Remembers keys and times only, a bounded number of them, in one process.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from hilum.kernel.clock import Clock

# Who takes a study away again, or takes it elsewhere, does so within a day or with a later reason.
REMEMBERED_SECONDS: Final = 24 * 3600.0
REMEMBERED_MAX: Final = 4096


class Once:
    """One object for each answerer, on the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: OrderedDict[Hashable, float] = OrderedDict()

    def is_first(self, key: Hashable) -> bool:
        """Tell whether this was not asked for lately; from now on it was."""
        now = self._clock.monotonic()
        before = self._asked.pop(key, None)
        self._asked[key] = now
        if len(self._asked) > REMEMBERED_MAX:
            self._asked.popitem(last=False)
        return before is None or now - before > REMEMBERED_SECONDS
