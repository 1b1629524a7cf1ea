"""RetrieveRendered and RetrieveThumbnail: pictures of what is held (PS3.18 §10.4.1.1.3, .4).

A video is given as it is. Frames are drawn as they are sent, one at a time; nothing is ever decoded
in this process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from hilum.dicomweb.choice import Accepted, Choice, Framing
from hilum.dicomweb.choices import rendered_choices, single_part
from hilum.dicomweb.entity_tag import weak
from hilum.dicomweb.refusal import RequestRefused, not_found
from hilum.dicomweb.rendering import Rendering, Viewport, rendering_of, thumbnail_of
from hilum.dicomweb.resource import Place, Resource, RetrieveRendered, RetrieveThumbnail
from hilum.dicomweb.wado_uri import WadoUri
from hilum.imaging.picture import GIF, PICTURE_TYPES, Wish
from hilum.imaging.refusal import NoPicture
from hilum.pipeline.archive.ports import Holding, Purpose, Supply
from hilum.pipeline.drawing.film import Film
from hilum.pipeline.drawing.gallery import Gallery
from hilum.pipeline.drawing.studio import StudioBusy
from hilum.sources.web.conditional import is_known, not_modified
from hilum.sources.web.door import Handler
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.framing import is_video
from hilum.sources.web.picture_parts import (
    PictureParts,
    Streamed,
    begun,
    frames_of,
    frames_of_all,
    moving,
)
from hilum.sources.web.picture_refusal import check_drawing, refusal_of
from hilum.sources.web.replies import tag_of
from hilum.sources.web.representative import candidates
from hilum.sources.web.shelf import Shelf
from hilum.sources.web.supplied import gathered
from hilum.sources.web.videos import video_reply

THUMBNAIL_PIXELS: Final = 200
_MANY: Final = 2  # of several pictures, how many does not matter for how they are framed


class Picturing:
    """Answers with pictures. One object for each door."""

    def __init__(
        self, shelf: Shelf, gallery: Gallery, *, thumbnail_pixels: int = THUMBNAIL_PIXELS
    ) -> None:
        self._shelf = shelf
        self._gallery = gallery
        self._thumbnail = Viewport(thumbnail_pixels, thumbnail_pixels)

    async def rendered(self, exchange: Exchange, resource: RetrieveRendered) -> Reply:
        """Answer with pictures of a study, a series, an instance, or frames of one.

        Raises:
            RequestRefused: 400, 404, 406 there is nothing to be seen, 409 pixels are damaged, 501
                the gateway draws none, 503 too many want some.
            CorruptPayload, OSError: it cannot be read.
        """
        rendering = rendering_of(tuple(exchange.parameters()))
        _tell_of_annotations(exchange, rendering)
        accepted = exchange.accepted()
        holdings = await self._shelf.holdings(exchange, resource.place, Purpose.RENDER)
        try:
            if resource.place.instance:
                wanted = Wish(rendering=rendering)
                return await self._instance(
                    exchange, holdings[0], resource.frames, wanted, accepted
                )
            return await self._several(exchange, holdings, rendering, accepted)
        except (NoPicture, StudioBusy) as error:
            raise refusal_of(error) from error

    async def thumbnail(self, exchange: Exchange, resource: RetrieveThumbnail) -> Reply:
        """Answer with one small picture that stands for it. Raises: as `rendered`."""
        check_drawing()
        rendering = thumbnail_of(tuple(exchange.parameters()))
        rendering = replace(rendering, viewport=rendering.viewport or self._thumbnail)
        choice = exchange.accepted().choose(single_part(rendered_choices(PICTURE_TYPES, number=1)))
        supply = await self._shelf.supply(exchange, resource.place, Purpose.RENDER)
        wish = Wish(choice.essence, rendering)
        if supply.holdings is None and supply.count > 1:
            return await self._thumbnail_from_afar(exchange, supply, resource.frames, wish)
        holdings = (await gathered(supply)).holdings
        tag = _tag(holdings, choice, exchange)
        if is_known(exchange, tag):
            return not_modified(tag)
        try:
            content = await self._first_of(candidates(holdings), resource.frames, wish)
        except (NoPicture, StudioBusy) as error:
            raise refusal_of(error) from error
        return Reply(200, choice.content_type, content, {"ETag": tag})

    async def _thumbnail_from_afar(
        self, exchange: Exchange, supply: Supply, frames: Sequence[int], wish: Wish
    ) -> Reply:
        """Have only the instances brought that may stand for the others, one after the other."""
        named = candidates(supply.expected)
        await supply.aclose()
        reason: NoPicture | None = None
        for one in named:
            place = Place(one.study_instance_uid, one.series_instance_uid, one.sop_instance_uid)
            holdings = await self._shelf.holdings(exchange, place, Purpose.RENDER)
            try:
                content = await self._first_of(holdings, frames, wish)
            except NoPicture as error:
                reason = reason or error
            except StudioBusy as error:
                raise refusal_of(error) from error
            else:
                tag = _tag(holdings, Choice(wish.media_type), exchange)
                return Reply(200, wish.media_type, content, {"ETag": tag})
        raise refusal_of(reason or NoPicture("there is nothing to be seen"))

    async def of_uri(self, exchange: Exchange, holding: Holding, asked: WadoUri) -> Reply:
        """Answer a WADO-URI request for a picture of an instance. Raises: as `rendered`."""
        _tell_of_annotations(exchange, asked.rendering)
        wish = Wish(rendering=asked.rendering, region=asked.region)
        frames = () if asked.frame is None else (asked.frame,)
        try:
            return await self._instance(
                exchange, holding, frames, wish, asked.accepted, is_single=True
            )
        except (NoPicture, StudioBusy) as error:
            raise refusal_of(error) from error

    async def _instance(
        self,
        exchange: Exchange,
        holding: Holding,
        frames: Sequence[int],
        wish: Wish,
        accepted: Accepted,
        *,
        is_single: bool = False,
    ) -> Reply:
        if is_video(holding) and not frames:
            return await video_reply(exchange, self._shelf, holding, wish.rendering, accepted)
        check_drawing()
        film = await self._gallery.film(holding)
        wanted = _frames(film, frames)
        choice = _choice(accepted, len(wanted), is_single=is_single)
        if is_single and choice.essence != GIF:
            wanted = wanted[:1]
        tag = _tag([holding], choice, exchange)
        if is_known(exchange, tag):
            return not_modified(tag)
        wish = replace(wish, media_type=choice.essence)
        drawing = frames_of(self._gallery, holding, film, wanted, wish)
        first = await begun(drawing)
        if choice.framing is Framing.SINGLE and len(wanted) == 1:
            await drawing.aclose()
            return Reply(200, choice.content_type, first.content, {"ETag": tag})
        if choice.framing is Framing.SINGLE:
            body = Streamed(moving(first, drawing, film), drawing)
            return Reply(200, choice.content_type, body, {"ETag": tag})
        parts = PictureParts(exchange.root, choice.essence)
        body = Streamed(parts.blocks(first, drawing), drawing)
        return Reply(200, parts.content_type, body, {"ETag": tag})

    async def _several(
        self,
        exchange: Exchange,
        holdings: Sequence[Holding],
        rendering: Rendering,
        accepted: Accepted,
    ) -> Reply:
        if len(holdings) == 1:
            wish = Wish(rendering=rendering)
            return await self._instance(exchange, holdings[0], (), wish, accepted)
        check_drawing()
        choice = accepted.choose(rendered_choices(PICTURE_TYPES, number=_MANY))
        tag = _tag(holdings, choice, exchange)
        if is_known(exchange, tag):
            return not_modified(tag)
        drawing = frames_of_all(self._gallery, holdings, Wish(choice.essence, rendering))
        parts = PictureParts(exchange.root, choice.essence)
        body = Streamed(parts.blocks(await begun(drawing), drawing), drawing)
        return Reply(200, parts.content_type, body, {"ETag": tag})

    async def _first_of(
        self, holdings: Sequence[Holding], frames: Sequence[int], wish: Wish
    ) -> bytes:
        """Draw the first that can be drawn, of its frames the middle one."""
        reason: NoPicture | None = None
        for holding in holdings:
            try:
                film = await self._gallery.film(holding)
                wanted = _frames(film, frames)
                frame = wanted[len(wanted) // 2] - 1
                return await self._gallery.draw(holding, film, frame, wish)
            except NoPicture as error:
                reason = reason or error
        raise reason or NoPicture("there is nothing to be seen")


def _frames(film: Film, asked: Sequence[int]) -> Sequence[int]:
    """Give the numbers of the frames that are meant; no `asked`: all.

    Raises:
        RequestRefused: 404, there is one that the instance has not.
    """
    number = film.pixels.frames
    missing = next((frame for frame in asked if frame > number), None)
    if missing is not None:
        raise not_found(f"frame {missing}: the instance has {number}")
    return asked or range(1, number + 1)


def _choice(accepted: Accepted, number: int, *, is_single: bool) -> Choice:
    """Choose how pictures are sent.

    Several are parts, or one that moves; of WADO-URI, which knows no parts, the first stands for
    all if it cannot move.

    Raises:
        RequestRefused: 406, with what there is.
    """
    if is_single:
        return accepted.choose(single_part(rendered_choices(PICTURE_TYPES, number=1)))
    choices = rendered_choices(PICTURE_TYPES, number=number)
    if number == 1:
        return accepted.choose(choices)
    try:
        return accepted.choose([*choices, Choice(GIF)])
    except RequestRefused as refusal:
        told = f"{refusal.reason}. It has {number} frames; one alone is at …/frames/1/rendered"
        raise RequestRefused(refusal.status, told) from refusal


def _tell_of_annotations(exchange: Exchange, rendering: Rendering) -> None:
    """Say that nothing is written into pictures (`annotation`, PS3.18 §8.3.5.1.1)."""
    if rendering.annotations:
        exchange.warn(
            ["The annotation parameter is not supported. The picture has no annotations."]
        )


def _tag(holdings: Sequence[Holding], choice: Choice, exchange: Exchange) -> str:
    """Give a tag; a weak one, for other versions of a codec write other bytes."""
    asked = exchange.raw_path.decode("latin-1")
    parameters = "&".join([f"{name}={value}" for name, value in exchange.parameters()])
    return weak(tag_of(holdings, f"{choice} {asked} {parameters}"))


def picture_handlers(picturing: Picturing) -> Mapping[type[Resource], Handler]:
    """Give the handlers of a door."""

    async def rendered(exchange: Exchange, resource: Resource) -> Reply:
        assert isinstance(resource, RetrieveRendered)  # noqa: S101 - the door sees to it
        return await picturing.rendered(exchange, resource)

    async def thumbnail(exchange: Exchange, resource: Resource) -> Reply:
        assert isinstance(resource, RetrieveThumbnail)  # noqa: S101 - as above
        return await picturing.thumbnail(exchange, resource)

    return {RetrieveRendered: rendered, RetrieveThumbnail: thumbnail}
