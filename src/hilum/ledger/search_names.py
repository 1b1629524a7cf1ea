"""The texts by which names of people are found: folded groups, words, and sounds of words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hilum.dicom.name_matching import folded_groups, sound_of, words_of

# Of one name: nobody has more, and no text of a peer makes us write without end.
KEYS_MAX: Final = 24
# A longer text is found by its beginning; a group has at most 64 characters (PS3.5 §6.2).
KEY_CHARACTERS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class NameRole:
    """Whose name it is, as numbers in `name_key.kind`."""

    group: int
    word: int
    sound: int


PATIENT: Final = NameRole(1, 2, 3)
REFERRING_PHYSICIAN: Final = NameRole(4, 5, 6)

NameKey = tuple[int, str, int]


def keys_of(role: NameRole, name: str) -> list[NameKey]:
    """Give kind, text and number of each key of a name; the number of a group says which it is."""
    return list(dict.fromkeys(_keys_of(role, name)))[:KEYS_MAX] if name else []


def _keys_of(role: NameRole, name: str) -> Iterable[NameKey]:
    for value in name.split("\\"):
        for number, group in enumerate(folded_groups(value)):
            if group:
                yield role.group, group[:KEY_CHARACTERS_MAX], number
    words = dict.fromkeys(word for value in name.split("\\") for word in words_of(value))
    for word in words:
        yield role.word, word[:KEY_CHARACTERS_MAX], 0
        sound = sound_of(word)
        # Shorter ones are no sound: see `is_fuzzy_match`.
        if len(sound) > 1:
            yield role.sound, sound[:KEY_CHARACTERS_MAX], 0
