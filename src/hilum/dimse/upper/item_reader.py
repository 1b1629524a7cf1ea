"""Items of A-ASSOCIATE PDUs from bytes: bounded, and raising nothing but `InvalidPdu`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, TypeVar

from hilum.dimse.upper.items import (
    AcceptedContext,
    AsynchronousOperations,
    CommonExtendedNegotiation,
    ContextResult,
    ExtendedNegotiation,
    ItemType,
    PresentationContext,
    RoleSelection,
    Tolerance,
    UserIdentity,
    UserInformation,
)
from hilum.dimse.upper.limits import UpperLimits
from hilum.dimse.upper.reasons import AbortReason, InvalidPdu
from hilum.kernel.names import UID

# A peer that receives less than this cannot be sent two bytes in one PDV: header 6, data 2.
# The smallest announced by a real product is 4096 (DCMTK's lower bound).
PEER_MAXIMUM_LENGTH_MIN: Final = 8
VERSION_NAME_LENGTH_MAX: Final = 16  # PS3.7 §D.3.3.2.3
# PS3.5 §9.1 ends at 64. Twice that is read, so that a sloppy context is refused and not the whole
# association; what is longer is no UID, and would end up in log lines.
UID_BYTES_MAX: Final = 128

_HEADER: Final = Struct(">BxH")
_U16: Final = Struct(">H")
_U32: Final = Struct(">I")
_TWO: Final = Struct(">HH")

Context = TypeVar("Context", PresentationContext, AcceptedContext)
Value = TypeVar("Value")


@dataclass(slots=True)
class _UserDraft:
    """User information while its sub-items come in."""

    maximum_length: int | None = None
    implementation_class_uid: UID | None = None
    implementation_version_name: str | None = None
    asynchronous_operations: AsynchronousOperations | None = None
    roles: list[RoleSelection] = field(default_factory=list)
    extended: list[ExtendedNegotiation] = field(default_factory=list)
    common_extended: list[CommonExtendedNegotiation] = field(default_factory=list)
    user_identity: UserIdentity | None = None
    user_identity_response: bytes | None = None


class ItemReader:
    """Reads the items of one PDU, counts them against the limit, notes what it tolerated."""

    def __init__(self, body: bytes, limits: UpperLimits) -> None:
        self._body = body
        self._limits = limits
        self._items_left = limits.items_max
        self.tolerated: set[Tolerance] = set()

    def proposals(self, start: int) -> tuple[UID, tuple[PresentationContext, ...], UserInformation]:
        """Read everything after the fixed part of an A-ASSOCIATE-RQ."""
        return self._associate(start, ItemType.REQUEST_CONTEXT, self._proposal)

    def answers(self, start: int) -> tuple[UID, tuple[AcceptedContext, ...], UserInformation]:
        """Read everything after the fixed part of an A-ASSOCIATE-AC."""
        return self._associate(start, ItemType.ACCEPT_CONTEXT, self._answer)

    def _associate(
        self, start: int, context_kind: ItemType, read_context: Callable[[int, int], Context]
    ) -> tuple[UID, tuple[Context, ...], UserInformation]:
        application_context: UID | None = None
        contexts: dict[int, Context] = {}
        information: UserInformation | None = None
        for kind, first, end in self._items(start, len(self._body)):
            if kind == context_kind:
                self._add(contexts, read_context(first, end))
            elif kind == ItemType.APPLICATION_CONTEXT:
                application_context = self._once(application_context, self._uid(first, end))
            elif kind == ItemType.USER_INFORMATION:
                information = self._user_information(information, first, end)
            else:
                self.tolerated.add(Tolerance.UNKNOWN_ITEM)
        if application_context is None:
            self.tolerated.add(Tolerance.APPLICATION_CONTEXT_MISSING)
        if information is None:
            self.tolerated.add(Tolerance.USER_INFORMATION_MISSING)
            information = UserInformation(0, UID(""))
        return application_context or UID(""), tuple(contexts.values()), information

    def _items(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Walk items: type, first byte and end of each body; none reaches past `end`."""
        body = self._body
        while start < end:
            if end - start < _HEADER.size:
                raise InvalidPdu(f"{end - start} bytes are left over, too few for an item header")
            self._charge()
            kind, length = _HEADER.unpack_from(body, start)
            start += _HEADER.size
            if length > end - start:
                raise InvalidPdu(
                    f"item 0x{kind:02X} says {length} bytes, but {end - start} are there"
                )
            yield kind, start, start + length
            start += length

    def _add(self, contexts: dict[int, Context], context: Context) -> None:
        if context.id % 2 == 0:
            raise InvalidPdu(f"context id {context.id} is not odd (PS3.8 §9.3.2.2)")
        if context.id in contexts:
            raise InvalidPdu(f"context id {context.id} is there twice (PS3.8 §9.3.2.2)")
        if len(contexts) >= self._limits.contexts_max:
            raise InvalidPdu(f"more than {self._limits.contexts_max} presentation contexts")
        contexts[context.id] = context

    def _context_id(self, start: int, end: int) -> int:
        if end - start < 4:
            raise InvalidPdu(f"a presentation context item has {end - start} bytes, not 4 or more")
        return self._body[start]

    def _proposal(self, start: int, end: int) -> PresentationContext:
        context_id = self._context_id(start, end)
        abstract_syntax: UID | None = None
        transfer_syntaxes: list[UID] = []
        for kind, first, last in self._items(start + 4, end):
            if kind == ItemType.TRANSFER_SYNTAX:
                transfer_syntaxes.append(self._uid(first, last))
            elif kind == ItemType.ABSTRACT_SYNTAX:
                abstract_syntax = self._once(abstract_syntax, self._uid(first, last))
            else:
                self.tolerated.add(Tolerance.UNKNOWN_ITEM)
        # Without an abstract syntax the context is refused by negotiation, not the association.
        return PresentationContext(context_id, abstract_syntax or UID(""), tuple(transfer_syntaxes))

    def _answer(self, start: int, end: int) -> AcceptedContext:
        context_id = self._context_id(start, end)
        transfer_syntax: UID | None = None
        for kind, first, last in self._items(start + 4, end):
            if kind == ItemType.TRANSFER_SYNTAX:
                transfer_syntax = self._once(transfer_syntax, self._uid(first, last))
            else:
                self.tolerated.add(Tolerance.UNKNOWN_ITEM)
        try:
            result = ContextResult(self._body[start + 2])
        except ValueError:
            self.tolerated.add(Tolerance.UNKNOWN_CONTEXT_RESULT)
            result = ContextResult.NO_REASON
        return AcceptedContext(context_id, result, transfer_syntax or UID(""))

    def _user_information(
        self, before: UserInformation | None, start: int, end: int
    ) -> UserInformation:
        if before is not None:
            # Two of them could contradict each other about identity or lengths.
            raise InvalidPdu(
                "the user information item is there twice", AbortReason.UNEXPECTED_PDU_PARAMETER
            )
        if end - start > self._limits.user_information_bytes_max:
            raise InvalidPdu(
                f"user information of {end - start} bytes; at most "
                f"{self._limits.user_information_bytes_max} are read"
            )
        draft = _UserDraft()
        for kind, first, last in self._items(start, end):
            read = _SUB_ITEMS.get(kind)
            if read is None:
                self.tolerated.add(Tolerance.UNKNOWN_ITEM)
            else:
                read(self, draft, first, last)
        return self._finished(draft)

    def _finished(self, draft: _UserDraft) -> UserInformation:
        if draft.maximum_length is None:
            self.tolerated.add(Tolerance.MAXIMUM_LENGTH_MISSING)
        if not draft.implementation_class_uid:
            self.tolerated.add(Tolerance.IMPLEMENTATION_CLASS_UID_MISSING)
        return UserInformation(
            maximum_length=draft.maximum_length or 0,
            implementation_class_uid=draft.implementation_class_uid or UID(""),
            implementation_version_name=draft.implementation_version_name or "",
            asynchronous_operations=draft.asynchronous_operations,
            roles=tuple(draft.roles),
            extended=tuple(draft.extended),
            common_extended=tuple(draft.common_extended),
            user_identity=draft.user_identity,
            user_identity_response=draft.user_identity_response,
        )

    def maximum_length(self, draft: _UserDraft, start: int, end: int) -> None:
        """51H: length (4)."""
        self._sized(ItemType.MAXIMUM_LENGTH, end - start, 4)
        length = _U32.unpack_from(self._body, start)[0]
        if 0 < length < PEER_MAXIMUM_LENGTH_MIN:
            raise InvalidPdu(
                f"the peer receives PDUs of at most {length} bytes; nothing can be sent in less "
                f"than {PEER_MAXIMUM_LENGTH_MIN} (PS3.8 §D.1)"
            )
        draft.maximum_length = self._once(draft.maximum_length, length)

    def implementation_class_uid(self, draft: _UserDraft, start: int, end: int) -> None:
        """52H: UID."""
        uid = self._uid(start, end)
        draft.implementation_class_uid = self._once(draft.implementation_class_uid, uid)

    def asynchronous_operations(self, draft: _UserDraft, start: int, end: int) -> None:
        """53H: invoked (2), performed (2)."""
        self._sized(ItemType.ASYNCHRONOUS_OPERATIONS, end - start, 4)
        window = AsynchronousOperations(*_TWO.unpack_from(self._body, start))
        draft.asynchronous_operations = self._once(draft.asynchronous_operations, window)

    def role(self, draft: _UserDraft, start: int, end: int) -> None:
        """54H: UID length (2), UID, SCU (1), SCP (1)."""
        first, last = self._counted(start, end)
        if end - last < 2:
            raise InvalidPdu("a role selection sub-item ends before its two roles")
        scu, scp = self._body[last], self._body[last + 1]
        if scu > 1 or scp > 1:
            self.tolerated.add(Tolerance.RESERVED_FLAG_VALUE)
        draft.roles.append(RoleSelection(self._uid(first, last), scu == 1, scp == 1))

    def version_name(self, draft: _UserDraft, start: int, end: int) -> None:
        """55H: 1 to 16 characters."""
        name = self._body[start:end].strip(b" \0").decode("latin-1")
        if len(name) > VERSION_NAME_LENGTH_MAX:
            self.tolerated.add(Tolerance.VERSION_NAME_TOO_LONG)
            name = name[:VERSION_NAME_LENGTH_MAX]
        draft.implementation_version_name = self._once(draft.implementation_version_name, name)

    def extended(self, draft: _UserDraft, start: int, end: int) -> None:
        """56H: UID length (2), UID, bytes of the service class."""
        first, last = self._counted(start, end)
        draft.extended.append(ExtendedNegotiation(self._uid(first, last), self._body[last:end]))

    def common_extended(self, draft: _UserDraft, start: int, end: int) -> None:
        """57H: three fields with two bytes of length; the last holds UIDs with the same."""
        version = self._body[start - 3]
        sop_class = self._counted(start, end)
        service_class = self._counted(sop_class[1], end)
        related_start, related_end = self._counted(service_class[1], end)
        related: list[UID] = []
        while related_start < related_end:
            self._charge()
            first, last = self._counted(related_start, related_end)
            related.append(self._uid(first, last))
            related_start = last
        draft.common_extended.append(
            CommonExtendedNegotiation(
                self._uid(*sop_class), self._uid(*service_class), tuple(related), version
            )
        )

    def identity(self, draft: _UserDraft, start: int, end: int) -> None:
        """58H: type (1), response requested (1), two fields with two bytes of length."""
        if draft.user_identity is not None:
            # Whichever we took, somebody could have checked the other one.
            raise InvalidPdu(
                "the user identity sub-item is there twice", AbortReason.UNEXPECTED_PDU_PARAMETER
            )
        if end - start < 2:
            raise InvalidPdu("a user identity sub-item ends before its type")
        primary = self._counted(start + 2, end)
        secondary = self._counted(primary[1], end)
        if self._body[start + 1] > 1:
            self.tolerated.add(Tolerance.RESERVED_FLAG_VALUE)
        draft.user_identity = UserIdentity(
            self._body[start],
            self._body[start + 1] == 1,
            self._body[slice(*primary)],
            self._body[slice(*secondary)],
        )

    def identity_response(self, draft: _UserDraft, start: int, end: int) -> None:
        """59H: a field with two bytes of length."""
        response = self._body[slice(*self._counted(start, end))]
        draft.user_identity_response = self._once(draft.user_identity_response, response)

    def _sized(self, kind: ItemType, length: int, expected: int) -> None:
        if length != expected:
            raise InvalidPdu(f"sub-item 0x{kind:02X} has {length} bytes, not {expected}")

    def _counted(self, start: int, end: int) -> tuple[int, int]:
        """Find the field behind two bytes of length."""
        if end - start < 2:
            raise InvalidPdu("a sub-item ends before the length of its field")
        length = _U16.unpack_from(self._body, start)[0]
        if length > end - start - 2:
            raise InvalidPdu(
                f"a field says {length} bytes, but {end - start - 2} are left in its sub-item"
            )
        return start + 2, start + 2 + length

    def _charge(self) -> None:
        self._items_left -= 1
        if self._items_left < 0:
            raise InvalidPdu(f"more than {self._limits.items_max} items in one PDU")

    def _uid(self, start: int, end: int) -> UID:
        raw = self._body[start:end]
        stripped = raw.strip(b" \0")
        if len(stripped) > UID_BYTES_MAX:
            raise InvalidPdu(f"a UID of {len(stripped)} bytes; it has 64 at most (PS3.5 §9.1)")
        if len(stripped) != len(raw):
            self.tolerated.add(Tolerance.UID_PADDED)
        return UID(stripped.decode("latin-1"))

    def _once(self, before: Value | None, now: Value) -> Value:
        if before is None:
            return now
        self.tolerated.add(Tolerance.REPEATED_ITEM)
        return before


_SUB_ITEMS: Final[dict[int, Callable[[ItemReader, _UserDraft, int, int], None]]] = {
    ItemType.MAXIMUM_LENGTH: ItemReader.maximum_length,
    ItemType.IMPLEMENTATION_CLASS_UID: ItemReader.implementation_class_uid,
    ItemType.ASYNCHRONOUS_OPERATIONS: ItemReader.asynchronous_operations,
    ItemType.ROLE_SELECTION: ItemReader.role,
    ItemType.IMPLEMENTATION_VERSION_NAME: ItemReader.version_name,
    ItemType.EXTENDED_NEGOTIATION: ItemReader.extended,
    ItemType.COMMON_EXTENDED_NEGOTIATION: ItemReader.common_extended,
    ItemType.USER_IDENTITY: ItemReader.identity,
    ItemType.USER_IDENTITY_RESPONSE: ItemReader.identity_response,
}
