"""Puts what was found of an entity together with what was found of those above it. Pure."""

from collections.abc import Iterable, Mapping

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.charset_writing import UTF_8
from hilum.dicom.dataset import DataSet, Element
from hilum.query.answer import OWN, copied
from hilum.query.level import Level
from hilum.query.query import Wanted


def completed(match: DataSet, above: Mapping[Level, str], parent: DataSet | None) -> DataSet:
    """Add to a match the unique keys above it, and what is known of its parent."""
    if parent is not None:
        match = joined(match, parent)
    for level, uid in above.items():
        if not match.text(level.unique_tag):
            builder = DataSetBuilder("" if uid.isascii() else UTF_8)
            builder.texts(level.unique_tag, uid)
            builder.data_set.elements.pop(tags.SPECIFIC_CHARACTER_SET, None)
            if not uid.isascii():
                match = _in_utf_8(match)
            match.elements.update(builder.data_set.elements)
    return match


def joined(match: DataSet, parent: DataSet) -> DataSet:
    """Add what a match does not say and its parent does; of two character sets UTF-8 is made."""
    missing = {
        tag: element
        for tag, element in parent.elements.items()
        if tag not in OWN and element[1] and not _has(match, tag)
    }
    if not missing:
        return match
    own, other = match.current_charset(), parent.current_charset()
    if own == other or all(map(_is_plain, missing.values())):
        match.elements.update(missing)
        return match
    result = _in_utf_8(match)
    builder = DataSetBuilder(UTF_8)
    for tag, element in missing.items():
        copied(builder, parent, tag, element, ())
    builder.data_set.elements.pop(tags.SPECIFIC_CHARACTER_SET, None)
    result.elements.update(builder.data_set.elements)
    return result


def filled(match: DataSet, wanted: Iterable[Wanted]) -> DataSet:
    """Add what was wanted and is not known, empty."""
    for one in wanted:
        tag = one.attribute
        if isinstance(tag, int) and tag not in match.elements and tag not in OWN:
            match.elements[tag] = (one.vr, [] if one.vr == "SQ" else b"")
    return match


def _has(match: DataSet, tag: int) -> bool:
    element = match.elements.get(tag)
    return element is not None and bool(element[1])


def _is_plain(element: Element) -> bool:
    value = element[1]
    return isinstance(value, bytes) and value.isascii() and b"\x1b" not in value


def _in_utf_8(source: DataSet) -> DataSet:
    builder = DataSetBuilder(UTF_8)
    for tag, element in source.elements.items():
        if tag != tags.SPECIFIC_CHARACTER_SET:
            copied(builder, source, tag, element, ())
    return builder.data_set
