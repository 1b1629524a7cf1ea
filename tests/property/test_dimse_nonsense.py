"""Well-framed nonsense: whole sessions, mutated by seed, against an acceptor and its messages.

One seed is one reproducible session. HILUM_FUZZ sets how many are tried (default 5,000).
"""

import os
import random
import struct
from collections import Counter

from hilum.dimse.message import (
    COMMAND_SET_LENGTH_MAX,
    CommandReceived,
    InvalidMessage,
    Messages,
    encode_response,
)
from hilum.dimse.service.storage import store_refusal, store_request
from hilum.dimse.service.verification import echo_request
from hilum.dimse.upper.association import (
    Association,
    AssociationRequested,
    Fragment,
    ProtocolViolated,
    ReleaseRequested,
    State,
    TransportMustClose,
)
from hilum.dimse.upper.limits import UpperLimits
from hilum.dimse.upper.negotiation import Policy, negotiate
from hilum.dimse.upper.pdu import (
    AssociateAccept,
    AssociateRequest,
    AsynchronousOperations,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    PresentationContext,
    ReleaseRequest,
    RoleSelection,
    UserIdentity,
    UserInformation,
    encode,
)
from hilum.kernel.names import UID

SESSIONS = int(os.environ.get("HILUM_FUZZ", "5000"))
VERIFICATION = UID("1.2.840.10008.1.1")
CT = UID("1.2.840.10008.5.1.4.1.1.2")
SYNTAXES = [
    UID("1.2.840.10008.1.2" + rest) for rest in ("", ".1", ".1.99", ".2", ".4.70", ".4.201")
]
EDGES = [0, 1, 2, 5, 6, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]
SHORT_EDGES = [0, 1, 0xFF, 0x7FFF, 0xFFFF]
STRINGS = [b"", b".", b"../../x", b"1.2." * 40, bytes(16), b"\xff" * 64, b"%s%n", b"1" * 70_000]
POLICY = Policy(
    abstract_syntaxes={CT, VERIFICATION},
    accept_unknown_storage=True,
    peer_may_be_scp_of={CT},
    identity_response=b"",
    extended_answer=lambda offer: offer.application_information,
)


def data_pdu(context_id, flags, payload):
    return (
        struct.pack(">BxIIBB", 4, len(payload) + 6, len(payload) + 2, context_id, flags) + payload
    )


def valid_session(rng):
    """Write the PDUs of a session that nothing is wrong with."""
    contexts = [PresentationContext(1, VERIFICATION, (SYNTAXES[0],))]
    for number in range(rng.randint(1, 4)):
        syntaxes = tuple(rng.sample(SYNTAXES, rng.randint(1, 3)))
        contexts.append(PresentationContext(3 + 2 * number, CT, syntaxes))
    information = UserInformation(
        rng.choice([0, 12, 16384, 65536, 0xFFFFFFFF]),
        UID("1.2.3"),
        "NONSENSE",
        rng.choice([None, AsynchronousOperations(0, 3)]),
        rng.choice([(), (RoleSelection(CT, True, True),)]),
        rng.choice([(), (ExtendedNegotiation(CT, b"\2\0\0"),)]),
        rng.choice([(), (CommonExtendedNegotiation(CT, UID("1.2.840.10008.4.2"), (CT,)),)]),
        rng.choice([None, UserIdentity(rng.randint(1, 6), True, b"me", b"pw")]),
    )
    pdus = [encode(AssociateRequest("HILUM", "FUZZ", tuple(contexts), information))]
    for message_id in range(rng.randint(1, 3)):
        if rng.random() < 0.4:
            pdus.append(data_pdu(1, 3, echo_request(message_id)))
        else:
            pdus += store_message(rng, message_id)
    return [*pdus, encode(ReleaseRequest())]


def store_message(rng, message_id):
    instance = UID(f"1.2.3.{rng.randrange(10**9)}")
    request = store_request(message_id, sop_class_uid=CT, sop_instance_uid=instance)
    data_set = rng.randbytes(rng.choice([0, 100, 3000]))
    size = rng.choice([64, 500, 4000])
    starts = range(0, max(len(data_set), 1), size)
    return [
        data_pdu(3, 3, request),
        *(
            data_pdu(3, 2 if start + size >= len(data_set) else 0, data_set[start : start + size])
            for start in starts
        ),
    ]


def put(layout, offset_min, edges):
    """Make a mutation that writes an edge value somewhere behind `offset_min`."""
    size = struct.calcsize(layout)

    def mutate(rng, pdus, index):
        pdu = pdus[index]
        if len(pdu) > offset_min + size:
            struct.pack_into(
                layout, pdu, rng.randrange(offset_min, len(pdu) - size), rng.choice(edges)
            )

    return mutate


def put_at(layout, offset, edges):
    def mutate(rng, pdus, index):
        if len(pdus[index]) >= offset + struct.calcsize(layout):
            struct.pack_into(layout, pdus[index], offset, rng.choice(edges))

    return mutate


def duplicate(_rng, pdus, index):
    pdus.insert(index, bytearray(pdus[index]))


def drop(_rng, pdus, index):
    del pdus[index]


def swap(rng, pdus, index):
    other = rng.randrange(len(pdus))
    pdus[index], pdus[other] = pdus[other], pdus[index]


def truncate(rng, pdus, index):
    del pdus[index][rng.randrange(len(pdus[index]) or 1) :]


def flip(rng, pdus, index):
    for _ in range(rng.choice([1, 2, 8])):
        if pdus[index]:
            pdus[index][rng.randrange(len(pdus[index]))] = rng.randrange(256)


def splice(rng, pdus, index):
    if len(pdus[index]) > 20:
        at = rng.randrange(6, len(pdus[index]))
        pdus[index][at:at] = rng.choice(STRINGS)


def insert(rng, pdus, index):
    body = rng.randbytes(4) if rng.random() < 0.5 else bytes(rng.randrange(80))
    kind = rng.choice([1, 2, 3, 5, 6, 7, 8, 0, 255])
    pdus.insert(index, bytearray(struct.pack(">BxI", kind, len(body)) + body))


def reframe(_rng, pdus, index):
    """Make the length in the header right again, so that the body gets read."""
    if len(pdus[index]) >= 6:
        struct.pack_into(">I", pdus[index], 2, len(pdus[index]) - 6)


MUTATIONS = [
    put_at(">I", 2, EDGES),  # PDU length
    put_at(">I", 6, EDGES),  # PDV length
    put_at(">B", 0, range(256)),  # PDU type
    put_at(">B", 10, range(256)),  # context id
    put_at(">B", 11, range(256)),  # message control header
    put(">H", 74, SHORT_EDGES),  # item lengths
    put("<I", 12, EDGES),  # element lengths
    duplicate,
    drop,
    swap,
    truncate,
    flip,
    splice,
    insert,
]


def nonsense(seed):
    """Write the session of `seed`."""
    rng = random.Random(seed)
    pdus = [bytearray(pdu) for pdu in valid_session(rng)]
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        if not pdus:
            break
        index = rng.randrange(len(pdus))
        rng.choice(MUTATIONS)(rng, pdus, index)
        if index < len(pdus) and rng.random() < 0.5:
            reframe(rng, pdus, index)
    return [bytes(pdu) for pdu in pdus]


class Acceptor:
    """What a caller does with an association, without a socket."""

    def __init__(self):
        self.association = Association.acceptor()
        self.messages = None
        self.outcomes = Counter()

    def receive(self, raw):
        for event in self.association.receive(raw):
            self.handle(event)
        assert self.association.kept_length <= UpperLimits().associate_bytes_max
        assert len(self.association.outgoing) <= 10

    def handle(self, event):
        self.outcomes[type(event).__name__] += 1
        match event:
            case AssociationRequested() if self.association.state is State.AWAITING_LOCAL_ANSWER:
                answer = negotiate(event.request, POLICY)
                if isinstance(answer, AssociateAccept):
                    assert len(answer.contexts) == len(event.request.contexts)
                    self.association.accept(answer)
                    self.messages = Messages(self.association.contexts)
                else:
                    self.association.reject(answer)
            case Fragment() if self.association.state is State.ESTABLISHED:
                self.take(event)
            case ReleaseRequested() if self.association.state is State.AWAITING_LOCAL_RELEASE:
                self.association.answer_release()
            case ProtocolViolated():
                assert event.text
            case TransportMustClose():
                assert self.association.is_closed

    def take(self, fragment):
        try:
            message = self.messages.receive(fragment)
        except InvalidMessage:
            self.outcomes["InvalidMessage"] += 1
            self.association.abort()
            return
        assert self.messages.kept_length <= COMMAND_SET_LENGTH_MAX
        if isinstance(message, CommandReceived):
            self.outcomes["CommandReceived"] += 1
            store_refusal(message.context, message.command)
            if not message.command.is_response and message.command.message_id is not None:
                response = encode_response(message.command, 0x0211)
                self.association.command(message.context.id, response)


def test_sessions_without_mutations_are_released_in_order():
    for seed in range(20):
        acceptor = Acceptor()
        for pdu in valid_session(random.Random(seed)):
            acceptor.receive(pdu)

        assert acceptor.association.state is State.AWAITING_CLOSE
        assert acceptor.outcomes["ReleaseRequested"] == 1
        assert acceptor.outcomes["InvalidMessage"] == acceptor.outcomes["ProtocolViolated"] == 0


def test_nonsense_is_answered_or_aborted_and_held_in_bounded_memory():
    outcomes = Counter()
    for seed in range(SESSIONS):
        acceptor = Acceptor()
        try:
            for pdu in nonsense(seed):
                acceptor.receive(pdu)
            acceptor.association.receive_end()
        except Exception as error:
            raise AssertionError(f"session of seed {seed}") from error
        assert acceptor.association.is_closed
        outcomes += acceptor.outcomes

    # If one of these never happened, the nonsense would not get far enough to test anything.
    for kind in (
        "AssociationRequested",
        "Fragment",
        "CommandReceived",
        "ReleaseRequested",
        "Aborted",
        "ProtocolViolated",
        "InvalidMessage",
    ):
        assert outcomes[kind] >= SESSIONS // 500, kind
