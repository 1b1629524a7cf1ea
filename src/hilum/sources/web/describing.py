"""Metadata: data sets without their bulk data (PS3.18 §10.4.1.1.2), which never opens a payload."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from hilum.dicom.json_reader import BadJson, read_json
from hilum.dicom.native_xml_writer import to_xml
from hilum.dicomweb.choice import Choice
from hilum.dicomweb.choices import metadata_choices
from hilum.dicomweb.media_types import DICOM_XML
from hilum.dicomweb.resource import Resource, RetrieveMetadata
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive.ports import Archive, Holding, Purpose
from hilum.sources.web.conditional import is_known, not_modified
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.lists import close, form_of, streamed, whole
from hilum.sources.web.replies import tag_of, warn_of_missing
from hilum.sources.web.shelf import Shelf

# So few are put together before the head goes out, which then has their length.
_GATHERED_MAX: Final = 4


class Describing:
    """Answers with metadata from an archive."""

    def __init__(self, archive: Archive, shelf: Shelf) -> None:
        self._archive = archive
        self._shelf = shelf

    async def __call__(self, exchange: Exchange, resource: Resource) -> Reply:
        """Answer one request.

        Raises:
            RequestRefused: 404, there is nothing of that; 406.
            CorruptPayload: there is, and it cannot be read.
        """
        assert isinstance(resource, RetrieveMetadata)  # noqa: S101 - what it is registered for
        accepted = exchange.accepted()
        found = await self._shelf.gathered(exchange, resource.place, Purpose.METADATA)
        holdings = found.holdings
        warn_of_missing(exchange, found.missing)
        choice = accepted.choose(metadata_choices(number=len(holdings)))
        # The addresses of bulk data are in it, so that each way to us has a tag of its own.
        tag = tag_of(holdings, f"{choice} {exchange.root}")
        if is_known(exchange, tag):
            return not_modified(tag)
        headers = {"Cache-Control": "no-cache"}
        if not exchange.warnings:
            headers["ETag"] = tag
        return await self._reply(exchange, holdings, choice, headers)

    async def _reply(
        self,
        exchange: Exchange,
        holdings: Sequence[Holding],
        choice: Choice,
        headers: dict[str, str],
    ) -> Reply:
        form = form_of(choice)
        status = 206 if exchange.warnings else 200
        described = self._archive.metadata(holdings, str(exchange.root))
        if choice.essence == DICOM_XML:
            described = _as_xml(described)
        if len(holdings) > _GATHERED_MAX:
            return Reply(status, form.content_type, streamed(form, described), headers)
        try:
            found = [one async for one in described]
        finally:
            await close(described)
        if not found:
            raise CorruptPayload("what is held cannot be read")
        return Reply(status, form.content_type, whole(form, found), headers)


async def _as_xml(described: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Write XML of what is kept as JSON; some take longer than the event loop has."""
    try:
        async for one in described:
            yield await asyncio.to_thread(_xml_of, one)
    finally:
        await close(described)


def _xml_of(described: bytes) -> bytes:
    try:
        return to_xml(read_json(described)[0])
    except BadJson as error:
        raise CorruptPayload("the metadata that is kept cannot be read") from error
