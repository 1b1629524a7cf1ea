"""The desk every connection of the DIMSE door reports to: rules, limits, and who is in.

A reload replaces `rulebook`, `limits`, `entities` and `takers`; associations that are open keep
what they were given.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from hilum.dimse.upper.limits import UpperLimits
from hilum.dimse.upper.negotiation import negotiate
from hilum.dimse.upper.pdu import (
    AcceptedContext,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    ContextResult,
)
from hilum.dimse.upper.reasons import PresentationReason, RejectResult
from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.homecoming import StoresComingHome
from hilum.pipeline.commitments import Commitments
from hilum.pipeline.entities import Entities, Entity
from hilum.pipeline.intake import Intake
from hilum.pipeline.taking import Takers
from hilum.pipeline.vouching.voucher import Voucher
from hilum.sources.dimse.admission import Admitted, Caller, Rejection, Rules, admit
from hilum.sources.dimse.connection import Connection
from hilum.sources.dimse.conversation import Conversation
from hilum.sources.dimse.events import (
    AssociationAccepted,
    AssociationRejected,
    ContextsRefused,
)
from hilum.sources.dimse.library import Library
from hilum.sources.dimse.live import LiveAssociation, live_of
from hilum.sources.dimse.operation import Extended
from hilum.sources.dimse.operations import RunningOperations
from hilum.sources.dimse.services import (
    SERVED,
    SERVED_WITHOUT_ARCHIVE,
    Rulebook,
    Services,
    at_entity,
    introduced,
    policy_for,
    remedy,
    wants_to_store,
)
from hilum.sources.dimse.settings import DimseLimits

# Sockets that have not asked for an association yet, beyond those that have. A flood of them pushes
# out the oldest one, which is the least likely to be a modality in the middle of its request.
_STRANGERS_MAX: Final = 6000


class Desk:
    """What the connections of one process share. Lives on the event loop."""

    def __init__(  # noqa: PLR0913 - parts of one process, by keyword
        self,
        *,
        rulebook: Rulebook,
        limits: DimseLimits,
        intake: Intake,
        clock: Clock,
        telemetry: Telemetry,
        commitments: Commitments | None = None,
        library: Library | None = None,
        voucher: Voucher | None = None,
        entities: Entities | None = None,
        homecomings: StoresComingHome | None = None,
        takers: Takers | None = None,
    ) -> None:
        """Take what to work with; without a `library` nothing can be asked for.

        With a `library` there are `entities`, whose archives are asked. Without a `voucher` nobody
        is promised storage commitment. Without `homecomings` every store is an arrival. Without
        `takers` all instances are for the intake, whatever entity is called.
        """
        self.rulebook = rulebook
        self.limits = limits
        self.intake = intake
        self.clock = clock
        self.telemetry = telemetry
        self.commitments = commitments or Commitments()
        self.library = library
        self.voucher = voucher
        self.entities = entities
        self.homecomings = homecomings
        self.takers = takers or Takers(intake, {})
        self.operations = RunningOperations()
        self.loop = asyncio.get_running_loop()
        self.emptied = asyncio.Event()
        self.emptied.set()
        self._strangers: dict[Connection, None] = {}
        self._associated: dict[Connection, Conversation] = {}
        self._open_by_peer: Counter[str] = Counter()
        self._prefix = secrets.token_hex(4)
        self._opened = 0

    @property
    def upper_limits(self) -> UpperLimits:
        """Give the bounds of the protocol engine."""
        return UpperLimits(
            associate_bytes_max=self.limits.associate_request_bytes_max,
            user_information_bytes_max=self.limits.user_information_bytes_max,
        )

    @property
    def _services(self) -> Services:
        return SERVED if self.library is not None else SERVED_WITHOUT_ARCHIVE

    @property
    def associations(self) -> int:
        """Give how many associations are open."""
        return len(self._associated)

    def is_open(self, association_id: str) -> bool:
        """Tell whether an association of this process is open."""
        return any(one.association_id == association_id for one in self._associated.values())

    def live(self) -> Sequence[LiveAssociation]:
        """Give the associations that are open, the oldest first, with what each asks for now."""
        return [live_of(conversation) for conversation in self._associated.values()]

    def abort(self, association_id: str) -> bool:
        """Abort an association for an operator; False: none with this id is open."""
        for connection, conversation in self._associated.items():
            if conversation.association_id == association_id:
                connection.abort("operator", "An operator ended it.")
                return True
        return False

    def connections(self) -> Iterator[Connection]:
        """Give every connection, associated or not."""
        yield from list(self._strangers)
        yield from list(self._associated)

    def welcome(self, connection: Connection) -> None:
        """Take note of a new connection, and make room for it."""
        if len(self._strangers) >= _STRANGERS_MAX:
            next(iter(self._strangers)).close("crowded", "too many connections without a request")
        self._strangers[connection] = None
        self.emptied.clear()

    def forget(self, connection: Connection) -> None:
        """A connection was closed."""
        self._strangers.pop(connection, None)
        conversation = self._associated.pop(connection, None)
        if conversation is not None:
            self._open_by_peer[conversation.admitted.peer] -= 1
            conversation.taker.carriers -= 1
        if not self._strangers and not self._associated:
            self.emptied.set()

    def open(self, connection: Connection, request: AssociateRequest) -> Conversation | None:
        """Answer an A-ASSOCIATE-RQ; None means that it was rejected."""
        caller = Caller(
            request.calling_ae_title,
            request.called_ae_title,
            connection.host,
            request.user_information.user_identity,
        )
        entity = self._entity_of(caller.called_ae_title)
        admitted = self._admit(caller, request, entity)
        if isinstance(admitted, Rejection):
            self._reject(connection, caller, admitted)
            return None
        policy = policy_for(admitted, self.rulebook, self.limits, self._services)
        policy = introduced(policy, request, entity)
        answer = negotiate(request, policy)
        if isinstance(answer, AssociateReject):
            reason = "the application context or protocol version is not DICOM's"
            self._reject(connection, caller, Rejection(answer, reason, "look at the device"))
            return None
        return self._accept(connection, caller, admitted, request, answer, entity)

    def _entity_of(self, called_ae_title: str) -> Entity | None:
        """Give the face that was called; None: there are none, and nothing can be asked for."""
        return None if self.entities is None else self.entities.of(called_ae_title)

    @property
    def _rules(self) -> Rules:
        """Give the rules, with the titles of all entities among ours."""
        rules = self.rulebook.rules
        if self.entities is None or rules.own_titles >= self.entities.by_title.keys():
            return rules
        return replace(rules, own_titles=rules.own_titles | self.entities.by_title.keys())

    def _admit(
        self, caller: Caller, request: AssociateRequest, entity: Entity | None
    ) -> Admitted | Rejection:
        admitted = admit(
            caller,
            self._rules,
            open_in_all=len(self._associated),
            open_by_peer=self._open_by_peer,
        )
        if isinstance(admitted, Admitted) and entity is not None:
            admitted = at_entity(admitted, entity)
        obstacle = self.takers.of(caller.called_ae_title).obstacle
        if isinstance(admitted, Rejection) or obstacle is None or not wants_to_store(request):
            return admitted
        return Rejection(
            AssociateReject(RejectResult.TRANSIENT, PresentationReason.TEMPORARY_CONGESTION),
            f"nothing can be stored now: {obstacle}",
            "remove the obstacle; associations are taken again by themselves",
        )

    def _accept(
        self,
        connection: Connection,
        caller: Caller,
        admitted: Admitted,
        request: AssociateRequest,
        accept: AssociateAccept,
        entity: Entity | None,
    ) -> Conversation:
        self._opened += 1
        association_id = f"{self._prefix}-{self._opened:x}"
        conversation = Conversation(
            self, connection, association_id, caller, admitted, entity=entity
        )
        conversation.extended = Extended(
            request.user_information.extended, accept.user_information.extended
        )
        self._strangers.pop(connection, None)
        self._associated[connection] = conversation
        self._open_by_peer[admitted.peer] += 1
        conversation.taker.carriers += 1
        connection.send(connection.engine.accept(accept))
        refused = [c for c in accept.contexts if c.result is not ContextResult.ACCEPTANCE]
        self.telemetry.emit(
            AssociationAccepted(
                association_id,
                caller.calling_ae_title,
                caller.called_ae_title,
                admitted.peer,
                caller.host,
                len(accept.contexts) - len(refused),
            )
        )
        if refused:
            self._tell_refused(conversation, request, refused)
        return conversation

    def _reject(self, connection: Connection, caller: Caller, rejection: Rejection) -> None:
        connection.send(connection.engine.reject(rejection.reject))
        reason = rejection.reject.reason
        self.telemetry.emit(
            AssociationRejected(
                calling_ae_title=caller.calling_ae_title,
                called_ae_title=caller.called_ae_title,
                host=caller.host,
                cause=getattr(reason, "name", "unlisted").lower(),
                reason=rejection.reason,
                remedy=rejection.remedy,
            )
        )

    def _tell_refused(
        self,
        conversation: Conversation,
        request: AssociateRequest,
        refused: list[AcceptedContext],
    ) -> None:
        asked = {context.id: context.abstract_syntax for context in request.contexts}
        remedies = [
            remedy(
                asked[answer.id],
                answer.result,
                conversation.admitted,
                private=self.rulebook.accept_private_sop_classes,
                services=self._services,
                entity=conversation.entity,
            )
            for answer in refused
        ]
        self.telemetry.emit(
            ContextsRefused(
                conversation.association_id,
                conversation.caller.calling_ae_title,
                ", ".join(dict.fromkeys(asked[answer.id] for answer in refused)),
                "; ".join(dict.fromkeys(remedies)),
            )
        )
