"""Names of people: up to three groups of the same name in different scripts (PS3.5 §6.2.1)."""

from dataclasses import dataclass
from typing import Final

_GROUPS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class PersonName:
    """One name; a group that is missing is empty. Components stay joined by carets."""

    alphabetic: str = ""
    ideographic: str = ""
    phonetic: str = ""

    @classmethod
    def of(cls, text: str) -> "PersonName":
        """Take a value apart. Padding of each group goes; groups beyond the third stay with it."""
        groups = [group.strip(" ") for group in text.split("=", _GROUPS_MAX - 1)]
        return cls(*groups)

    @property
    def groups(self) -> tuple[str, str, str]:
        """The three groups in their order."""
        return self.alphabetic, self.ideographic, self.phonetic

    @property
    def text(self) -> str:
        """The value as it stands in a data set, without empty groups behind the last."""
        return "=".join(self.groups).rstrip("=")
