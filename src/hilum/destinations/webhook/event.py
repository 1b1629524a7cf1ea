"""The event that a webhook gets, and how the receiver can tell that it is ours: pure functions."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from hilum.pipeline.ports import Parcel

About = Literal["instance", "series", "study"]

SIGNATURE_HEADER: Final = "X-Hilum-Signature"
EVENT_HEADER: Final = "X-Hilum-Event"
VERSION: Final = 1


def groups_of(parcels: Sequence[Parcel], about: About) -> list[tuple[Parcel, ...]]:
    """Gather the parcels that one event tells of, in their order."""
    found: dict[tuple[str, ...], list[Parcel]] = {}
    for parcel in parcels:
        key: tuple[str, ...] = (parcel.study_instance_uid,)
        if about != "study":
            key += (parcel.series_instance_uid,)
        if about == "instance":
            key += (parcel.sop_instance_uid, str(parcel.delivery_id))
        found.setdefault(key, []).append(parcel)
    return [tuple(alike) for alike in found.values()]


def event_id(group: Sequence[Parcel]) -> str:
    """Name an event: the same when it is told again, so that a receiver can drop the repetition."""
    named = "\n".join(f"{parcel.delivery_id} {parcel.sop_instance_uid}" for parcel in group)
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def event_json(
    group: Sequence[Parcel],
    about: About,
    fields: Mapping[str, Sequence[str]],
    *,
    destination: str,
    now: datetime,
) -> bytes:
    """Write the event; `fields` are attributes of the first instance, by keyword."""
    first = group[0]
    told: dict[str, Any] = {  # Any: JSON
        "version": VERSION,
        "id": event_id(group),
        "event": f"{about}.available",
        "at": now.isoformat(timespec="milliseconds"),
        "destination": destination,
        "study_instance_uid": first.study_instance_uid,
    }
    if about != "study":
        told["series_instance_uid"] = first.series_instance_uid
    told["instances"] = [
        {
            "sop_instance_uid": parcel.sop_instance_uid,
            "sop_class_uid": parcel.sop_class_uid,
            "series_instance_uid": parcel.series_instance_uid,
            "transfer_syntax_uid": parcel.transfer_syntax_uid,
            "size": parcel.size,
        }
        for parcel in group
    ]
    if fields:
        told["fields"] = {keyword: list(values) for keyword, values in fields.items()}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, body: bytes, *, now: datetime) -> str:
    """Sign time and body; a receiver refuses old times, or whoever listens could tell it again.

    `t=<seconds since 1970>,v1=<HMAC-SHA256 in hex of "<t>.<body>">`
    """
    seconds = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"
