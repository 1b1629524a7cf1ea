"""The data set that answers a question with one match, for C-FIND and for DICOM JSON.

Every attribute that was asked for is in it, empty when it is not known; nothing else is, but what
the standard adds: the level, the unique keys above, where and how to get it.
"""

from collections.abc import Iterable
from typing import Final

from hilum.dicom import tags
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.byte_order import in_other_order
from hilum.dicom.charset_writing import UTF_8, term_for
from hilum.dicom.dataset import DataSet, Element
from hilum.dicom.vrs import CHARSET_VRS, SINGLE_TEXT_VRS
from hilum.query.identifier import QUERY_RETRIEVE_LEVEL
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Attribute, Query, Wanted

_RETRIEVE_AE_TITLE: Final = 0x00080054
INSTANCE_AVAILABILITY: Final = 0x00080056
RETRIEVE_URL: Final = 0x00081190
MODALITIES_IN_STUDY: Final = 0x00080061
ONLINE: Final = "ONLINE"
# The answerer's own: what a match has of them is of no use to who asks.
OWN: Final = frozenset(
    (tags.SPECIFIC_CHARACTER_SET, QUERY_RETRIEVE_LEVEL, _RETRIEVE_AE_TITLE, RETRIEVE_URL)
)


def identifier_of(
    query: Query, match: Match, *, retrieve_ae_title: str, availability: str = ONLINE
) -> DataSet:
    """Answer a C-FIND (PS3.4 §C.4.1.1.3.2); in the question's character set if that has all."""
    wanted = [*query.wanted, *unique_of(match.level)]
    texts = list(_texts_of(match.attributes, wanted))
    builder = DataSetBuilder(term_for(texts, query.charset))
    _fill(builder, match.attributes, wanted, query)
    builder.texts(QUERY_RETRIEVE_LEVEL, match.level.name)
    builder.texts(_RETRIEVE_AE_TITLE, retrieve_ae_title)
    builder.texts(INSTANCE_AVAILABILITY, _availability(match, availability))
    return builder.data_set


def result_of(
    query: Query, match: Match, *, retrieve_url: str, availability: str = ONLINE
) -> DataSet:
    """Answer a search (PS3.18 §10.6.3.3), in UTF-8; `retrieve_url` is "" where there is none."""
    builder = DataSetBuilder(UTF_8)
    wanted = [*query.wanted, *unique_of(match.level)]
    _fill(builder, match.attributes, wanted, query)
    if match.level > Level.PATIENT:
        builder.texts(INSTANCE_AVAILABILITY, _availability(match, availability))
    if retrieve_url:
        builder.texts(RETRIEVE_URL, retrieve_url)
    if not builder.data_set.raw(MODALITIES_IN_STUDY):
        # Viewers trip over an empty one (seen: OHIF 3.13, which then lists no study at all).
        builder.data_set.elements.pop(MODALITIES_IN_STUDY, None)
    return builder.data_set


def _availability(match: Match, ours: str) -> str:
    """Give what an archive elsewhere says of its own: only it knows what is on tape there."""
    theirs = match.attributes.text(INSTANCE_AVAILABILITY) if match.answerer else ""
    return theirs or ours


def unique_of(level: Level) -> Iterable[Wanted]:
    """Give the unique keys of a level and of those above it; a study names its patient if asked."""
    for above in Level:
        if above == level or Level.STUDY <= above < level:
            yield Wanted(above.unique_tag, "LO" if above == Level.PATIENT else "UI")


def _fill(builder: DataSetBuilder, source: DataSet, wanted: Iterable[Wanted], query: Query) -> None:
    if query.everything:
        for tag, element in source.elements.items():
            if tag not in OWN and tag & 0xFFFF:
                copied(builder, source, tag, element, ())
    for one in wanted:
        _answer(builder, source, one)


def _answer(builder: DataSetBuilder, source: DataSet, wanted: Wanted) -> None:
    """Answer one attribute that was asked for."""
    tag = _tag_in(source, wanted.attribute)
    element = source.elements.get(tag)
    if isinstance(wanted.attribute, PrivateAttribute):
        builder.texts(tag & 0xFFFF0000 | (tag >> 8 & 0xFF), wanted.attribute.creator, vr="LO")
    if tag in OWN or tag == INSTANCE_AVAILABILITY:
        return
    if element is not None:
        copied(builder, source, tag, element, wanted.items)
    elif tag not in builder.data_set:
        builder.empty(tag, vr=wanted.vr)


def _tag_in(source: DataSet, attribute: Attribute) -> int:
    """Find a private attribute where its creator has put it, else in the first block."""
    if isinstance(attribute, int):
        return attribute
    tag = attribute.group << 16 | attribute.element
    found = source.private_tag(tag, attribute.creator)
    return found if found >= 0 else tag | 0x1000


def copied(
    builder: DataSetBuilder,
    source: DataSet,
    tag: int,
    element: Element,
    items: tuple[Wanted, ...],
) -> None:
    """Copy an attribute into the character set and byte order of the answer."""
    vr, value = element
    if isinstance(value, list):
        copies = []
        for item in value:
            inner = builder.item()
            if items:
                for wanted in items:
                    _answer(inner, item, wanted)
            else:
                for inner_tag, inner_element in item.elements.items():
                    copied(inner, item, inner_tag, inner_element, ())
            copies.append(inner.data_set)
        there = builder.data_set.items(tag)
        if items and there and len(there) == len(copies):
            # Asked for twice, by two paths into one sequence: each adds its own.
            for old, new in zip(there, copies, strict=True):
                old.elements.update(new.elements)
        else:
            builder.items(tag, *copies)
    elif not isinstance(value, bytes):
        builder.empty(tag, vr=vr)
    elif vr in CHARSET_VRS:
        builder.texts(tag, *_values(source, element), vr=vr)
    else:
        builder.raw(tag, value if source.little_endian else in_other_order(value, vr), vr=vr)


def _values(source: DataSet, element: Element) -> list[str]:
    text = source.text_of(element)
    return [text] if element[0] in SINGLE_TEXT_VRS else text.split("\\")


def _texts_of(source: DataSet, wanted: Iterable[Wanted]) -> Iterable[str]:
    """Give all texts of an answer, to find a character set that has them."""
    for one in wanted:
        element = source.elements.get(_tag_in(source, one.attribute))
        if element is not None:
            yield from _all_texts(source, element)


def _all_texts(source: DataSet, element: Element) -> Iterable[str]:
    vr, value = element
    if isinstance(value, list):
        for item in value:
            for inner in item.elements.values():
                yield from _all_texts(item, inner)
    elif vr in CHARSET_VRS:
        yield source.text_of(element)
