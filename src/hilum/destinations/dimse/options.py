"""How we request associations: what we announce, and how long we wait for what."""

import ssl
from dataclasses import dataclass

from hilum.destinations.dimse.seats import Seats
from hilum.dimse.upper.items import UserIdentity


@dataclass(frozen=True, slots=True)
class RequestorOptions:
    """Settings of one side of a conversation; every wait has its deadline here.

    Attributes:
        maximum_pdu_length: the longest P-DATA-TF that we can receive, announced to the peer.
        fragment_bytes_max: the longest fragment we send to a peer that takes more.
        connect_timeout_seconds: for the name, the TCP connection and the TLS handshake.
        association_timeout_seconds: for the answer to A-ASSOCIATE-RQ.
        response_timeout_seconds: for a response after the peer has taken the last byte, and for
            any progress while it takes them.
        release_timeout_seconds: for the answer to A-RELEASE-RQ.
        tls: talk TLS with this context; None: do not.
        user_identity: who is asking (PS3.7 §D.3.3.7).
        seats: what all associations with the peer share; None: nobody counts them.
        is_beside: a thread sends long files, for the loop has instances to take in meanwhile.
    """

    maximum_pdu_length: int = 128 * 1024
    fragment_bytes_max: int = 1024 * 1024
    connect_timeout_seconds: float = 10.0
    association_timeout_seconds: float = 30.0
    response_timeout_seconds: float = 60.0
    release_timeout_seconds: float = 5.0
    tls: ssl.SSLContext | None = None
    user_identity: UserIdentity | None = None
    seats: Seats | None = None
    is_beside: bool = True
