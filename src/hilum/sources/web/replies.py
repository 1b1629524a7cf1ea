"""What answers with instances have alike: their tags, and the words for what is not in them."""

from collections.abc import Sequence

from hilum.dicomweb.entity_tag import entity_tag
from hilum.pipeline.archive.ports import Holding, Missing
from hilum.sources.web.exchange import Exchange


def tag_of(holdings: Sequence[Holding], form: str) -> str:
    """Give the tag of an answer with these instances in this form."""
    return entity_tag(form, *[one.digest.hex() for one in holdings])


def left_out(unreadable: int, unacceptable: int = 0) -> dict[str, str]:
    """Say what an answer has not, in a header; nothing if it has all."""
    reasons = {
        "cannot be read": unreadable,
        "have no transfer syntax that is accepted": unacceptable,
    }
    said = ", ".join([f"{number} {reason}" for reason, number in reasons.items() if number])
    return {"Warning": f'299 hilum "instances are left out: {said}"'} if said else {}


def warn_of_missing(exchange: Exchange, missing: Sequence[Missing]) -> None:
    """Have it told that instances were expected and are not in the answer."""
    if missing:
        reasons = ", ".join(dict.fromkeys([one.reason for one in missing]))
        exchange.warn([f"{len(missing)} instances are left out: {reasons}"])
