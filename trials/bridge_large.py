"""Two gigabytes through a bridge, in and out, in both languages: memory must not follow them."""

import time
from contextlib import ExitStack
from typing import Final

from trials import large_web, wire_queries
from trials.bridged import OVER_DIMSE, OVER_WEB, Site, bridge
from trials.large import Watch
from trials.large_web import Large
from trials.targets import GatewayTarget
from trials.trial import Options, Result

GROWTH_MEGABYTES_MAX: Final = 64.0
_SECONDS_MAX: Final = 300.0


def run(options: Options) -> Result:
    """Store a large instance through, then fetch it, by each language of client and archive."""
    megabytes = options.count(long=2048, short=256)
    figures: dict[str, object] = {"megabytes": megabytes}
    passed = True
    with ExitStack() as opened:
        site = Site.start(options, "archive", opened)
        gateway = bridge(options, {"archive": site}, "[cache]\nbytes_max = 0\n")
        opened.callback(gateway.kill)
        gateway.start()
        for number, entity in enumerate((OVER_WEB, OVER_DIMSE)):
            path = f"/aets/{entity}/rs/studies"
            warm = Large(2 * number, 1, path)
            large_web.store(gateway, warm)
            large_web.fetch(gateway, warm, large_web.MULTIPART)
            one = Large(2 * number + 1, megabytes, path)
            with Watch(gateway.tree) as watch:
                began = time.monotonic()
                is_right = large_web.store(gateway, one) == 200
            passed &= _told(figures, f"STOW, {entity}", watch, began, is_right=is_right)
            with Watch(gateway.tree) as watch:
                began = time.monotonic()
                is_right = _get(gateway, entity, one)
            passed &= _told(figures, f"C-GET, {entity}", watch, began, is_right=is_right)
            digest = one.digest()
            with Watch(gateway.tree) as watch:
                began = time.monotonic()
                is_right = large_web.fetch(gateway, one, large_web.MULTIPART) == digest
            passed &= _told(figures, f"WADO, {entity}", watch, began, is_right=is_right)
        passed &= gateway.stop() == 0
    return Result(passed, figures)


def _get(gateway: GatewayTarget, entity: str, one: Large) -> bool:
    """Fetch by C-GET; what comes is counted, not kept."""
    with wire_queries.associated(gateway.port, entity, seconds_max=_SECONDS_MAX) as connection:
        wire_queries.get(connection, one.study, instance=one.uid, series=one.series)
        heard = wire_queries.outcome(connection)
        connection.release()
    return heard.status == 0 and heard.instances == [one.uid] and heard.bytes == one.size


def _told(
    figures: dict[str, object], name: str, watch: Watch, began: float, *, is_right: bool
) -> bool:
    word = "right" if is_right else "WRONG"
    seconds = time.monotonic() - began
    figures[name] = f"{word} after {seconds:.1f} s, memory +{watch.growth_megabytes:.0f} MB"
    return is_right and watch.growth_megabytes < GROWTH_MEGABYTES_MAX
