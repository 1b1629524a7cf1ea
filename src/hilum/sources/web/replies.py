"""What answers with instances have alike: their tags, and the words for what is not in them."""

from collections.abc import Sequence

from hilum.dicomweb.entity_tag import entity_tag
from hilum.pipeline.archive.ports import Holding


def tag_of(holdings: Sequence[Holding], form: str) -> str:
    """Give the tag of an answer with these instances in this form."""
    return entity_tag(form, *[one.digest.hex() for one in holdings])


def left_out(unreadable: int = 0, unacceptable: int = 0, *, unavailable: int = 0) -> dict[str, str]:
    """Say what an answer has not, in a header; nothing if it has all."""
    reasons = {
        "cannot be read": unreadable,
        "have no transfer syntax that is accepted": unacceptable,
        "are not to be had now": unavailable,
    }
    said = ", ".join([f"{number} {reason}" for reason, number in reasons.items() if number])
    return {"Warning": f'299 hilum "instances are left out: {said}"'} if said else {}
