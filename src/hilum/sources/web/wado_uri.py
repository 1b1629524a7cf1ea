"""WADO-URI: one instance by parameters, as a file or as a picture (PS3.18 §9)."""

from typing import Final

from hilum.dicomweb.choice import Accepted, Choice
from hilum.dicomweb.choices import IMAGE_TYPES, rendered_choices, single_part
from hilum.dicomweb.media_types import DICOM
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.wado_uri import WadoUri, wado_uri_of
from hilum.imaging.picture import PICTURE_TYPES
from hilum.pipeline.archive.frames import NoFrames
from hilum.pipeline.archive.ports import Holding, Purpose
from hilum.pipeline.drawing.studio import can_draw
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.framing import frames_of, is_video
from hilum.sources.web.instance_plan import file_choices, giving_of
from hilum.sources.web.picturing import Picturing
from hilum.sources.web.replies import tag_of
from hilum.sources.web.retrieving import single_instance
from hilum.sources.web.shelf import Shelf

WADO_URI: Final = "/wado"
_READING: Final = ("GET", "HEAD")
_FILE: Final = Choice(DICOM)


class WadoUriAnswers:
    """Answers at one address. One object for each door."""

    def __init__(self, shelf: Shelf, picturing: Picturing) -> None:
        self._shelf = shelf
        self._picturing = picturing

    async def reply(self, exchange: Exchange) -> Reply:
        """Answer one request.

        Raises:
            RequestRefused: 400 it has no meaning, 404, 405, 406, 501 it asks for what is not
                offered; and as pictures are refused.
            CorruptPayload, OSError: the payload cannot be read.
        """
        exchange.kind = "wado-uri"
        if exchange.method not in _READING:
            raise RequestRefused(405, "WADO-URI takes GET", {"Allow": ", ".join(_READING)})
        asked = wado_uri_of(tuple(exchange.parameters()), exchange.headers.get("accept", ""))
        if asked.is_anonymized:
            raise RequestRefused(501, "anonymize: this gateway gives instances out as they are")
        purpose = Purpose.RETRIEVE if _is_file(asked.accepted) else Purpose.RENDER
        holding = (await self._shelf.holdings(exchange, asked.place, purpose))[0]
        choice = asked.accepted.choose(await self._choices(holding, asked))
        if choice.essence != DICOM:
            return await self._picturing.of_uri(exchange, holding, asked)
        giving = giving_of(holding, choice, asked.accepted)
        tag = tag_of([holding], str(choice))
        return await single_instance(exchange, self._shelf, giving, tag)

    async def _choices(self, holding: Holding, asked: WadoUri) -> list[Choice]:
        """Give the ways to answer: an image is a picture first (PS3.18 §9.5.1), all are files."""
        files = file_choices(holding)
        if is_video(holding):
            types = IMAGE_TYPES[holding.transfer_syntax_uid]
            return [*files, *single_part(rendered_choices(types, number=1))]
        if asked.accepted.best(files) is not None and not await self._is_image(holding):
            return files
        return [*single_part(rendered_choices(PICTURE_TYPES, number=1)), *files]

    async def _is_image(self, holding: Holding) -> bool:
        if not can_draw():
            return False
        try:
            return (await frames_of(self._shelf, holding)).count > 0
        except (NoFrames, RequestRefused):
            return False


def _is_file(accepted: Accepted) -> bool:
    pictures = single_part(rendered_choices(PICTURE_TYPES, number=1))
    return accepted.best([*pictures, _FILE]) == _FILE
