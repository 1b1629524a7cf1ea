"""pynetdicom 3.0 without two of its races, which lose messages on a machine that others use too.

Its thread that serves what comes in is said to be paused while it still wakes up: it then takes the
answer that somebody else waits for. And an association may be released while a request of the other
side is being answered: the answer has no association to go by.
"""

import threading

from pynetdicom.association import Association


class Gate(threading.Event):
    """Whoever waits is let through while it is open, not some time after it was."""

    def wait(self, timeout=None):
        while not self.is_set():
            super().wait(timeout)
        return True


def mend():
    """Mend the associations that are made from now on."""
    make, serve, release = Association.__init__, Association._serve_request, Association.release

    def made(self, *arguments, **options):
        make(self, *arguments, **options)
        self._reactor_checkpoint = Gate()
        self._reactor_checkpoint.set()
        self.serving = threading.Lock()

    def served(self, *arguments):
        with self.serving:
            serve(self, *arguments)

    def released(self):
        self._reactor_checkpoint.clear()  # nothing new is served
        with self.serving:
            pass  # and what was is answered
        release(self)

    Association.__init__, Association._serve_request = made, served
    Association.release = released
