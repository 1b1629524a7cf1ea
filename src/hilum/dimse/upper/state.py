"""The state table of PS3.8 §9.2 as data, with a default for what is not in it.

Everything that affects transitions lives here and nothing here acts: `transition` says which action
of PS3.8 Tables 9-6 to 9-9 is due and which state follows.
"""

from enum import Enum
from typing import Final

from hilum.kernel.errors import LocalProtocolError


class Role(Enum):
    """Who asked for the association."""

    REQUESTOR = "requestor"
    ACCEPTOR = "acceptor"


class State(Enum):
    """States of PS3.8 Tables 9-1 to 9-5; the number is the standard's."""

    IDLE = 1  # no association; here: it is over
    AWAITING_REQUEST = 2  # acceptor: transport open, ARTIM running
    AWAITING_LOCAL_ANSWER = 3  # acceptor: the caller must accept or reject
    AWAITING_TRANSPORT = 4  # requestor: transport not open yet
    AWAITING_ANSWER = 5  # requestor: A-ASSOCIATE-AC or -RJ must come
    ESTABLISHED = 6
    AWAITING_RELEASE_REPLY = 7  # we asked for release
    AWAITING_LOCAL_RELEASE = 8  # the peer asked, the caller must answer
    # Both sides asked for release at once: the requestor answers first.
    COLLISION_REQUESTOR_LOCAL = 9  # the caller must answer
    COLLISION_ACCEPTOR_REPLY = 10  # A-RELEASE-RP must come
    COLLISION_REQUESTOR_REPLY = 11  # A-RELEASE-RP must come
    COLLISION_ACCEPTOR_LOCAL = 12  # the caller must answer
    AWAITING_CLOSE = 13  # the association is gone, the transport not yet; ARTIM running


class Input(Enum):
    """Events of PS3.8 §9.2.2; the number is the standard's."""

    LOCAL_REQUEST = 1
    TRANSPORT_OPEN = 2  # ours, as requestor
    ACCEPT_PDU = 3
    REJECT_PDU = 4
    TRANSPORT_ACCEPTED = 5  # theirs, we are acceptor
    REQUEST_PDU = 6
    LOCAL_ACCEPT = 7
    LOCAL_REJECT = 8
    LOCAL_DATA = 9
    DATA_PDU = 10
    LOCAL_RELEASE = 11
    RELEASE_REQUEST_PDU = 12
    RELEASE_REPLY_PDU = 13
    LOCAL_RELEASE_ANSWER = 14
    LOCAL_ABORT = 15
    ABORT_PDU = 16
    TRANSPORT_CLOSED = 17
    ARTIM_EXPIRED = 18
    INVALID_PDU = 19


class Action(Enum):
    """Actions of PS3.8 Tables 9-6 to 9-9; the value is the standard's name."""

    AE_1 = "AE-1"  # open the transport
    AE_2 = "AE-2"  # send A-ASSOCIATE-RQ
    AE_3 = "AE-3"  # tell of the accept
    AE_4 = "AE-4"  # tell of the reject, close the transport
    AE_5 = "AE-5"  # take the transport, start ARTIM
    AE_6 = "AE-6"  # stop ARTIM, tell of the request
    AE_7 = "AE-7"  # send A-ASSOCIATE-AC
    AE_8 = "AE-8"  # send A-ASSOCIATE-RJ, start ARTIM
    DT_1 = "DT-1"  # send P-DATA-TF
    DT_2 = "DT-2"  # tell of data
    AR_1 = "AR-1"  # send A-RELEASE-RQ
    AR_2 = "AR-2"  # tell of the release request
    AR_3 = "AR-3"  # confirm our release, close the transport
    AR_4 = "AR-4"  # send A-RELEASE-RP, start ARTIM
    AR_5 = "AR-5"  # stop ARTIM
    AR_6 = "AR-6"  # tell of data that came after we asked for release
    AR_7 = "AR-7"  # send P-DATA-TF after the peer asked for release
    AR_8 = "AR-8"  # tell of the release request: a collision
    AR_9 = "AR-9"  # send A-RELEASE-RP
    AR_10 = "AR-10"  # confirm our release
    AA_1 = "AA-1"  # send A-ABORT as service user, start ARTIM
    AA_2 = "AA-2"  # stop ARTIM, close the transport
    AA_3 = "AA-3"  # tell of the abort, close the transport
    AA_4 = "AA-4"  # tell of an abort by the provider
    AA_5 = "AA-5"  # stop ARTIM
    AA_6 = "AA-6"  # ignore the PDU
    AA_7 = "AA-7"  # send A-ABORT
    AA_8 = "AA-8"  # send A-ABORT as service provider, tell of it, start ARTIM


Transition = tuple[Action, State]

# The cells of PS3.8 Table 9-10 that differ from the default of their row.
_TABLE: Final[dict[Input, dict[State, Transition]]] = {
    Input.LOCAL_REQUEST: {State.IDLE: (Action.AE_1, State.AWAITING_TRANSPORT)},
    Input.TRANSPORT_OPEN: {State.AWAITING_TRANSPORT: (Action.AE_2, State.AWAITING_ANSWER)},
    Input.ACCEPT_PDU: {State.AWAITING_ANSWER: (Action.AE_3, State.ESTABLISHED)},
    Input.REJECT_PDU: {State.AWAITING_ANSWER: (Action.AE_4, State.IDLE)},
    Input.TRANSPORT_ACCEPTED: {State.IDLE: (Action.AE_5, State.AWAITING_REQUEST)},
    # AE-6 lets the provider itself reject (Sta13). Ours never does: negotiation answers for it, so
    # that every refusal takes one path; on the wire there is no difference.
    Input.REQUEST_PDU: {
        State.AWAITING_REQUEST: (Action.AE_6, State.AWAITING_LOCAL_ANSWER),
        State.AWAITING_CLOSE: (Action.AA_7, State.AWAITING_CLOSE),
    },
    Input.LOCAL_ACCEPT: {State.AWAITING_LOCAL_ANSWER: (Action.AE_7, State.ESTABLISHED)},
    Input.LOCAL_REJECT: {State.AWAITING_LOCAL_ANSWER: (Action.AE_8, State.AWAITING_CLOSE)},
    Input.LOCAL_DATA: {
        State.ESTABLISHED: (Action.DT_1, State.ESTABLISHED),
        State.AWAITING_LOCAL_RELEASE: (Action.AR_7, State.AWAITING_LOCAL_RELEASE),
    },
    Input.DATA_PDU: {
        State.ESTABLISHED: (Action.DT_2, State.ESTABLISHED),
        State.AWAITING_RELEASE_REPLY: (Action.AR_6, State.AWAITING_RELEASE_REPLY),
    },
    Input.LOCAL_RELEASE: {State.ESTABLISHED: (Action.AR_1, State.AWAITING_RELEASE_REPLY)},
    # In AWAITING_RELEASE_REPLY the role decides: see `_COLLISION`.
    Input.RELEASE_REQUEST_PDU: {State.ESTABLISHED: (Action.AR_2, State.AWAITING_LOCAL_RELEASE)},
    Input.RELEASE_REPLY_PDU: {
        State.AWAITING_RELEASE_REPLY: (Action.AR_3, State.IDLE),
        State.COLLISION_ACCEPTOR_REPLY: (Action.AR_10, State.COLLISION_ACCEPTOR_LOCAL),
        State.COLLISION_REQUESTOR_REPLY: (Action.AR_3, State.IDLE),
    },
    Input.LOCAL_RELEASE_ANSWER: {
        State.AWAITING_LOCAL_RELEASE: (Action.AR_4, State.AWAITING_CLOSE),
        State.COLLISION_REQUESTOR_LOCAL: (Action.AR_9, State.COLLISION_REQUESTOR_REPLY),
        State.COLLISION_ACCEPTOR_LOCAL: (Action.AR_4, State.AWAITING_CLOSE),
    },
    Input.LOCAL_ABORT: {State.AWAITING_TRANSPORT: (Action.AA_2, State.IDLE)},
    Input.ABORT_PDU: {
        State.AWAITING_REQUEST: (Action.AA_2, State.IDLE),
        State.AWAITING_CLOSE: (Action.AA_2, State.IDLE),
    },
    Input.TRANSPORT_CLOSED: {
        State.AWAITING_REQUEST: (Action.AA_5, State.IDLE),
        State.AWAITING_TRANSPORT: (Action.AA_4, State.IDLE),
        State.AWAITING_CLOSE: (Action.AR_5, State.IDLE),
    },
    Input.ARTIM_EXPIRED: {
        State.AWAITING_REQUEST: (Action.AA_2, State.IDLE),
        State.AWAITING_CLOSE: (Action.AA_2, State.IDLE),
    },
    Input.INVALID_PDU: {State.AWAITING_CLOSE: (Action.AA_7, State.AWAITING_CLOSE)},
}

_COLLISION: Final[dict[Role, Transition]] = {
    Role.REQUESTOR: (Action.AR_8, State.COLLISION_REQUESTOR_LOCAL),
    Role.ACCEPTOR: (Action.AR_8, State.COLLISION_ACCEPTOR_REPLY),
}

# A PDU that is not in its row: 69 of the 123 cells of Table 9-10 are these two.
_PDUS: Final = frozenset(
    {
        Input.ACCEPT_PDU,
        Input.REJECT_PDU,
        Input.REQUEST_PDU,
        Input.DATA_PDU,
        Input.RELEASE_REQUEST_PDU,
        Input.RELEASE_REPLY_PDU,
        Input.INVALID_PDU,
    }
)
_UNEXPECTED: Final[dict[State, Transition]] = {
    State.AWAITING_REQUEST: (Action.AA_1, State.AWAITING_CLOSE),
    State.AWAITING_CLOSE: (Action.AA_6, State.AWAITING_CLOSE),
}
_UNEXPECTED_ELSE: Final[Transition] = (Action.AA_8, State.AWAITING_CLOSE)

# Rows that are the same in every state with an open transport and a peer that spoke.
_ROW_DEFAULTS: Final[dict[Input, Transition]] = {
    Input.LOCAL_ABORT: (Action.AA_1, State.AWAITING_CLOSE),
    Input.ABORT_PDU: (Action.AA_3, State.IDLE),
    Input.TRANSPORT_CLOSED: (Action.AA_4, State.IDLE),
}
_NO_TRANSPORT: Final = frozenset({State.IDLE, State.AWAITING_TRANSPORT})
# There is nothing to abort before a request came, and nothing left after the association is gone.
_NOTHING_TO_ABORT: Final = frozenset({State.IDLE, State.AWAITING_REQUEST, State.AWAITING_CLOSE})


def transition(state: State, happened: Input, role: Role) -> Transition:
    """Find the action that `happened` calls for in `state`, and the state that follows.

    Raises:
        LocalProtocolError: the cell of PS3.8 Table 9-10 is empty: the caller asked for it.
    """
    cell = _TABLE[happened].get(state)
    if cell is not None:
        return cell
    if happened is Input.RELEASE_REQUEST_PDU and state is State.AWAITING_RELEASE_REPLY:
        return _COLLISION[role]
    if happened is Input.LOCAL_ABORT and state in _NOTHING_TO_ABORT:
        raise _empty_cell(state, happened)
    if state not in _NO_TRANSPORT:
        if happened in _PDUS:
            return _UNEXPECTED.get(state, _UNEXPECTED_ELSE)
        if happened in _ROW_DEFAULTS:
            return _ROW_DEFAULTS[happened]
    raise _empty_cell(state, happened)


def _empty_cell(state: State, happened: Input) -> LocalProtocolError:
    return LocalProtocolError(
        f"{happened.name} cannot happen in {state.name} "
        f"(PS3.8 Table 9-10, Evt{happened.value} in Sta{state.value})"
    )
