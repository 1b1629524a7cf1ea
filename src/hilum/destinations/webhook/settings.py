"""What can be set about a webhook. Values only."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from hilum.destinations.http.settings import HttpSettings
from hilum.destinations.webhook.fields import can_be_told
from hilum.dicom import dictionary
from hilum.kernel.setting_types import LocalPath, OneOrMore


def _keyword(text: str) -> str:
    if dictionary.tag_of(text) is None:
        raise ValueError(f"{text!r} is not a keyword of the data dictionary (PS3.6)")
    if not can_be_told(text):
        raise ValueError(f"{text} has no text or number that could be told")
    return text


class WebhookDestinationSettings(HttpSettings, frozen=True, extra="forbid"):
    """A service that is told about instances: one signed JSON event a request."""

    type: Literal["webhook"] = Field(description="What it is.")
    about: Literal["instance", "series", "study"] = Field(
        default="instance",
        description="What an event tells of. Of a series or study it names the instances that "
        "are due together; there may be several events about one.",
    )
    fields: Annotated[tuple[Annotated[str, AfterValidator(_keyword)], ...], OneOrMore()] = Field(
        default=(),
        max_length=64,
        description="Attributes whose values go into the event, by keyword. Without any it has "
        "UIDs only. Whoever gets it learns what is in them.",
        examples=[["AccessionNumber", "Modality"]],
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=8,
        max_length=1024,
        description="Signs events with HMAC-SHA256, so that the receiver knows they are ours: "
        "X-Hilum-Signature is t=SECONDS,v1=HEX, and HEX is of SECONDS, a dot and the body. Refuse "
        "old SECONDS. Better in a file: secret_file.",
        examples=["change-me"],
    )
    secret_file: LocalPath | None = Field(
        default=None,
        description="File whose content is the secret; the last line break is dropped.",
        examples=["/run/secrets/webhook"],
    )
