"""What the tests of this room share: a request, and associations brought into every state."""

import struct
from collections.abc import Callable

from hilum.dimse.upper.association import (
    Association,
    AssociationAccepted,
    AssociationRequested,
)
from hilum.dimse.upper.negotiation import Policy, negotiate
from hilum.dimse.upper.pdu import (
    AssociateAccept,
    AssociateRequest,
    PresentationContext,
    UserInformation,
    encode,
)
from hilum.dimse.upper.state import State
from hilum.kernel.names import UID

VERIFICATION = UID("1.2.840.10008.1.1")
CT = UID("1.2.840.10008.5.1.4.1.1.2")
IMPLICIT = UID("1.2.840.10008.1.2")
EXPLICIT = UID("1.2.840.10008.1.2.1")
RELEASE_REQUEST = bytes.fromhex("05 00 00000004 00000000")
RELEASE_REPLY = bytes.fromhex("06 00 00000004 00000000")


def pdu(kind, body, length=None):
    return struct.pack(">BxI", kind, len(body) if length is None else length) + body


def pdv(context_id, flags, payload, length=None):
    size = len(payload) + 2 if length is None else length
    return struct.pack(">IBB", size, context_id, flags) + payload


def fragments_of(events):
    return [(e.context_id, e.is_command, e.is_last, bytes(e.data)) for e in events]


def make_request(**changes):
    values = {
        "called_ae_title": "HILUM",
        "calling_ae_title": "CT1",
        "contexts": (
            PresentationContext(1, VERIFICATION, (IMPLICIT,)),
            PresentationContext(3, CT, (EXPLICIT, IMPLICIT)),
        ),
        "user_information": UserInformation(16384, UID("1.2.3")),
    }
    return AssociateRequest(**values | changes)


def make_accept(request: AssociateRequest, **policy) -> AssociateAccept:
    answer = negotiate(request, Policy(abstract_syntaxes={VERIFICATION, CT}, **policy))
    assert isinstance(answer, AssociateAccept)
    return answer


def established_acceptor(request: AssociateRequest | None = None, **policy) -> Association:
    association = Association.acceptor()
    (event,) = association.receive(encode(request or make_request()))
    assert isinstance(event, AssociationRequested)
    association.accept(make_accept(event.request, **policy))
    return association


def established_requestor() -> Association:
    request = make_request()
    association = Association.requestor(request)
    association.request()
    association.receive(encode(make_accept(request)))
    return association


def connected(**changes):
    """Join a requestor and an acceptor by a wire."""
    request = make_request(**changes)
    ours = Association.requestor(request)
    theirs = Association.acceptor()
    (asked,) = theirs.receive(ours.request())
    assert isinstance(asked, AssociationRequested)
    (answered,) = ours.receive(theirs.accept(make_accept(asked.request)))
    assert isinstance(answered, AssociationAccepted)
    return ours, theirs


def _idle() -> Association:
    association = Association.acceptor()
    association.receive_end()
    return association


def _awaiting_local_answer() -> Association:
    association = Association.acceptor()
    association.receive(encode(make_request()))
    return association


def _awaiting_answer() -> Association:
    association = Association.requestor(make_request())
    association.request()
    return association


def _awaiting_release_reply() -> Association:
    association = established_acceptor()
    association.release()
    return association


def _awaiting_local_release() -> Association:
    association = established_acceptor()
    association.receive(RELEASE_REQUEST)
    return association


def _collision_requestor_local() -> Association:
    association = established_requestor()
    association.release()
    association.receive(RELEASE_REQUEST)
    return association


def _collision_acceptor_reply() -> Association:
    association = _awaiting_release_reply()
    association.receive(RELEASE_REQUEST)
    return association


def _collision_requestor_reply() -> Association:
    association = _collision_requestor_local()
    association.answer_release()
    return association


def _collision_acceptor_local() -> Association:
    association = _collision_acceptor_reply()
    association.receive(RELEASE_REPLY)
    return association


def _awaiting_close() -> Association:
    association = _awaiting_local_release()
    association.answer_release()
    return association


MAKERS: dict[State, Callable[[], Association]] = {
    State.IDLE: _idle,
    State.AWAITING_REQUEST: Association.acceptor,
    State.AWAITING_LOCAL_ANSWER: _awaiting_local_answer,
    State.AWAITING_TRANSPORT: lambda: Association.requestor(make_request()),
    State.AWAITING_ANSWER: _awaiting_answer,
    State.ESTABLISHED: established_acceptor,
    State.AWAITING_RELEASE_REPLY: _awaiting_release_reply,
    State.AWAITING_LOCAL_RELEASE: _awaiting_local_release,
    State.COLLISION_REQUESTOR_LOCAL: _collision_requestor_local,
    State.COLLISION_ACCEPTOR_REPLY: _collision_acceptor_reply,
    State.COLLISION_REQUESTOR_REPLY: _collision_requestor_reply,
    State.COLLISION_ACCEPTOR_LOCAL: _collision_acceptor_local,
    State.AWAITING_CLOSE: _awaiting_close,
}


def in_state(state: State) -> Association:
    """Give an association that its own methods brought into `state`."""
    association = MAKERS[state]()
    assert association.state is state
    assert not association.outgoing
    return association
