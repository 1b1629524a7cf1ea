"""Who is asked on somebody's behalf: nobody who asks it himself. Pure.

Two gateways that each answer with what the other one has would else ask each other for ever.
"""

from collections.abc import Sequence

from hilum.ledger.entry import Origin
from hilum.pipeline.answerers.listing import Member
from hilum.pipeline.answerers.ourselves import Ourselves
from hilum.query.via import VIA_MAX


def asked_for(members: Sequence[Member], asker: Origin) -> Sequence[Member]:
    """Give those of an entity's members that have to be asked; none: all there is was asked.

    The last of `asker.via` is the entity itself. If it was asked before, it has asked everybody.
    """
    if set(asker.via[-1:]) & set(asker.via[:-1]):
        return ()
    if len(asker.via) > VIA_MAX:
        return [one for one in members if isinstance(one, Ourselves)]
    if len(asker.via) < 2 and len(members) == 1:
        # No gateway like us, and there is nobody else: who asks here means just that archive.
        return members
    return [one for one in members if isinstance(one, Ourselves) or not one.has_asked(asker)]
