"""How full the vault is, measured by its quotas: a pure decision about what must happen."""

from dataclasses import dataclass

from hilum.pipeline.retention.settings import RetentionSettings

# Beyond what shall be free, so that cleaning does not begin again at the next instance.
_FREE_AGAIN = 1.05


@dataclass(frozen=True, slots=True)
class Held:
    """What is held, and what the disk has left."""

    payloads: int
    bytes: int
    disk_free_bytes: int


@dataclass(frozen=True, slots=True)
class Pressure:
    """What there is too much of: so much must go. `percent`: of the quota that is fullest."""

    bytes: int = 0
    payloads: int = 0
    percent: int = 0
    # Why stores must be refused, "" when they need not be.
    reached: str = ""
    # Why one should look, "" when all is well.
    warning: str = ""

    @property
    def is_room_needed(self) -> bool:
        """Tell whether something must go."""
        return self.bytes > 0 or self.payloads > 0

    def is_met_by(self, payloads: int, size: int) -> bool:
        """Tell whether letting so much go is enough."""
        return payloads >= self.payloads and size >= self.bytes


def pressure_of(settings: RetentionSettings, held: Held) -> Pressure:
    """Compare what is held with what may be."""
    by_bytes = _excess(settings, held.bytes, settings.quota_bytes)
    by_count = _excess(settings, held.payloads, settings.quota_instances)
    shortage = 0
    if settings.free_bytes is not None and held.disk_free_bytes < settings.free_bytes:
        shortage = int(settings.free_bytes * _FREE_AGAIN) - held.disk_free_bytes
    percent = max(
        _percent(held.bytes, settings.quota_bytes),
        _percent(held.payloads, settings.quota_instances),
    )
    return Pressure(
        max(by_bytes, shortage),
        by_count,
        percent,
        _reached(settings, held),
        _warning(settings, percent, shortage),
    )


def _excess(settings: RetentionSettings, held: int, quota: int | None) -> int:
    if quota is None or held * 100 < quota * settings.clean_percent:
        return 0
    return max(held - quota * settings.clean_to_percent // 100, 1)


def _percent(held: int, quota: int | None) -> int:
    return 0 if quota is None else held * 100 // quota


def _reached(settings: RetentionSettings, held: Held) -> str:
    if settings.quota_bytes is not None and held.bytes >= settings.quota_bytes:
        return (
            f"the quota of {settings.quota_bytes:,} bytes is reached and nothing more may go; "
            "raise retention.quota_bytes or let more go (retention.keep_at_least, rules), and see "
            "with `hilum queue` what is not delivered"
        )
    if settings.quota_instances is not None and held.payloads >= settings.quota_instances:
        return (
            f"the quota of {settings.quota_instances:,} instances is reached and nothing more may "
            "go; raise retention.quota_instances or let more go (retention.keep_at_least, rules), "
            "and see with `hilum queue` what is not delivered"
        )
    return ""


def _warning(settings: RetentionSettings, percent: int, shortage: int) -> str:
    if percent >= settings.warn_percent:
        return f"{percent} % of the quota is used"
    return "less of the disk is free than retention.free_bytes says" if shortage else ""
