"""The identifier of a C-MOVE or C-GET: which entities are wanted (PS3.4 §C.4.2.1.4.1, §C.4.3).

Unique keys only; whatever else is in it is ignored, as clients that send their whole question need.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hilum.dicom.dataset import DataSet
from hilum.dicom.match_keys import VALUES_MAX
from hilum.kernel.names import is_uid
from hilum.query.identifier import BadIdentifier, level_of_identifier
from hilum.query.level import Level, Model
from hilum.query.via import Via

_WILD: Final = frozenset("*?")


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What is to be sent: everything below the entities of `level`, one or more of them.

    `keys` has the values of the unique keys: one of each level above, one or more of `level`; of a
    relational retrieval, levels above may be missing. `via`: who has asked for it until now.
    """

    level: Level
    keys: Mapping[Level, tuple[str, ...]]
    via: Via = ()


def retrieval_of_identifier(
    identifier: DataSet, model: Model, *, relational: bool = False
) -> Retrieval:
    """Read an identifier.

    Raises:
        BadIdentifier: no level, one that the model has not, a unique key that is missing, no UID,
            a wild card, or several values where there must be one.
    """
    level = level_of_identifier(identifier, model)
    keys: dict[Level, tuple[str, ...]] = {}
    for above in model.levels:
        if above > level:
            break
        values = _values(identifier, above)
        if values:
            keys[above] = values
        elif above == level or not relational:
            reason = f"is needed for a retrieval at the {level.name} level"
            raise BadIdentifier(above.unique_tag, reason)
        _check_number(above, values, level)
    return Retrieval(level, keys)


def _values(identifier: DataSet, level: Level) -> tuple[str, ...]:
    tag = level.unique_tag
    values = tuple([value for value in identifier.texts(tag) if value])
    if level == Level.PATIENT:
        if any(_WILD & set(value) for value in values):
            raise BadIdentifier(tag, "has a wild card; a retrieval names its patient")
    elif not all(is_uid(value) for value in values):
        raise BadIdentifier(tag, "is not a UID, or a list of them")
    return values


def _check_number(level: Level, values: tuple[str, ...], asked: Level) -> None:
    """Allow a list only where it is asked for, and never of patients (PS3.4 §C.4.2.2.1)."""
    if len(values) > 1 and (level != asked or level == Level.PATIENT):
        raise BadIdentifier(level.unique_tag, "has several values; it must have one here")
    if len(values) > VALUES_MAX:
        raise BadIdentifier(level.unique_tag, f"has more than {VALUES_MAX} values")
