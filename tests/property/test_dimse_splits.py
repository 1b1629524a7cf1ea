"""Any split of a stream gives the same events, broken streams included."""

import struct
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.dimse.upper.association import Association, AssociationRequested, Fragment
from hilum.dimse.upper.negotiation import Policy, negotiate
from hilum.dimse.upper.pdu import (
    Abort,
    AssociateAccept,
    AssociateRequest,
    PresentationContext,
    ReleaseReply,
    ReleaseRequest,
    UserInformation,
    encode,
)
from hilum.kernel.names import UID

CT = UID("1.2.840.10008.5.1.4.1.1.2")
REQUEST = AssociateRequest(
    "HILUM",
    "CT1",
    (PresentationContext(1, CT, (UID("1.2.840.10008.1.2"),)),),
    UserInformation(16384, UID("1.2.3")),
)
ACCEPT = negotiate(REQUEST, Policy(abstract_syntaxes={CT}, maximum_length=200))
assert isinstance(ACCEPT, AssociateAccept)


@st.composite
def pdvs(draw):
    payload = draw(st.binary(max_size=20))
    lie = draw(st.sampled_from([0] * 12 + [1, -1, -2, 1000]))
    length = max(0, len(payload) + 2 + lie)
    return (
        struct.pack(">IBB", length, draw(st.sampled_from([1, 3])), draw(st.integers(0, 3)))
        + payload
    )


@st.composite
def data_pdus(draw):
    body = b"".join(draw(st.lists(pdvs(), max_size=4)))
    return struct.pack(">BxI", 4, len(body) + draw(st.sampled_from([0] * 12 + [1, 500]))) + body


PDUS = st.one_of(
    data_pdus(),
    data_pdus(),
    data_pdus(),
    st.sampled_from(
        [
            encode(ReleaseRequest()),
            encode(ReleaseReply()),
            encode(Abort()),
            encode(REQUEST),
            encode(ACCEPT),
            b"\x42\0\0\0\0\0",
            b"\x05\0\0\0\0\5abcde",
        ]
    ),
)
STREAMS = st.lists(PDUS, max_size=8).map(b"".join)
CUTS = st.lists(st.integers(0, 1000), max_size=30)


def pieces_of(stream, cuts):
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    return [stream[start:stop] for start, stop in pairwise(edges)]


def told(association, pieces):
    """Say what came out: events in order, pieces of one fragment joined, bytes to send, state."""
    found = []
    joined = b""
    for piece in pieces:
        for event in association.receive(piece):
            if not isinstance(event, Fragment):
                found.append((joined, event))
                joined = b""
                continue
            joined += bytes(event.data)
            if event.is_last:
                found.append((event.context_id, event.is_command, joined))
                joined = b""
    return found, joined, bytes(association.outgoing), association.state


def acceptor():
    association = Association.acceptor()
    association.receive(encode(REQUEST))
    association.accept(ACCEPT)
    return association


def requestor():
    association = Association.requestor(REQUEST)
    association.request()
    return association


def releasing():
    association = acceptor()
    association.release()
    return association


@settings(deadline=None)  # a busy machine is not a failure
@given(STREAMS, CUTS, st.sampled_from([acceptor, releasing]))
def test_an_established_association_does_not_see_splits(stream, cuts, make):
    assert told(make(), pieces_of(stream, cuts)) == told(make(), [stream])


@settings(deadline=None)  # a busy machine is not a failure
@given(STREAMS, CUTS)
def test_a_requestor_does_not_see_splits(stream, cuts):
    stream = encode(ACCEPT) + stream

    assert told(requestor(), pieces_of(stream, cuts)) == told(requestor(), [stream])


@settings(deadline=None)  # a busy machine is not a failure
@given(STREAMS)
def test_single_bytes_are_enough(stream):
    pieces = [stream[index : index + 1] for index in range(len(stream))]

    assert told(acceptor(), pieces) == told(acceptor(), [stream])


@settings(deadline=None)  # a busy machine is not a failure
@given(CUTS)
def test_a_request_is_told_once_however_it_comes(cuts):
    events, *_ = told(Association.acceptor(), pieces_of(encode(REQUEST), cuts))

    assert events == [(b"", AssociationRequested(REQUEST))]
