"""Where a route sends: a destination, or a group of which one is chosen for each study."""

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from hilum.routing.faults import Faults, KeyPath
from hilum.routing.known import Known
from hilum.routing.values import written

GROUP_KEYS: Final = ("first_of", "one_of", "all_of")
MEMBERS_MAX: Final = 64
WEIGHT_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """One destination (no `kind`), or a group of them and how one is chosen from it."""

    members: tuple[str, ...]
    kind: str = ""
    weights: tuple[float, ...] = ()

    @property
    def choice(self) -> str:
        """Name the group; "" for a destination. Equal groups have equal names."""
        if not self.kind:
            return ""
        weights = self.weights if len(set(self.weights)) > 1 else ()
        names = (
            [f"{name}={weight:g}" for name, weight in zip(self.members, weights, strict=True)]
            if weights
            else self.members
        )
        return f"{self.kind}({','.join(names)})"

    def __str__(self) -> str:
        return self.choice or self.members[0]


def choose(target: Target, study_instance_uid: str, available: Collection[str]) -> str:
    """Choose the destination that gets a study.

    The same one for all instances of a study, as long as it is available; when a destination of
    `one_of` fails, only its own studies move, and they come back (rendezvous hashing). When none
    is available: as if all were, so that deliveries wait where they belong.
    """
    members = [name for name in target.members if name in available] or list(target.members)
    if target.kind != "one_of":
        return members[0]
    weights = dict(zip(target.members, target.weights, strict=True))
    return max(members, key=lambda name: _claim(name, study_instance_uid, weights[name]))


def _claim(name: str, study_instance_uid: str, weight: float) -> float:
    digest = hashlib.blake2b(f"{name}\0{study_instance_uid}".encode(), digest_size=8).digest()
    chance = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
    return -weight / math.log(chance)


def read_targets(
    items: Collection[object], path: KeyPath, known: Known, faults: Faults
) -> tuple[Target, ...]:
    """Read the `to` at `path`."""
    found: list[Target] = []
    for index, item in enumerate(items):
        at = (*path, index)
        for target in _targets(item, at, known, faults):
            if target in found:
                faults.error(at, f"{target} is in this list twice", "Remove one of the two")
            else:
                found.append(target)
    return tuple(found)


def _targets(item: object, path: KeyPath, known: Known, faults: Faults) -> Iterator[Target]:
    if isinstance(item, str):
        if _is_destination(item, path, known, faults):
            yield Target((item,))
        return
    if not isinstance(item, Mapping):
        remedy = 'Write to = ["pacs"] or to = [{ first_of = ["pacs", "standby"] }]'
        faults.error(path, f"{written(item)} is neither a destination nor a group", remedy)
        return
    kind = _kind(item, path, faults)
    if kind is None:
        return
    members = _members(item[kind], (*path, kind), known, faults)
    if kind == "all_of":
        yield from (Target((name,)) for name in members)
    elif members:
        if len(members) == 1 == len(tuple(_listed(item[kind]))):
            faults.warning((*path, kind), f"{kind} of one is just that one", "Add another member")
        weights = _weights(item.get("weights", {}), members, (*path, "weights"), faults)
        yield Target(members, kind, weights if kind == "one_of" else ())


def _kind(item: Mapping[str, object], path: KeyPath, faults: Faults) -> str | None:
    """Find out which kind of group a table is."""
    kinds = [key for key in item if key in GROUP_KEYS]
    for key in item:
        if key not in {*GROUP_KEYS, "weights"}:
            near = get_close_matches(str(key)[:64], (*GROUP_KEYS, "weights"), n=1)
            remedy = f"Did you mean {near[0]}?" if near else f"There are {', '.join(GROUP_KEYS)}"
            faults.error((*path, key), f"a group has no {key}", remedy)
            return None
    if len(kinds) != 1:
        message = "a group is exactly one of first_of, one_of and all_of"
        faults.error(path, message, "Write several groups one after the other in the list")
        return None
    if "weights" in item and kinds[0] != "one_of":
        faults.error((*path, "weights"), f"{kinds[0]} takes no weights; one_of does")
    return kinds[0]


def _members(value: object, path: KeyPath, known: Known, faults: Faults) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        faults.error(path, "a group needs a list of destinations", 'Such as ["pacs", "standby"]')
        return ()
    if len(value) > MEMBERS_MAX:
        faults.error(path, f"a group has at most {MEMBERS_MAX} members")
        return ()
    members: list[str] = []
    for index, name in enumerate(value):
        at = (*path, index)
        if not isinstance(name, str):
            faults.error(at, f"{written(name)} is not the name of a destination")
        elif name in members:
            faults.error(at, f"{name} is in this group twice", "Remove one of the two")
        elif _is_destination(name, at, known, faults):
            members.append(name)
    return tuple(members)


def _listed(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        yield from value


def _weights(
    value: object, members: tuple[str, ...], path: KeyPath, faults: Faults
) -> tuple[float, ...]:
    if not isinstance(value, Mapping):
        faults.error(path, "weights is a table", f"Such as {{ {members[0]} = 2 }}; others count 1")
        return tuple(1.0 for _ in members)
    for name, weight in value.items():
        if name not in members:
            faults.error((*path, name), f"this group has no member {name}")
        elif not _is_weight(weight):
            faults.error((*path, name), f"{written(weight)} is not a weight above 0")
    return tuple(float(value[name]) if _is_weight(value.get(name)) else 1.0 for name in members)


def _is_weight(value: object) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= WEIGHT_MAX
    )


def _is_destination(name: str, path: KeyPath, known: Known, faults: Faults) -> bool:
    if known.destinations is None or name in known.destinations:
        return True
    near = get_close_matches(name[:64], known.destinations, n=1, cutoff=0.6)
    there = f"There are: {', '.join(sorted(known.destinations)[:10])}"
    if near:
        remedy = f"Did you mean {near[0]}?"
    else:
        remedy = there if known.destinations else f"Add a section [destinations.{name}]"
    faults.error(path, f"there is no destination {written(name)}", remedy)
    return False
