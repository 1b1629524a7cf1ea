"""What went wrong on our side, or in an archive behind us, as a refusal that says so."""

from collections.abc import Mapping
from typing import Final

from hilum.dicomweb.refusal import RequestRefused, problem
from hilum.kernel.errors import CorruptPayload, Full, HilumError
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.statuses import http_ending

_RETRY_SECONDS: Final = 5


class ArchiveRefused(RequestRefused):
    """Answer that an archive elsewhere does not answer: which one, and why."""

    def __init__(
        self, status: int, reason: str, archive: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, reason, headers)
        self.archive = archive

    @property
    def body(self) -> bytes:
        """The answer's body, with who does not answer."""
        return problem(self.status, self.reason, archive=self.archive)


def refusal_of(error: Exception) -> RequestRefused:
    """Give the refusal for a fault."""
    if isinstance(error, RequestRefused):
        return error
    if isinstance(error, AnswererFailed):
        return _of_archive(error)
    status, reason = _told(error)
    headers = _retry(_RETRY_SECONDS) if status in {503, 507} else None
    return RequestRefused(status, reason, headers)


def _told(error: Exception) -> tuple[int, str]:
    match error:
        case Full():
            return 507, str(error)
        case CorruptPayload():
            return 500, "what is held is damaged; the log says more"
        case HilumError():
            return 503, str(error)
        case OSError():
            return 503, "what is held cannot be read now; the log says more"
    return 500, "internal error; the log says more"


def _of_archive(error: AnswererFailed) -> ArchiveRefused:
    ending = http_ending(error)
    headers = {} if ending.retry_after is None else _retry(ending.retry_after)
    return ArchiveRefused(ending.code, ending.words, error.answerer, headers)


def _retry(seconds: int) -> Mapping[str, str]:
    return {"Retry-After": str(seconds)}
