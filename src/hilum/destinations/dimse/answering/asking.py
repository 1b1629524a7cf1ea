"""One C-FIND as it is sent: its level, its keys, what is to be told, its identifier. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from hilum.destinations.dimse.answering.phrasing import Said, said, tag_of
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.building import DataSetBuilder, WrongValue
from hilum.dicom.charset_writing import UTF_8, term_for, text_writer
from hilum.dicom.dataset import DataSet
from hilum.dicom.matching import AnyOf, ItemWith, Key, Like, NameIs, NameSounds
from hilum.dimse.service.query_negotiation import FindOptions
from hilum.query.answer import OWN
from hilum.query.identifier import QUERY_RETRIEVE_LEVEL
from hilum.query.level import Level, Model
from hilum.query.query import Attribute, Wanted
from hilum.query.via import Via

_FIRST_BLOCK: Final = 0x10


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to one level of a peer; each key has one alternative. `above`: where it is.

    `charset`: the Specific Character Set in which it came to us.
    """

    model: Model
    level: Level
    keys: tuple[Key, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    above: Mapping[Level, str] = field(default_factory=dict)
    charset: str = ""
    via: Via = ()  # on whose behalf

    def charsets(self, configured: str | None) -> tuple[str, ...]:
        """Give the character sets to ask in, each if nothing was found in those before it.

        Some archives compare bytes and convert none: that of who asks comes first, as if they were
        asked directly.
        """
        if configured is not None:
            return (configured,)
        foreign = self._foreign()
        own = term_for(foreign, self.charset) if foreign else UTF_8
        return tuple(dict.fromkeys((own, UTF_8)))

    def identifier(self, charset: str, options: FindOptions) -> DataSet:
        """Write it as the peer wants it (PS3.4 §C.4.1.1)."""
        builder = DataSetBuilder(self._charset(charset))
        writing = _Writing(builder, options)
        for wanted in self.wanted:
            writing.ask_for(wanted)
        for key in self.keys:
            writing.look_for(key)
        for level in self.model.levels:
            if level <= self.level and level.unique_tag not in builder.data_set:
                builder.empty(level.unique_tag)
        for level, uid in self.above.items():
            builder.texts(level.unique_tag, uid)
        return builder.texts(QUERY_RETRIEVE_LEVEL, self.level.name).data_set

    def _charset(self, preferred: str) -> str:
        """Choose the character set: the preferred one, unless it has not all that is asked."""
        writer = text_writer(preferred)
        return preferred if all(map(writer.can_encode, self._foreign())) else UTF_8

    def _foreign(self) -> list[str]:
        texts = [*_texts(self.keys), *self.above.values()]
        return [text for text in texts if not text.isascii()]


def _texts(keys: Iterable[Key]) -> Iterator[str]:
    for key in keys:
        match key.matching:
            case AnyOf(values):
                yield from values
            case Like(text) | NameSounds(text) | NameIs(text=text):
                yield text
            case ItemWith(inner):
                yield from _texts(inner)
            case _:
                pass


class _Writing:
    """Puts keys and wishes into one data set, or into an item of a sequence."""

    def __init__(self, builder: DataSetBuilder, options: FindOptions) -> None:
        self._builder = builder
        self._options = options
        self._blocks: dict[tuple[int, str], int] = {}

    def ask_for(self, wanted: Wanted) -> None:
        tag = self._place(wanted.attribute)
        if tag in OWN:
            return
        vr = wanted.vr if isinstance(wanted.attribute, PrivateAttribute) else ""
        if not wanted.items:
            self._builder.empty(tag, vr=vr)
            return
        inner = self._item(tag)
        for one in wanted.items:
            inner.ask_for(one)

    def look_for(self, key: Key) -> None:
        tag = self._place(key.attribute)
        if isinstance(key.matching, ItemWith):
            inner = self._item(tag)
            for one in key.matching.keys:
                inner.look_for(one)
            return
        self._builder.empty(tag, vr=key.vr)
        for words in said(key, self._options):
            # What does not fit the VR is nowhere: asked for without it, and found out by us.
            try:
                self._builder.texts(self._place(words.attribute), *_values(words), vr=words.vr)
            except WrongValue:
                self._builder.empty(tag, vr=key.vr)

    def _item(self, tag: int) -> "_Writing":
        """Give the one item of a sequence, as it is so far (PS3.4 §C.2.2.2.6)."""
        builder = self._builder.item()
        there = self._builder.data_set.items(tag)
        if there:
            builder.data_set.elements.update(there[0].elements)
        self._builder.items(tag, builder.data_set)
        return _Writing(builder, self._options)

    def _place(self, attribute: Attribute) -> int:
        """Give the tag of an attribute; a private one is put behind its creator (PS3.5 §7.8.1)."""
        if not isinstance(attribute, PrivateAttribute):
            return tag_of(attribute)
        known = (attribute.group, attribute.creator)
        taken = sum(group == attribute.group for group, _ in self._blocks)
        block = self._blocks.setdefault(known, _FIRST_BLOCK + taken)
        self._builder.texts(attribute.group << 16 | block, attribute.creator, vr="LO")
        return attribute.group << 16 | block << 8 | attribute.element


def _values(words: Said) -> list[str]:
    return words.text.split("\\") if words.text else []
