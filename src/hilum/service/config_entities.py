"""What can be set about entities, `[entities.<name>]`: the faces we show, and who answers there.

Values only. Which destinations there are, and what makes no sense, is in config_entity_checks.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from hilum.kernel.names import AE_TITLE_LENGTH_MAX
from hilum.kernel.setting_types import OneOrMore, Seconds, Title
from hilum.pipeline.entities import Service, StatusProfile

# Stands for our own archive among the names of destinations.
LOCAL: Final = "local"
SERVICES: Final[frozenset[Service]] = frozenset(get_args(Service))

Services = Annotated[
    frozenset[Service],
    # A set has no order, a schema and a reference page need one: that of the declaration.
    PlainSerializer(lambda open_: [one for one in get_args(Service) if one in open_], list[str]),
]
_NAMES: Final = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_GROUP: Final = {
    "type": "object",
    "properties": {
        "one_of": _NAMES,
        "weights": {"type": "object", "additionalProperties": {"type": "number"}},
    },
    "required": ["one_of"],
    "additionalProperties": False,
}
# Read by config_entity_checks.py, which knows what there is to name.
Answers = Annotated[
    Any, WithJsonSchema({"anyOf": [{"type": "string"}, _GROUP], "format": "answerer"})
]
_STORES: Final = {
    "anyOf": [
        {"type": "string", "enum": ["keep"]},
        {
            "type": "object",
            "properties": {"through": {"type": "string"}},
            "required": ["through"],
            "additionalProperties": False,
        },
    ],
    "format": "stores",
}


@dataclass(frozen=True, slots=True)
class Through:
    """Stores are answered when this destination has the instance."""

    through: str


def _stores(value: object) -> object:
    match value:
        case "keep" | Through():
            return value
        case {"through": str(name), **rest} if not rest:
            return Through(name)
    raise ValueError(
        'a store is either "keep" (kept here, and routed) or { through = "<destination>" } '
        "(answered when that one has it)"
    )


Stores = Annotated[Literal["keep"] | Through, BeforeValidator(_stores), WithJsonSchema(_STORES)]


class EntitySettings(BaseModel, frozen=True, extra="forbid"):
    """A face of the gateway: an AE title of ours, and the DICOMweb root /aets/<AE title>/rs.

    The one with gateway.ae_title is the default entity: /dicom-web, /wado and /fhir are its own,
    and it answers to sources.dimse.called_ae_titles as well.
    """

    ae_title: Title | None = Field(
        default=None,
        description="The AE title that is called. Absent: the name of the section.",
        examples=["BRIDGE"],
    )
    services: Services = Field(
        default=SERVICES,
        description="What is open here; what each caller may ask for is said elsewhere.",
    )
    answers: Annotated[tuple[Answers, ...], OneOrMore()] = Field(
        default=(LOCAL,),
        description="Who answers searches and retrievals, the first one first: destinations by "
        'name; "local" is what is held here; { one_of = [...] } shares studies among archives of '
        "the same kind.",
        examples=[["cloud"]],
    )
    stores: Stores = Field(
        default="keep",
        description="What a store means: it is kept here and routed; or it is handed through, and "
        "answered when the named destination has it.",
        examples=[{"through": "cloud"}],
    )
    store_deadline_seconds: Seconds = Field(
        default=30.0,
        description="Who stores what is handed through is answered by then, after its last byte; "
        "what is long may take a second more for each MiB.",
    )
    partial: Literal["warn", "fail"] = Field(
        default="warn",
        description="When some of several answerers do not answer: give what the others have, "
        "with a warning, or fail.",
    )
    deadline_seconds: Seconds = Field(
        default=10.0, description="An answerer that has not begun to answer by then is late."
    )
    status_profile: StatusProfile = Field(
        default="standard",
        description="How what an archive says is told in the other language: by the standards, "
        "or by a published table that some sites rely on.",
    )

    @property
    def through(self) -> str:
        """Name the destination that stores are handed to; "": they are kept."""
        return self.stores.through if isinstance(self.stores, Through) else ""

    @property
    def names(self) -> frozenset[str]:
        """Name everybody who answers, without "local"."""
        found = {name for one in self.answers for name in members_of(one)}
        return frozenset(found - {LOCAL})

    @property
    def is_local(self) -> bool:
        """Tell whether it is only about what is held here."""
        return self.answers == (LOCAL,)


def title_of(name: str, settings: EntitySettings) -> str:
    """Give the AE title of an entity; one that is too long was refused when it was checked."""
    return settings.ae_title or name[:AE_TITLE_LENGTH_MAX]


def titles_of(entities: Mapping[str, EntitySettings]) -> frozenset[str]:
    """Give the AE titles of all entities."""
    return frozenset(title_of(name, settings) for name, settings in entities.items())


def members_of(answers: object) -> tuple[str, ...]:
    """Name who is in one place of `answers`, as far as it can be read."""
    if isinstance(answers, str):
        return (answers,)
    members = answers.get("one_of", ()) if isinstance(answers, Mapping) else ()
    listed = members if isinstance(members, list | tuple) else ()
    return tuple(name for name in listed if isinstance(name, str))


def weights_of(answers: object) -> tuple[float, ...]:
    """Give the weights of who is in one place of `answers`; 1 where nothing is said."""
    said = answers.get("weights", {}) if isinstance(answers, Mapping) else {}
    return tuple(float(said.get(name, 1)) for name in members_of(answers))
