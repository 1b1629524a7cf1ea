"""How the answerers of one entity are asked: how long, and what a missing part means."""

from dataclasses import dataclass
from typing import Literal

# "warn": an answer may miss a part and says so; "fail": then there is none.
Partial = Literal["warn", "fail"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What an entity grants its answerers.

    `deadline_seconds`: for the first matches, for each batch after them, for a list of instances.
    """

    deadline_seconds: float = 10.0
    partial: Partial = "warn"
