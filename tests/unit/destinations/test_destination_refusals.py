import pytest

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.refusals import context_refusal, rejection
from hilum.dimse.upper.items import ContextResult
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import (
    PresentationReason,
    RejectResult,
    UnlistedReason,
    UserReason,
)
from hilum.kernel.errors import Rejected, Unreachable
from hilum.kernel.names import AETitle

PEER = Address("10.0.0.5", 104, AETitle("ARCHIV"), AETitle("CT{1}"))


def test_a_wrong_called_title_says_who_refused_what_and_where_to_look():
    error = rejection(
        PEER, AssociateReject(RejectResult.PERMANENT, UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED)
    )

    assert isinstance(error, Rejected)
    assert str(error).startswith("ARCHIV (10.0.0.5:104) rejected our association")
    assert "1/7" in str(error)
    assert "Is 'ARCHIV' the AE title of the peer" in str(error)


def test_a_wrong_calling_title_names_ours():
    error = rejection(
        PEER, AssociateReject(RejectResult.PERMANENT, UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED)
    )

    assert "Register 'CT{1}' and this host there" in str(error)


def test_a_transient_rejection_may_be_tried_again():
    error = rejection(
        PEER, AssociateReject(RejectResult.TRANSIENT, PresentationReason.LOCAL_LIMIT_EXCEEDED)
    )

    assert isinstance(error, Unreachable)
    assert "fewer associations" in str(error)


def test_a_reason_the_standard_does_not_list_is_still_explained():
    error = rejection(PEER, AssociateReject(RejectResult.PERMANENT, UnlistedReason(9, 9)))

    assert "9/9" in str(error)


@pytest.mark.parametrize("result", [*ContextResult, None])
def test_every_refused_context_has_words(result):
    assert "PS3.8" in context_refusal(result)
