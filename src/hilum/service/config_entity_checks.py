"""Entities beside everything else: who is named exists and can answer, titles are told apart."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.kernel.names import AE_TITLE_LENGTH_MAX
from hilum.routing.faults import Faults
from hilum.routing.known import Known
from hilum.routing.targets import Target, read_targets
from hilum.service.config_entities import LOCAL, EntitySettings, title_of
from hilum.service.config_explain import nearest, shown
from hilum.service.config_finding import Finding
from hilum.service.config_ourselves import title_behind
from hilum.service.config_positions import KeyPath
from hilum.service.config_routes import known_names, sent_to
from hilum.service.config_settings import Config
from hilum.sources.dimse.settings import listening_host
from hilum.sources.web.access.grant import is_loopback

# What can be asked for what it holds.
ANSWERING: Final = (DimseDestinationSettings, DicomWebDestinationSettings)
_ASKING: Final = frozenset({"find", "move", "get", "web"})


def errors(config: Config, table: Mapping[str, Any]) -> Iterator[Finding]:
    """Find what cannot work. `table` is what was written: a destination with a mistake is one."""
    if LOCAL in config.destinations:
        yield Finding(
            (("destinations", LOCAL),),
            f'"{LOCAL}" is what is held here, so no destination can have this name',
            "Give it another name",
        )
    yield from _titles(config)
    known = known_names(config, table).destinations or frozenset()
    for name, entity in config.entities.items():
        path = ("entities", name)
        yield from _too_long(path, name, entity)
        yield from _answers(config, path, entity, known)
        yield from _through(config, path, entity, known)
        yield from _itself(config, path, name, entity)


def warnings(config: Config, *, is_whole: bool) -> Iterator[Finding]:
    """Find what works but may not be meant."""
    yield from _not_let_in(config)
    for name, entity in config.entities.items():
        path = ("entities", name)
        yield from _peers_title(config, path, name, entity)
        if not entity.services:
            yield Finding(
                ((*path, "services"),), "nothing can be asked of it", "Name services, or remove it"
            )
        if is_whole:
            yield from _never_found(config, path, entity)
            yield from _nobody_to_move_to(config, path, entity)


def _titles(config: Config) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name, entity in config.entities.items():
        title = title_of(name, entity)
        if title in seen:
            yield Finding(
                (
                    ("entities", name, "ae_title"),
                    ("entities", seen[title], "ae_title"),
                    ("entities", name),
                ),
                f"{title!r} is the AE title of [entities.{seen[title]}] as well",
                "Give each entity an AE title of its own",
            )
        seen.setdefault(title, name)


def _too_long(path: KeyPath, name: str, entity: EntitySettings) -> Iterator[Finding]:
    if entity.ae_title is None and len(name) > AE_TITLE_LENGTH_MAX:
        yield Finding(
            (path,),
            f"{name!r} has {len(name)} characters, too many for an AE title, which has at most "
            f"{AE_TITLE_LENGTH_MAX} (PS3.5 §6.2)",
            'Add ae_title = "…", or give it a shorter name',
        )


def _answers(
    config: Config, path: KeyPath, entity: EntitySettings, known: frozenset[str]
) -> Iterator[Finding]:
    """Read who answers as routes read where they send, and look at each."""
    at, faults = (*path, "answers"), Faults()
    if not entity.answers:
        yield Finding((at,), "nobody answers", f'Name a destination, or "{LOCAL}"')
    seen: set[str] = set()
    for index, answers in enumerate(entity.answers):
        here = (*at, index)
        for target in read_targets((answers,), here, Known(known | {LOCAL}), faults):
            yield from _place(config, (here, at), target, seen)
            seen.update(target.members)
    for fault in faults.errors:
        # Of a list with one member, the member is the whole place.
        where = (*at, *fault.path[len(at) :][:1])
        remedy = fault.remedy.replace("to = ", "answers = ").replace("first_of", "one_of")
        yield Finding((where, at), fault.message, remedy)


def _place(
    config: Config, paths: tuple[KeyPath, KeyPath], target: Target, seen: set[str]
) -> Iterator[Finding]:
    """Judge who answers at one place of the list; `seen`: who stands before it."""
    if target.kind == "first_of":
        remedy = f"Write answers = {shown(list(target.members))}"
        yield Finding(paths, "who stands first goes first anyway, without first_of", remedy)
    elif target.kind and LOCAL in target.members:
        message = f'"{LOCAL}" cannot share studies with other archives'
        yield Finding(paths, message, f'Write answers = ["{LOCAL}", …]')
    for name in target.members:
        if name in seen:
            yield Finding(paths, f"there is {name} before this", "Remove one of the two")
        one = config.destinations.get(name)
        if one is not None and not isinstance(one, ANSWERING):
            remedy = "Name a destination that is dimse or dicomweb"
            yield Finding(paths, f"the {one.type} {name} cannot be asked for anything", remedy)


def _through(
    config: Config, path: KeyPath, entity: EntitySettings, known: frozenset[str]
) -> Iterator[Finding]:
    at, name = (*path, "stores"), entity.through
    if not name:
        return
    if name == LOCAL:
        yield Finding((at,), f'through "{LOCAL}" is to keep it', 'Write stores = "keep"')
    elif name not in known:
        guess = nearest(name, known)
        there = f"There are: {', '.join(sorted(known))}"
        remedy = f"Did you mean {guess}?" if guess else there if known else ""
        yield Finding(
            (at,),
            f"there is no destination {shown(name)}",
            remedy or f"Add a section [destinations.{name}]",
        )
    elif name in config.destinations and not isinstance(config.destinations[name], ANSWERING):
        kind = config.destinations[name].type
        yield Finding(
            (at,),
            f"the {kind} {name} is no archive that a store could be handed to",
            f"Keep stores, and send them to {name} by a route",
        )


def _itself(config: Config, path: KeyPath, name: str, entity: EntitySettings) -> Iterator[Finding]:
    """Find a bridge that leads back to itself: nothing comes of that but work."""
    ours = title_of(name, entity)
    for other in sorted(_behind(entity)):
        if ours in _reached(config, other):
            yield Finding(
                ((*path, "answers"), (*path, "stores"), path),
                f"the destination {other} is this very entity, or leads back to it: what it "
                "asks there, it asks itself",
                f"Correct [destinations.{other}], or who answers there",
            )


def _behind(entity: EntitySettings) -> frozenset[str]:
    return frozenset({*entity.names, entity.through} - {""})


def _reached(config: Config, destination: str) -> frozenset[str]:
    """Give the titles of our own entities that a question to a destination comes to."""
    entities = {title_of(name, entity): entity for name, entity in config.entities.items()}
    reached: set[str] = set()
    ahead = [destination]
    while ahead:
        one = config.destinations.get(ahead.pop())
        title = title_behind(config, one) if one is not None else ""
        if title and title not in reached:
            reached.add(title)
            if title in entities:
                ahead += _behind(entities[title])
    return frozenset(reached)


def _peers_title(
    config: Config, path: KeyPath, name: str, entity: EntitySettings
) -> Iterator[Finding]:
    title = title_of(name, entity)
    for peer, settings in config.peers.items():
        if settings.ae_title == title:
            yield Finding(
                ((*path, "ae_title"), ("peers", peer, "ae_title"), path),
                f"{title!r} is also the AE title of [peers.{peer}]: logs cannot tell them apart",
                "Give the entity an AE title that nobody else has",
            )


def _never_found(config: Config, path: KeyPath, entity: EntitySettings) -> Iterator[Finding]:
    """Find stores that are not found again at the entity they came to."""
    if "store" not in entity.services or entity.services.isdisjoint(_ASKING):
        return
    answers = ", ".join(sorted(entity.names)) or LOCAL
    if entity.through and entity.through not in entity.names:
        yield Finding(
            ((*path, "stores"), (*path, "answers")),
            f"what is stored here goes to {entity.through}, but {answers} answers: nobody finds "
            "here what was stored here",
            f'Add "{entity.through}" to answers, or close services',
        )
    elif not entity.through and LOCAL not in entity.answers and not entity.names & sent_to(config):
        yield Finding(
            ((*path, "answers"), (*path, "stores")),
            f"what is stored here is kept here, but {answers} answers, and no route sends there",
            f'Write stores = {{ through = "{min(entity.names, default="")}" }}, add "{LOCAL}" to '
            "answers, or add a route",
        )


def _not_let_in(config: Config) -> Iterator[Finding]:
    """Find archives that shall send to us what we C-MOVE, and will be turned away."""
    if config.gateway.unknown_callers == "accept":
        return
    let_in = {one.ae_title for one in config.peers.values() if "store" in one.may}
    for name, one in config.destinations.items():
        if not isinstance(one, DimseDestinationSettings) or one.ae_title in let_in:
            continue
        if one.archive.retrieve == "move" and not is_loopback(one.host):
            yield Finding(
                (("destinations", name, "archive", "retrieve"), ("destinations", name)),
                f"what is moved to us comes from {one.ae_title}, which is no peer that may store",
                f'Add a peer with ae_title = "{one.ae_title}", its host and may = ["store"]',
            )


def _nobody_to_move_to(config: Config, path: KeyPath, entity: EntitySettings) -> Iterator[Finding]:
    if "services" not in entity.model_fields_set or "move" not in entity.services:
        return
    peers = any(listening_host(peer) is not None for peer in config.peers.values())
    kinds = (DimseDestinationSettings,)
    if not peers and not any(isinstance(one, kinds) for one in config.destinations.values()):
        yield Finding(
            ((*path, "services"),),
            "nothing can be moved: no peer and no destination says where it listens",
            'Give a peer host and port, or take "move" out of services',
        )
