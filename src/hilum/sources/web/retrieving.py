"""RetrieveInstances: studies, series and instances as DICOM files (PS3.18 §10.4.1.1.1 to .3).

What is stored goes out as it lies in the vault, behind a file meta of ours; its length is told
first, so that a client sees when it did not get all. What is re-encoded has no length before its
end. What an archive elsewhere still has goes out instance by instance, as it comes. Nothing is ever
held whole.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import lru_cache
from typing import Final

from hilum.dicomweb.choice import Accepted, Choice, Framing
from hilum.dicomweb.choices import ZIP
from hilum.dicomweb.entity_tag import weak
from hilum.dicomweb.media_types import DICOM
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.resource import Place, RetrieveInstances
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive.ports import Purpose, Supply
from hilum.pipeline.archive.segments import Piece, size_of
from hilum.sources.web.conditional import begun as begun_body
from hilum.sources.web.conditional import body_of, is_known, not_modified, single_part
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.exporting import zip_as_they_come, zip_reply
from hilum.sources.web.instance_parts import InstanceParts, Made, begun, file_of, meta_of
from hilum.sources.web.instance_plan import (
    ANY_IN_PARTS,
    Giving,
    GivingByGiving,
    Plan,
    form_of_many,
    plan_of,
)
from hilum.sources.web.medium import is_medium, medium_reply
from hilum.sources.web.replies import left_out, tag_of, warn_of_missing
from hilum.sources.web.shelf import Shelf
from hilum.sources.web.supplied import Coming, gathered

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
        if is_medium(exchange):
            return await medium_reply(exchange, self._shelf, resource.place)
        accepted = exchange.accepted()
        is_export = _is_for_export(accepted)
        purpose = Purpose.EXPORT if is_export else Purpose.RETRIEVE
        supply = await self._shelf.supply(
            exchange, resource.place, purpose, syntaxes=accepted.syntaxes
        )
        if supply.holdings is None and supply.count > 1:
            form = form_of_many(accepted)
            # Who takes named transfer syntaxes only is told in the head what is left out.
            if form in {_ARCHIVE, ANY_IN_PARTS}:
                return await self._as_they_come(exchange, resource.place, supply, form)
        found = await gathered(supply)
        plan = plan_of(found.holdings, accepted)
        warn_of_missing(exchange, found.missing)
        if plan.choice.essence != DICOM:
            return await zip_reply(exchange, self._shelf, resource.place, found.holdings)
        tag = tag_of([one.holding for one in plan.givings], str(plan.choice))
        if plan.choice.framing is Framing.SINGLE:
            return await single_instance(exchange, self._shelf, plan.givings[0], tag)
        return await self._multipart(exchange, plan, weak(tag))

    async def _as_they_come(
        self, exchange: Exchange, place: Place, supply: Supply, form: Choice
    ) -> Reply:
        """Answer while instances come, as soon as there is one."""
        coming = Coming(supply)
        exchange.keep(coming)
        await coming.begin()
        warn_of_missing(exchange, coming.missing)
        if form == _ARCHIVE:
            return zip_as_they_come(exchange, self._shelf, place, coming)
        parts = InstanceParts(self._shelf, exchange.root)
        body = _parts_of(parts, coming, GivingByGiving(exchange.accepted()))
        return Reply(206 if exchange.warnings else 200, parts.content_type, body)

    async def _multipart(self, exchange: Exchange, plan: Plan, tag: str) -> Reply:
        """Answer in parts; the tag is weak, since each answer has another boundary."""
        if is_known(exchange, tag):
            return not_modified(tag)
        first = plan.givings[0]
        if len(plan.givings) == 1 and first.is_stored and exchange.method != "HEAD":
            return await self._in_one_part(exchange, plan, tag)
        held = [one.holding for one in plan.givings]
        there = {one.path for one in await self._shelf.readable(held)}
        givings = [one for one in plan.givings if one.holding.path in there]
        missing = len(held) - len(givings)
        parts = InstanceParts(self._shelf, exchange.root, givings)
        headers = left_out(missing, plan.unacceptable)
        status = 206 if headers or exchange.warnings else 200
        if status == 200:
            headers["ETag"] = tag
        if not all(one.is_stored for one in givings):
            return Reply(status, parts.content_type, parts.blocks(), headers)
        body = parts.segments()
        headers["Content-Length"] = str(size_of(body))
        return Reply(
            status, parts.content_type, body_of(exchange, self._shelf.streamer, body), headers
        )

    async def _in_one_part(self, exchange: Exchange, plan: Plan, tag: str) -> Reply:
        """Answer with one instance as it is stored, in a multipart of one part.

        Raises:
            CorruptPayload, OSError: it cannot be read.
        """
        parts = InstanceParts(self._shelf, exchange.root, plan.givings)
        body = parts.segments()
        try:
            content = await begun_body(exchange, self._shelf.streamer, body)
        except (CorruptPayload, OSError) as error:
            self._shelf.leave_out(plan.givings[0].holding, error)
            raise
        headers = left_out(0, plan.unacceptable)
        status = 206 if headers or exchange.warnings else 200
        headers["Content-Length"] = str(size_of(body))
        if status == 200:
            headers["ETag"] = tag
        return Reply(status, parts.content_type, content, headers)


@lru_cache(maxsize=128)
def _is_for_export(accepted: Accepted) -> bool:
    """Tell whether a client wants an archive of files."""
    return accepted.best(_FORMS) == _ARCHIVE


async def _parts_of(
    parts: InstanceParts, coming: Coming, plan: GivingByGiving
) -> AsyncGenerator[Piece]:
    """Give a body with the parts that come; it has an end only if all of them have come."""
    is_first = True
    async with aclosing(coming.each()) as holdings:
        async for holding in holdings:
            async with aclosing(parts.part(plan.of(holding), is_first=is_first)) as part:
                async for block in part:
                    is_first = False
                    yield block
    yield parts.closing


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
