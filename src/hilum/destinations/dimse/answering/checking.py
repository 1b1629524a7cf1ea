"""Looks at what a peer gives: whether it is what was asked for, as far as that can be told. Pure.

Many peers ignore keys that they do not know, and some say so (FF01); others match in ways of their
own. What does not match is not given on. Where the peer is silent about an attribute it is
believed.
"""

from collections.abc import Iterable, Sequence

from hilum.destinations.dimse.answering.phrasing import tag_of
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.dataset import DataSet
from hilum.dicom.matching import EmptyValue, Key, OneOf, matches_attribute


def passes(keys: Iterable[Key], match: DataSet) -> bool:
    """Tell whether a match answers all keys that it says anything about."""
    return all(not can_tell(key, match) or matches_attribute(key, match) for key in keys)


def can_tell(key: Key, match: DataSet) -> bool:
    """Tell whether a match says what it has of a key's attribute.

    An empty one is how peers answer what they do not support, so it says nothing.
    """
    attribute = key.attribute
    if isinstance(attribute, PrivateAttribute):
        tag = match.private_tag(attribute.group << 16 | attribute.element, attribute.creator)
    else:
        tag = tag_of(attribute)
    element = match.elements.get(tag)
    if element is None:
        return False
    if isinstance(key.matching, EmptyValue):
        return True
    if isinstance(key.matching, OneOf) and EmptyValue() in key.matching.choices:
        return True
    value = element[1]
    return bool(value.strip(b" \0") if isinstance(value, bytes) else value)


def unheeded(keys: Sequence[Key], matches: Sequence[DataSet]) -> tuple[Key, ...]:
    """Give the keys that none of these matches says anything about."""
    if not matches:
        return ()
    return tuple([key for key in keys if not any(can_tell(key, match) for match in matches)])
