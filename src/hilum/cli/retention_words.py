"""What retention will remove and when, in words."""

from collections.abc import Iterator
from typing import Final

from hilum.pipeline.retention.settings import RetentionRuleSettings, RetentionSettings
from hilum.service.config_options import size_text

_UNITS: Final = (("day", 86400), ("hour", 3600), ("minute", 60))
_NEVER: Final = "nothing: what was received stays until somebody removes it"


def retention_words(settings: RetentionSettings) -> Iterator[str]:
    """Give the lines of `hilum check`."""
    limits = list(_limits(settings))
    may_go_at_all = settings.keep is not None or limits or any(map(_ends, settings.rules))
    if not may_go_at_all:
        yield _NEVER
        return
    if settings.keep is not None:
        yield f"what {_copies(settings.copies_min)}, after {_time(settings.keep)}"
    yield from limits
    for rule in settings.rules:
        yield f"{_whose(rule)}: {_terms(rule)}"
    yield "never what is still to be delivered" + (
        "" if any(rule.nowhere for rule in settings.rules) else ", or was sent nowhere"
    )


def _ends(rule: RetentionRuleSettings) -> bool:
    return rule.keep is not None


def _limits(settings: RetentionSettings) -> Iterator[str]:
    """Say what happens when room is needed."""
    at_least = (
        f" and was kept for {_time(settings.keep_at_least)}" if settings.keep_at_least else ""
    )
    what = f"the oldest of what {_copies(settings.copies_min)}{at_least}"
    quotas = []
    if settings.quota_bytes is not None:
        quotas.append(size_text(settings.quota_bytes))
    if settings.quota_instances is not None:
        quotas.append(f"{settings.quota_instances:,} instances")
    for quota in quotas:
        yield (
            f"above {settings.clean_percent} % of {quota}: {what}, down to "
            f"{settings.clean_to_percent} %; when it is full, stores are refused"
        )
    if settings.free_bytes is not None:
        yield f"when less than {size_text(settings.free_bytes)} of the disk are free: {what}"


def _copies(count: int) -> str:
    least = "" if count == 1 else f", to {count} destinations at least"
    return f"is delivered everywhere{least}"


def _whose(rule: RetentionRuleSettings) -> str:
    parts = []
    if rule.nowhere:
        parts.append("what was sent nowhere")
    if rule.peer:
        parts.append(f"from {' or '.join(rule.peer)}")
    if rule.route:
        parts.append(f"sent by route {' or '.join(rule.route)}")
    return ", ".join(parts)


def _terms(rule: RetentionRuleSettings) -> str:
    if rule.for_ever:
        return "never"
    parts = []
    if rule.keep is not None:
        parts.append(f"after {_time(rule.keep)}")
    if rule.keep_at_least is not None:
        parts.append(f"not before {_time(rule.keep_at_least)} even when room is needed")
    if rule.copies_min is not None:
        parts.append(f"delivered to {rule.copies_min} destinations at least")
    return ", ".join(parts) or "as all others"


def _time(seconds: float) -> str:
    for unit, size in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:g} seconds"
