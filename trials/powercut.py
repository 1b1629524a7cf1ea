"""Cut the power while instances arrive: what was answered with success is on the disk that is left.

The store lies on an ext4 image. At the cut everything is killed and the image is copied at once:
what the file system had not written to its device is not in the copy. The copy is mounted (which
replays the journal, as after a real power cut) and the receiver started on it.
"""

import random
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trials import mounts
from trials.gateway import DidNotStart, Settings
from trials.senders import Senders
from trials.targets import Target
from trials.trial import Options, Result

SENDERS: Final = 3
PAUSE_SECONDS: Final = 0.02
IMAGE_MEGABYTES: Final = 400
BENCH_MEGABYTES: Final = 3 * IMAGE_MEGABYTES


@dataclass(slots=True)
class _Tally:
    cuts: int = 0
    acknowledged: int = 0
    lost: int = 0
    torn: int = 0
    window_seconds: float = 0.0
    examples: list[str] = field(default_factory=list)


def run(options: Options) -> Result:
    """Cut the power several times, each time on a fresh file system."""
    if reason := mounts.why_not():
        return Result(passed=False, skipped=reason)
    tally, chooser = _Tally(), random.Random(options.seed)
    # The images lie in memory, so that copying one takes no time in which the kernel could write.
    with mounts.memory_file_system(options.folder / "power", megabytes=BENCH_MEGABYTES) as bench:
        for number in range(options.count(long=10, short=2)):
            seconds = chooser.uniform(3, 9) if not options.short else chooser.uniform(2, 3)
            _cut(options, bench, number, seconds, tally)
    figures: dict[str, object] = {
        "cuts": tally.cuts,
        "acknowledged": tally.acknowledged,
        "lost": tally.lost,
        "torn or unlisted": tally.torn,
        "window of loss": f"{tally.window_seconds:.1f} s",
    }
    if tally.examples:
        figures["for example"] = tally.examples[:3]
    passed = tally.lost == 0 and tally.torn == 0 and tally.acknowledged > 0
    return Result(passed, figures)


def _cut(options: Options, bench: Path, number: int, seconds: float, tally: _Tally) -> None:
    image, left = bench / "image", bench / "left"
    mounts.make_image(image, megabytes=IMAGE_MEGABYTES)
    bound = Options(bench / "disk", seed=options.seed, target=options.target)
    with mounts.image_mounted(image, bench / "disk"):
        target = bound.make_target("store", Settings(workers=1 + number % 2))
        senders = _store_for(target, number, seconds)
        cut_at = time.monotonic()
        # --sparse: what was never written stays a hole, in both.
        subprocess.run(["cp", "--sparse=always", str(image), str(left)], check=True)
    image.unlink()
    with mounts.image_mounted(left, bench / "disk"):
        _judge(target, senders, cut_at, tally)
    left.unlink()


def _store_for(target: Target, number: int, seconds: float) -> Senders:
    """Store for some time, then kill the receiver and give what it had acknowledged."""
    target.start()
    senders = Senders(
        target.port,
        target.called,
        count=SENDERS,
        round=number + 1,
        pause_seconds=PAUSE_SECONDS,
    )
    with senders:
        time.sleep(seconds)
        target.kill()
    return senders


def _judge(target: Target, senders: Senders, cut_at: float, tally: _Tally) -> None:
    try:
        target.start()
        target.stop()
    except DidNotStart as error:
        tally.examples.append(f"did not start again: {error}")
    finally:
        target.kill()
    holding = target.holding()
    lost = holding.lost(senders.acknowledged)
    tally.cuts += 1
    tally.acknowledged += len(senders.acknowledged)
    tally.lost += len(lost)
    tally.torn += len(holding.faults)
    tally.examples += lost[:2] + holding.faults[:2]
    ages = [cut_at - senders.acknowledged_at[uid] for uid in lost]
    tally.window_seconds = max([tally.window_seconds, *ages])
