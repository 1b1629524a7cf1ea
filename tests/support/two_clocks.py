"""A clock of which the wall time can be set."""

from datetime import UTC, datetime, timedelta


class TwoClocks:
    def __init__(self):
        self.wall = datetime(2026, 10, 25, 2, 30, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.seconds

    def go(self, seconds):
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)

    def turn(self, seconds):
        self.wall += timedelta(seconds=seconds)
