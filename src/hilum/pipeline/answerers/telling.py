"""What is told of an answerer that failed: labels with few values, and not each time again."""

from typing import assert_never

from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.ailments import Ailment, AnswererFailed, DimseAnswer, HttpAnswer, Lost
from hilum.pipeline.answerers.events import AnswererMissed


class NotAsked(AnswererFailed):
    """It was not even asked: it failed so often that it gets time to recover, or too many ask."""


def tell_miss(telemetry: Telemetry, failure: AnswererFailed, question: str) -> None:
    """Tell of a failure, unless it was told before and nobody asked since."""
    if not isinstance(failure, NotAsked):
        label = label_of(failure.ailment)
        telemetry.emit(AnswererMissed(failure.answerer, question, label, str(failure)))


def label_of(ailment: Ailment) -> str:
    """Give a label: statuses by their first digit, others can be anything that a peer sends."""
    match ailment:
        case HttpAnswer(code=code):
            return f"http {code // 100}xx"
        case DimseAnswer(status=status):
            return f"dimse {status >> 12:X}xxx"
        case Lost():
            return ailment.value
        case _:
            assert_never(ailment)


def late(answerer: str, seconds: float) -> AnswererFailed:
    """Say that an answerer did not answer in time."""
    # Times that were measured are not told to the microsecond.
    words = f"{answerer} did not answer within {round(seconds, 2):g} s"
    return AnswererFailed(words, answerer=answerer, ailment=Lost.LATE)
