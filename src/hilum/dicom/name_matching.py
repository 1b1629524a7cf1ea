"""Names of people as they are looked for: without case and accents, in every script, or by sound.

A key without "=" may be found in any group of a name; a key with groups, in each of these groups.
Fuzzy (PS3.4 §C.2.2.2.1): each word of the key must be a word of the name, in any order: the same,
the beginning of one (two letters or more), or one that sounds alike by `sound_of`.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from hilum.dicom.person_name import PersonName

_ACCENTS: Final = re.compile("[\u0300-\u036f]")
_WORD_BREAKS: Final = re.compile(r"[\s^,.\-']+")
# Letters that have no decomposition, and are written without their stroke by who has no key for it.
_PLAIN_LETTERS: Final = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\u0131": "i",
        "ħ": "h",
    }
)
_PREFIX_LETTERS_MIN: Final = 2

# Consonants that are taken for each other, as in the Soundex of Russell; vowels have no sound.
_SOUNDS: Final = {
    letter: sound
    for sound, letters in {"1": "bfpvw", "2": "cgjkqsxz", "3": "dt", "4": "l", "5": "mn", "6": "r"}
    .items()
    for letter in letters
}  # fmt: skip


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """Take away case and accents; halves and full widths are one (Unicode NFKD, case folding)."""
    decomposed = unicodedata.normalize("NFKD", text)
    composed = unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed))
    return composed.casefold().translate(_PLAIN_LETTERS)


def folded_group(group: str) -> str:
    """Fold one component group; empty components at its end and spaces round them do not count."""
    return "^".join([part.strip() for part in folded(group).split("^")]).rstrip("^")


def folded_groups(text: str) -> tuple[str, str, str]:
    """Fold the three groups of a name, as they are kept to be searched."""
    alphabetic, ideographic, phonetic = PersonName.of(text).groups
    return folded_group(alphabetic), folded_group(ideographic), folded_group(phonetic)


def words_of(text: str) -> tuple[str, ...]:
    """Give the words of a name in all of its groups, folded."""
    return tuple(word for word in _WORD_BREAKS.split(folded(text.replace("=", "^"))) if word)


@lru_cache(maxsize=4096)
def sound_of(word: str) -> str:
    """Give the sound of a folded word: its first sound and its consonants; "" if it is not Latin.

    Meier, Mayr, Maier and Meyer are one sound; so are Schmidt and Schmitt.
    """
    if not (word.isascii() and word.isalpha()):
        return ""
    word = word.replace("ph", "f").replace("sch", "s").replace("sh", "s").replace("ck", "k")
    first = _SOUNDS.get(word[0], "0")
    sounds = [first]
    last = first
    for letter in word[1:]:
        sound = _SOUNDS.get(letter, "")
        if sound and sound != last:
            sounds.append(sound)
        if letter not in "hw":  # these do not part what they stand between
            last = sound
    return "".join(sounds)


def is_fuzzy_match(key: str, name: str) -> bool:
    """Tell whether each word of a key is one of a name, or begins or sounds like one."""
    words = words_of(name)
    return all(any(_is_alike(wanted, word) for word in words) for wanted in words_of(key))


def _is_alike(wanted: str, word: str) -> bool:
    if wanted == word:
        return True
    if len(wanted) >= _PREFIX_LETTERS_MIN and word.startswith(wanted):
        return True
    sound = sound_of(wanted)
    return len(sound) > 1 and sound == sound_of(word)
