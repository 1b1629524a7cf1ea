"""From method and path to what is asked for (PS3.18 Tables 10.1-1, 10.4.1-1, 10.6.1-1).

Beyond the letter: flat `/series/{uid}…` and `/instances/{uid}…`, `/patients`, slashes at the end.
"""

import re
from collections.abc import Mapping
from typing import Final

from hilum.dicom.bulk import path_of
from hilum.dicomweb.percent import path_segments
from hilum.dicomweb.refusal import RequestRefused, bad, not_found
from hilum.dicomweb.resource import (
    Allowed,
    Capabilities,
    Delete,
    Entity,
    Place,
    Resource,
    RetrieveAllBulk,
    RetrieveBulk,
    RetrieveFrames,
    RetrieveInstances,
    RetrieveMetadata,
    RetrievePixels,
    RetrieveRendered,
    RetrieveThumbnail,
    Search,
    Store,
)
from hilum.kernel.names import is_uid

FRAMES_MAX: Final = 10_000  # of one request; a path has no room for many more
_FRAME: Final = re.compile(r"0{0,8}[1-9][0-9]{0,8}", re.ASCII)
_READING: Final = ("GET", "HEAD", "OPTIONS")

# The collections in the order in which a path may go down.
_COLLECTIONS: Final[Mapping[str, tuple[int, str, Entity]]] = {
    "studies": (0, "study", Entity.STUDY),
    "series": (1, "series", Entity.SERIES),
    "instances": (2, "instance", Entity.INSTANCE),
}


def resource_of(method: str, raw_path: bytes) -> Resource:
    """Read what a request asks for; `raw_path` is behind the root of the service, as it came.

    Raises:
        RequestRefused: 400 what is named is no UID or frame, 404 there is no such resource, 405 it
            does not take this method, 414 the path is too long.
    """
    segments = path_segments(raw_path)
    by_method = _resources(segments)
    method = method.upper()
    found = by_method.get("GET" if method == "HEAD" else method)
    if found is not None:
        return found
    allowed = _allowed(by_method)
    if method == "OPTIONS":
        return Capabilities() if not segments else Allowed(allowed)
    told = ", ".join(allowed)
    raise RequestRefused(405, f"this resource takes {told}", {"Allow": told})


def _allowed(by_method: Mapping[str, Resource]) -> tuple[str, ...]:
    reading = _READING if "GET" in by_method else _READING[-1:]
    return (*reading, *[one for one in by_method if one != "GET"])


def _resources(segments: tuple[str, ...]) -> dict[str, Resource]:
    """Give what there is under a path, by method."""
    if not segments:
        return {"GET": Capabilities()}
    if segments == ("patients",):
        return {"GET": Search(Entity.PATIENT, Place())}
    place, collection, rest = _place(segments)
    if collection is not None:
        searched: dict[str, Resource] = {"GET": Search(collection, place)}
        return searched | ({"POST": Store("")} if collection is Entity.STUDY else {})
    if rest:
        return {"GET": _part(place, rest)}
    whole: dict[str, Resource] = {"GET": RetrieveInstances(place), "DELETE": Delete(place)}
    return whole | ({"POST": Store(place.study)} if place.entity is Entity.STUDY else {})


def _place(segments: tuple[str, ...]) -> tuple[Place, Entity | None, tuple[str, ...]]:
    """Go down a path; also give the collection it ends with, or what is behind the last UID."""
    uids: dict[str, str] = {}
    lowest, at = -1, 0
    while at < len(segments):
        rank, name, entity = _COLLECTIONS.get(segments[at], (-1, "", Entity.STUDY))
        if rank <= lowest:
            break
        lowest = rank
        if at + 1 == len(segments):
            return Place(**uids), entity, ()
        uids[name] = _uid(name, segments[at + 1])
        at += 2
    if not at:
        raise not_found("there is no such resource; see /studies, /series, /instances, /patients")
    return Place(**uids), None, segments[at:]


def _uid(name: str, text: str) -> str:
    # Spaces and NULs of padded values get into addresses that clients put together.
    text = text.strip(" ")
    if not is_uid(text):
        raise bad(f"what the path names as {name} is not a UID (PS3.5 §9.1)")
    return text


def _part(place: Place, rest: tuple[str, ...]) -> Resource:
    """Read what is behind a study, series or instance."""
    match rest:
        case ("metadata",):
            return RetrieveMetadata(place)
        case ("rendered",):
            return RetrieveRendered(place)
        case ("thumbnail",):
            return RetrieveThumbnail(place)
        case ("pixeldata",):
            return RetrievePixels(place)
        case ("bulkdata",):
            return RetrieveAllBulk(place)
        case _ if place.instance:
            return _part_of_instance(place, rest)
    raise not_found(f"there is no such resource under a {_named(place)}")


def _part_of_instance(place: Place, rest: tuple[str, ...]) -> Resource:
    match rest:
        case ("bulkdata", *steps):
            path = path_of("/".join(steps))
            if path is None:
                raise not_found("there is no such bulk data; addresses are those of the metadata")
            return RetrieveBulk(place, path)
        case ("frames", numbers):
            return RetrieveFrames(place, frame_numbers(numbers))
        case ("frames", numbers, "rendered"):
            return RetrieveRendered(place, frame_numbers(numbers))
        case ("frames", numbers, "thumbnail"):
            return RetrieveThumbnail(place, frame_numbers(numbers))
    raise not_found("there is no such resource under an instance")


def frame_numbers(text: str) -> tuple[int, ...]:
    """Read a list of frames, from 1 on, with commas.

    Raises:
        RequestRefused: it is none, or too long.
    """
    if text.count(",") >= FRAMES_MAX:
        raise bad(f"more than {FRAMES_MAX} frames at once")
    parts = [part.strip(" ") for part in text.split(",")]
    if not all(_FRAME.fullmatch(part) for part in parts):
        raise bad("frames are numbers from 1 on, with commas between them (PS3.18 §10.4.1.1.3)")
    return tuple([int(part) for part in parts])


def _named(place: Place) -> str:
    return "series" if place.entity is Entity.SERIES else "study"
