"""RetrieveInstances: studies, series and instances as DICOM files (PS3.18 §10.4.1.1.1 to .3).

What is stored goes out as it lies in the vault, behind a file meta of ours; its length is told
first, so that a client sees when it did not get all. What is re-encoded has no length before its
end. Nothing is ever held whole.
"""

from typing import Final

from hilum.dicomweb.choice import Choice, Framing
from hilum.dicomweb.choices import ZIP
from hilum.dicomweb.entity_tag import weak
from hilum.dicomweb.media_types import DICOM
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.resource import RetrieveInstances
from hilum.pipeline.archive.ports import Purpose
from hilum.pipeline.archive.segments import size_of
from hilum.sources.web.conditional import body_of, is_known, not_modified, single_part
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.exporting import zip_reply
from hilum.sources.web.instance_parts import InstanceParts, Made, begun, file_of, meta_of
from hilum.sources.web.instance_plan import Giving, Plan, plan_of
from hilum.sources.web.replies import left_out, tag_of
from hilum.sources.web.shelf import Shelf

_ARCHIVE: Final = Choice(ZIP)
_FORMS: Final = (Choice(DICOM, Framing.MULTIPART), Choice(DICOM), _ARCHIVE)


class InstanceRetriever:
    """Answers RetrieveInstances. One object for each door."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def __call__(self, exchange: Exchange, resource: RetrieveInstances) -> Reply:
        """Answer with the instances of a study or series, or with one.

        Raises:
            RequestRefused: 404 there are none, 406 none can be written as the client wants, 416.
            CorruptPayload, OSError: none can be read.
        """
        accepted = exchange.accepted()
        is_export = accepted.best(_FORMS) == _ARCHIVE
        purpose = Purpose.EXPORT if is_export else Purpose.RETRIEVE
        holdings = await self._shelf.holdings(exchange, resource.place, purpose)
        plan = plan_of(holdings, accepted)
        if plan.choice.essence != DICOM:
            return await zip_reply(exchange, self._shelf, resource.place, holdings)
        tag = tag_of([one.holding for one in plan.givings], str(plan.choice))
        if plan.choice.framing is Framing.SINGLE:
            return await single_instance(exchange, self._shelf, plan.givings[0], tag)
        return await self._multipart(exchange, plan, weak(tag))

    async def _multipart(self, exchange: Exchange, plan: Plan, tag: str) -> Reply:
        """Answer in parts; the tag is weak, since each answer has another boundary."""
        if is_known(exchange, tag):
            return not_modified(tag)
        held = [one.holding for one in plan.givings]
        there = {one.path for one in await self._shelf.readable(held)}
        givings = [one for one in plan.givings if one.holding.path in there]
        missing = len(held) - len(givings)
        parts = InstanceParts(self._shelf, exchange.root, givings)
        headers = left_out(missing, plan.unacceptable) or {"ETag": tag}
        status = 200 if "ETag" in headers else 206
        if not all(one.is_stored for one in givings):
            return Reply(status, parts.content_type, parts.blocks(), headers)
        body = parts.segments()
        headers["Content-Length"] = str(size_of(body))
        return Reply(
            status, parts.content_type, body_of(exchange, self._shelf.streamer, body), headers
        )


async def single_instance(exchange: Exchange, shelf: Shelf, giving: Giving, tag: str) -> Reply:
    """Answer with one instance alone.

    Raises:
        RequestRefused: 406 it cannot be written as the client wants, 416.
        CorruptPayload, OSError: it cannot be read.
    """
    if is_known(exchange, tag):
        return not_modified(tag)
    holding, choice = giving.holding, giving.choice
    if not giving.is_stored:
        made = await begun(shelf, giving)
        if made is not None:
            meta = meta_of(holding, choice.transfer_syntax)
            return _made_reply(choice.content_type, meta, made, weak(tag))
        if giving.otherwise is None:
            raise RequestRefused(406, "this instance cannot be put into that transfer syntax")
        choice, tag = giving.otherwise, tag_of([holding], str(giving.otherwise))
    return await single_part(
        exchange,
        shelf.streamer,
        file_of(holding),
        content_type=choice.content_type,
        headers={"ETag": tag},
    )


def _made_reply(content_type: str, meta: bytes, made: Made, tag: str) -> Reply:
    """Answer with a re-encoded instance; the tag is weak: other versions may write it otherwise."""
    body = meta + made.first if made.is_whole else made.blocks(meta)
    return Reply(200, content_type, body, {"ETag": tag})
