"""The texts by which names of people are found: folded groups, words, and sounds of words."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hilum.dicom.name_matching import folded_groups, sound_of, words_of

# Of one name: nobody has more, and no text of a peer makes us write without end.
KEYS_MAX: Final = 24
# A longer text is found by its beginning; a group has at most 64 characters (PS3.5 §6.2).
KEY_CHARACTERS_MAX: Final = 256
# The same physicians refer again and again.
REMEMBERED_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class NameRole:
    """Whose name it is, as numbers in `name_key.kind`."""

    group: int
    word: int
    sound: int
    # Whether words and sounds are kept: for those who are looked for by them.
    is_fuzzy: bool


PATIENT: Final = NameRole(1, 2, 3, is_fuzzy=True)
REFERRING_PHYSICIAN: Final = NameRole(4, 5, 6, is_fuzzy=False)

NameKey = tuple[int, str, int]


@lru_cache(maxsize=REMEMBERED_MAX)
def keys_of(role: NameRole, name: str) -> tuple[NameKey, ...]:
    """Give kind, text and number of each key of a name; the number of a group says which it is."""
    return tuple(dict.fromkeys(_keys_of(role, name)))[:KEYS_MAX] if name else ()


def _keys_of(role: NameRole, name: str) -> Iterable[NameKey]:
    for value in name.split("\\"):
        for number, group in enumerate(folded_groups(value)):
            if group:
                yield role.group, group[:KEY_CHARACTERS_MAX], number
    if not role.is_fuzzy:
        return
    words = dict.fromkeys(word for value in name.split("\\") for word in words_of(value))
    for word in words:
        yield role.word, word[:KEY_CHARACTERS_MAX], 0
        sound = sound_of(word)
        # Shorter ones are no sound: see `is_fuzzy_match`.
        if len(sound) > 1:
            yield role.sound, sound[:KEY_CHARACTERS_MAX], 0
