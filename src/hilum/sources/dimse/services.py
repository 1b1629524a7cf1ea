"""What each permission opens, and what is agreed to with a caller that has some of them. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION
from hilum.dimse.service.commitment import STORAGE_COMMITMENT
from hilum.dimse.service.query_negotiation import FindOptions, RetrieveOptions, answerer
from hilum.dimse.upper.items import ExtendedNegotiation
from hilum.dimse.upper.negotiation import Policy, looks_like_storage
from hilum.dimse.upper.pdu import AssociateRequest, ContextResult
from hilum.pipeline.entities import Entity
from hilum.query.level import Model
from hilum.query.via import FACE_UID
from hilum.sources.dimse.admission import Admitted, Rules
from hilum.sources.dimse.settings import DimseLimits, Permission

Services = Mapping[Permission, frozenset[str]]

# What each permission opens; the others are for services to come.
SERVED: Final[Services] = {
    "echo": frozenset({VERIFICATION}),
    "store": frozenset(STORAGE_SOP_CLASSES),
    "find": frozenset(model.find_uid for model in Model),
    "move": frozenset(model.move_uid for model in Model),
    "get": frozenset(model.get_uid for model in Model),
    # To ask us for reports, and to bring reports on what we asked for: see `reporting`.
    "commit": frozenset({STORAGE_COMMITMENT}),
}
_OF_THE_ARCHIVE: Final = frozenset({"find", "move", "get"})
# Without anything to ask.
SERVED_WITHOUT_ARCHIVE: Final[Services] = {
    one: classes for one, classes in SERVED.items() if one not in _OF_THE_ARCHIVE
}
# Enhanced multi-frame conversion is the one option that we do not know.
FIND_OPTIONS: Final = FindOptions(
    relational=True, combined_moments=True, fuzzy_names=True, timezone=True
)
RETRIEVE_OPTIONS: Final = RetrieveOptions(relational=True)
_NEGOTIATED: Final = answerer(
    find_classes=SERVED["find"],
    find=FIND_OPTIONS,
    retrieve_classes=SERVED["move"] | SERVED["get"],
    retrieve=RETRIEVE_OPTIONS,
)
# What is served while nothing can be stored.
_COST_NOTHING: Final = frozenset[str]().union(
    *(classes for one, classes in SERVED.items() if one != "store")
)
_ASKING: Final = SERVED["find"] | SERVED["move"] | SERVED["get"]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Who may come in, and what is accepted from those who do."""

    rules: Rules
    accept_private_sop_classes: bool


class _StorageClasses:
    """The storage classes, and if wanted whatever looks like one."""

    def __init__(self, *, with_unknown: bool) -> None:
        self._with_unknown = with_unknown

    def __contains__(self, uid: object) -> bool:
        if uid in STORAGE_SOP_CLASSES:
            return True
        return self._with_unknown and isinstance(uid, str) and looks_like_storage(uid)


class _Together:
    """What is in one or the other."""

    def __init__(self, first: frozenset[str], second: _StorageClasses) -> None:
        self._first = first
        self._second = second

    def __contains__(self, uid: object) -> bool:
        return uid in self._first or uid in self._second


def at_entity(admitted: Admitted, entity: Entity) -> Admitted:
    """Narrow what a caller may do to what the entity that it called has open."""
    opened: frozenset[str] = entity.services
    may = frozenset(one for one in admitted.may if one in opened)
    return replace(admitted, entity=entity.name, may=may)


def policy_for(
    admitted: Admitted, rulebook: Rulebook, limits: DimseLimits, services: Services = SERVED
) -> Policy:
    """Give what is agreed to with a caller that was let in."""
    may = admitted.may
    private = rulebook.accept_private_sop_classes
    fetches = "get" in may and "get" in services
    # Who may fetch needs contexts for what it fetches, on which it may not bring anything.
    only_fetches = fetches and "store" not in may
    opened = {one for one in services if one in may or (one == "store" and fetches)}
    storage = _StorageClasses(with_unknown=private)
    return Policy(
        abstract_syntaxes=_classes_of(services, opened),
        forbidden_abstract_syntaxes=_classes_of(services, services.keys() - opened),
        sent_only=storage if only_fetches else frozenset(),
        peer_may_be_scp_of=_Together(SERVED["commit"], storage) if fetches else SERVED["commit"],
        accept_unknown_storage=private and "store" in opened,
        extended_answer=_NEGOTIATED,
        maximum_length=limits.receive_pdu_bytes,
        # That of user name and passcode is empty (PS3.7 §D.3.3.7.2).
        identity_response=b"" if admitted.is_identified else None,
    )


def introduced(policy: Policy, request: AssociateRequest, entity: Entity | None) -> Policy:
    """Tell a gateway like us, and nobody else, what the face that it called goes by (`query.via`).

    What is no answer to anything that was proposed may be more than others bear.
    """
    theirs = request.user_information.implementation_class_uid
    if entity is None or not entity.pseudonym or theirs != policy.implementation_class_uid:
        return policy
    told = ExtendedNegotiation(FACE_UID, entity.pseudonym.encode())
    return replace(policy, told=(told,))


def _classes_of(services: Services, permissions: Collection[Permission]) -> frozenset[str]:
    return _union(*[classes for one, classes in services.items() if one in permissions])


@lru_cache(maxsize=128)  # most callers may the same
def _union(*classes: frozenset[str]) -> frozenset[str]:
    return frozenset[str]().union(*classes)


def wants_to_store(request: AssociateRequest) -> bool:
    """Tell whether a caller comes to store: who asks for anything held as well can be served."""
    proposed = {context.abstract_syntax for context in request.contexts}
    return proposed.isdisjoint(_ASKING) and not proposed <= _COST_NOTHING


def remedy(
    abstract_syntax: str,
    result: ContextResult,
    admitted: Admitted,
    *,
    private: bool,
    services: Services = SERVED,
    entity: Entity | None = None,
) -> str:
    """Say what to change so that a context is accepted the next time."""
    permission = permission_for(abstract_syntax, services)
    if result is ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED:
        return "let the caller propose a transfer syntax, it proposes nothing that is a UID"
    if permission is None:
        return "the caller asks for services that are not offered; instances are not affected"
    if abstract_syntax not in services[permission] and not private:
        return "set sources.dimse.accept_private_sop_classes to take private SOP classes"
    if permission not in admitted.may:
        return _permit(permission, admitted, entity)
    return "let the caller propose itself as SCU, it proposes no role that could send"


def _permit(permission: Permission, admitted: Admitted, entity: Entity | None) -> str:
    if entity is not None and permission not in entity.services:
        return f'add "{permission}" to entities.{entity.name}.services'
    if not admitted.peer:
        return f'name the caller in a section [peers.<name>], with "{permission}" in its may'
    return f'add "{permission}" to peers.{admitted.peer}.may'


def permission_for(abstract_syntax: str, services: Services = SERVED) -> Permission | None:
    """Give what a caller needs for a SOP class; None is one that nobody is served."""
    for permission, classes in services.items():
        if abstract_syntax in classes:
            return permission
    return "store" if looks_like_storage(abstract_syntax) else None
