"""What can be set about routes: `[[routes]]`. Values only.

The language of `when` and `to` is read by when.py and targets.py, which know every place in it that
can be wrong; here they are tables as TOML has them. The descriptions are what `hilum init`, the
JSON Schema and the reference show.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from hilum.kernel.setting_types import Duration, OneOrMore
from hilum.routing.setting_calendar import CalendarSetting

On = Literal["instance", "series", "study"]
Priority = Literal["stat", "routine", "bulk"]
Level = Literal["complete", "probably"]

# A route's name is a label of metrics and part of keys: short, and nothing that needs quoting.
RouteName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", json_schema_extra={"format": "name"})
]

_NAMES: Final = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_GROUP: Final = {
    "type": "object",
    "properties": {
        "first_of": _NAMES,
        "one_of": _NAMES,
        "all_of": _NAMES,
        "weights": {"type": "object", "additionalProperties": {"type": "number"}},
    },
    "additionalProperties": False,
}
Table = Annotated[Mapping[str, Any], WithJsonSchema({"type": "object", "format": "conditions"})]
Target = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, _GROUP], "format": "target"})]
Step = Annotated[
    Any, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}], "format": "step"})
]


class GatherSettings(BaseModel, frozen=True, extra="forbid"):
    """When a series or study counts as complete, for routes that wait for it."""

    level: Level = Field(
        default="probably",
        description="What to wait for: evidence that all is there, or that it was quiet for long "
        "enough and nothing is known to be missing.",
    )
    quiet_seconds: Duration = Field(
        default=60.0, description="So long nothing may have arrived before it counts as probable."
    )
    forced_after: Duration = Field(
        default=3600.0,
        gt=0,
        description="So long after its first instance it goes anyway, marked as incomplete.",
    )


class RouteSettings(BaseModel, frozen=True, extra="forbid"):
    """Which instances go where. All routes whose conditions hold fire, from the first to the last.

    Where two routes send to one destination it gets one delivery, the more urgent one.
    """

    name: RouteName = Field(
        description="What the route is called in logs, metrics and answers.",
        examples=["ct-to-pacs"],
    )
    when: Table = Field(
        default={},
        description="Conditions that must all hold; none: always. The language is in routing.md.",
        examples=[{"Modality": ["CT", "MR"]}],
    )
    then: Annotated[tuple[Step, ...], OneOrMore()] = Field(
        default=(), description="Steps that change the instance on its way. There are none yet."
    )
    to: Annotated[tuple[Target, ...], OneOrMore()] = Field(
        default=(),
        description="Destinations by name, or groups: { first_of = [...] } takes the first that "
        "works, { one_of = [...] } shares studies out, { all_of = [...] } is each of them.",
        examples=[["pacs"]],
    )
    on: On = Field(
        default="instance",
        description="Send each instance at once, or when its series or study is complete.",
    )
    priority: Priority = Field(
        default="routine", description="What goes first where there is a queue."
    )
    between: CalendarSetting | None = Field(
        default=None,
        description="When its deliveries may start, by the gateway's clock; what comes at other "
        "times waits. Absent: always.",
        examples=["mon-fri 18:00-07:00"],
    )
    stop: bool = Field(
        default=False, description="When this route fires, the routes below it are not asked."
    )
    enabled: bool = Field(default=True, description="Whether the route is asked at all.")
    gather: GatherSettings | None = Field(
        default=None,
        description='For on = "series" and "study": how long to wait for the rest of it.',
    )
