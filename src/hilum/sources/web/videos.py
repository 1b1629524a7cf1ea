"""Videos as they are stored, for players: nothing here decodes one (PS3.18 Table 8.7.4-1)."""

from hilum.dicomweb.addresses import url_of
from hilum.dicomweb.choice import Accepted
from hilum.dicomweb.choices import IMAGE_TYPES, rendered_choices
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.rendering import Rendering
from hilum.pipeline.archive.ports import Holding
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.framing import frames_of
from hilum.sources.web.instance_parts import place_of
from hilum.sources.web.shelf import Shelf
from hilum.sources.web.value_reply import ValuePart, value_reply, value_tag


async def video_reply(
    exchange: Exchange, shelf: Shelf, holding: Holding, rendering: Rendering, accepted: Accepted
) -> Reply:
    """Answer with the stream, or the range of it that a player wants.

    Raises:
        RequestRefused: 404 it has none; 406 the client takes no such stream, or wants it changed;
            416.
        CorruptPayload, OSError: it cannot be read.
    """
    if rendering != Rendering(quality=rendering.quality):
        raise RequestRefused(406, "it is a video, which can be had as it is stored only")
    choice = accepted.choose(rendered_choices(IMAGE_TYPES[holding.transfer_syntax_uid], number=1))
    frames = await frames_of(shelf, holding)
    runs = await shelf.frames.runs(frames, [0])
    location = f"{url_of(exchange.root, place_of(holding))}/rendered"
    tag = value_tag(holding, choice, "video")
    return await value_reply(exchange, shelf, [ValuePart(location, runs[0])], choice, tag)
