import pytest

from hilum.destinations.dimse.contexts import CONTEXTS_MAX, Agreement, Way, propose
from hilum.destinations.dimse.manner import Manner
from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION
from hilum.dicom.syntaxes import UNCOMPRESSED
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.names import UID
from hilum.testing.datasets import CT, MR

EXPLICIT, IMPLICIT, DEFLATED, BIG = UNCOMPRESSED
JPEG = UID("1.2.840.10008.1.2.4.50")
ANY = Manner()


def proposed(proposal, sop_class):
    return [c.transfer_syntaxes for c in proposal.contexts if c.abstract_syntax == sop_class]


def agreed(proposal, accepts, *, manner=ANY, converts=True):
    """Let the peer take the first syntax of each context that `accepts` has."""
    contexts = {}
    for context in proposal.contexts:
        for syntax in context.transfer_syntaxes:
            if syntax in accepts:
                contexts[context.id] = Context(
                    context.id,
                    context.abstract_syntax,
                    syntax,
                    we_are_scu=True,
                    we_are_scp=False,
                )
                break
    return Agreement(proposal, contexts, manner, converts=converts)


def test_a_compressed_instance_is_proposed_as_it_is_and_uncompressed_besides():
    proposal = propose([(CT, JPEG)], (), ANY)

    assert proposed(proposal, CT) == [(JPEG,), (EXPLICIT, IMPLICIT)]


def test_every_class_offers_implicit_little_endian():
    kinds = [(CT, EXPLICIT), (MR, BIG), (MR, IMPLICIT)]
    proposal = propose(kinds, (), ANY)

    for sop_class in (CT, MR):
        assert any(IMPLICIT in syntaxes for syntaxes in proposed(proposal, sop_class))


def test_verification_goes_along():
    assert proposed(propose([(CT, EXPLICIT)], (), ANY), VERIFICATION)


def test_ids_are_odd_and_never_more_than_128_contexts():
    kinds = [(sop_class, EXPLICIT) for sop_class in sorted(STORAGE_SOP_CLASSES)]
    proposal = propose(kinds, kinds, ANY)

    ids = [context.id for context in proposal.contexts]
    assert ids == list(range(1, 2 * len(ids), 2))
    assert CONTEXTS_MAX - 1 <= len(ids) <= CONTEXTS_MAX
    assert max(ids) <= 255


def test_what_found_no_room_was_not_proposed_for():
    kinds = [(UID(f"1.2.3.{number}"), JPEG) for number in range(100)]
    proposal = propose(kinds, (), ANY)

    assert proposal.kinds == set(kinds[: len(proposal.kinds)])
    assert len(proposal.kinds) == 63


def test_spare_kinds_come_behind_what_is_needed():
    needed = [(UID(f"1.2.3.{number}"), JPEG) for number in range(63)]
    proposal = propose(needed, [(CT, JPEG)], ANY)

    assert proposal.kinds == set(needed)


def test_stored_is_the_way_when_the_peer_takes_it():
    proposal = propose([(CT, IMPLICIT)], (), ANY)
    way = agreed(proposal, {IMPLICIT, EXPLICIT}).way((CT, IMPLICIT))

    assert way is not None
    assert way.transfer_syntax == IMPLICIT


@pytest.mark.parametrize("stored", [EXPLICIT, DEFLATED, BIG])
def test_uncompressed_goes_another_uncompressed_way_when_stored_is_not_taken(stored):
    proposal = propose([(CT, stored)], (), ANY)

    assert agreed(proposal, {IMPLICIT}).way((CT, stored)) == Way(5, IMPLICIT)
    assert agreed(proposal, {IMPLICIT}, converts=False).way((CT, stored)) is None


def test_compressed_has_no_other_way_and_what_the_peer_takes_is_said():
    agreement = agreed(propose([(CT, JPEG)], (), ANY), {EXPLICIT, IMPLICIT})

    assert agreement.way((CT, JPEG)) is None
    assert agreement.instead((CT, JPEG)) == "; it takes Explicit VR Little Endian"


def test_a_preferred_syntax_is_asked_for_alone_and_used():
    manner = Manner(prefer=IMPLICIT)
    proposal = propose([(CT, EXPLICIT)], (), manner)
    agreement = agreed(proposal, {EXPLICIT, IMPLICIT}, manner=manner)

    assert (IMPLICIT,) in proposed(proposal, CT)
    way = agreement.way((CT, EXPLICIT))
    assert way is not None
    assert way.transfer_syntax == IMPLICIT


def test_a_preferred_syntax_changes_nothing_for_what_is_compressed():
    manner = Manner(prefer=IMPLICIT)
    agreement = agreed(propose([(CT, JPEG)], (), manner), {JPEG, IMPLICIT}, manner=manner)

    way = agreement.way((CT, JPEG))
    assert way is not None
    assert way.transfer_syntax == JPEG


def test_only_allowed_syntaxes_are_proposed():
    manner = Manner(transfer_syntaxes=frozenset({IMPLICIT}))

    proposal = propose([(CT, EXPLICIT), (CT, JPEG)], (), manner)

    assert proposed(proposal, CT) == [(IMPLICIT,)]
    assert proposal.kinds == {(CT, EXPLICIT), (CT, JPEG)}


def test_a_context_in_which_we_may_not_ask_is_no_way():
    proposal = propose([(CT, EXPLICIT)], (), ANY)
    contexts = {
        context.id: Context(
            context.id, context.abstract_syntax, EXPLICIT, we_are_scu=False, we_are_scp=True
        )
        for context in proposal.contexts
    }

    assert Agreement(proposal, contexts, ANY, converts=True).way((CT, EXPLICIT)) is None
