"""The keys of conditions: attributes by keyword, tag or creator, ways through sequences, and facts.

Modality · "(0010,0020)" · "00100020" · '(0019,"SIEMENS MR HEADER",0a)'
"RequestAttributesSequence.ScheduledProcedureStepID" · calling_ae_title
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Final

from hilum.dicom import dictionary
from hilum.dicom.tags import PIXEL_TAGS

KEY_LENGTH_MAX: Final = 512
STEPS_MAX: Final = 8  # no module of PS3.3 nests deeper than conditions make sense

ASSOCIATION_KEYS: Final = (
    "calling_ae_title",
    "called_ae_title",
    "peer",
    "host",
    "entity",
    "source",
    "tls",
)
ARRIVAL_KEYS: Final = (*ASSOCIATION_KEYS, "time", "size", "transfer_syntax")
COMBINING_KEYS: Final = ("any", "all", "not")

# Words of other systems, and of haste, for what has another name here.
_ALSO_CALLED: Final = {
    "ae": "calling_ae_title",
    "ae_title": "calling_ae_title",
    "aet": "calling_ae_title",
    "aetitle": "calling_ae_title",
    "calling": "calling_ae_title",
    "calling_ae": "calling_ae_title",
    "calling_aet": "calling_ae_title",
    "sending_aet": "calling_ae_title",
    "sender": "calling_ae_title",
    "remote_aet": "calling_ae_title",
    "source_ae": "calling_ae_title",
    "source_aet": "calling_ae_title",
    "sourceapplicationentitytitle": "calling_ae_title",
    "called": "called_ae_title",
    "called_ae": "called_ae_title",
    "called_aet": "called_ae_title",
    "receiving_aet": "called_ae_title",
    "local_aet": "called_ae_title",
    "address": "host",
    "ip": "host",
    "remote_ip": "host",
    "remote_host": "host",
    "and": "all",
    "or": "any",
    "none": "not",
    "between": "time",
    "hour": "time",
    "weekday": "time",
    "day": "time",
    "bytes": "size",
    "filesize": "size",
    "file_size": "size",
    "transfersyntax": "transfer_syntax",
    "transfersyntaxuid": "transfer_syntax",
    "transfer_syntax_uid": "transfer_syntax",
    "accession": "AccessionNumber",
    "mrn": "PatientID",
    "pid": "PatientID",
    "body_part": "BodyPartExamined",
    "bodypart": "BodyPartExamined",
    "sop_class": "SOPClassUID",
    "sopclass": "SOPClassUID",
    "mediastoragesopclassuid": "SOPClassUID",
    "mediastoragesopinstanceuid": "SOPInstanceUID",
    "institution": "InstitutionName",
}

_DIGITS: Final = re.compile(r"[0-9A-Fa-f]{8}")
_TAG: Final = re.compile(r"\(\s*([0-9A-Fa-f]{4})\s*,\s*([0-9A-Fa-f]{4})\s*\)")
_PRIVATE: Final = re.compile(
    r"\(\s*([0-9A-Fa-f]{3}[13579BDFbdf])\s*,\s*\"([^\"\\]{1,64})\"\s*,\s*([0-9A-Fa-f]{2})\s*\)"
)
_STEP: Final = re.compile(r"(\([^()\"]*(?:\"[^\"]*\"[^()\"]*)?\)|[^.()\"]+)(?:\.|$)")


class UnknownKey(ValueError):
    """The key names nothing; `remedy` says what was probably meant."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.remedy = remedy
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a data set. `vr` is "" where only the data set knows, as for private ones."""

    key: str
    tag: int
    creator: str = ""
    vr: str = ""


@dataclass(frozen=True, slots=True)
class ArrivalKey:
    """A fact about how an instance came, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class AttributeWay:
    """Sequences on the way, and the attribute at its end."""

    steps: tuple[Attribute, ...]


def read_key(key: str, *, in_item: bool = False) -> ArrivalKey | AttributeWay:
    """Find out what a key of a condition asks for.

    Raises:
        UnknownKey: it is no fact, keyword, tag or private attribute, or a way that leads nowhere.
    """
    if key in ARRIVAL_KEYS:
        if in_item:
            raise UnknownKey(
                f"{key} is a fact of the arrival, which an item of a sequence has not got",
                "Write it beside the sequence",
            )
        return ArrivalKey(key)
    if len(key) > KEY_LENGTH_MAX:
        raise UnknownKey(f"a key has at most {KEY_LENGTH_MAX} characters")
    steps = tuple(_attribute(part) for part in _parts(key))
    for step in steps[:-1]:
        if step.vr not in {"SQ", ""}:
            raise UnknownKey(
                f"{step.key} is no sequence ({step.vr}), so nothing can be inside it",
            )
    _refuse_out_of_reach(steps[0], in_item=in_item)
    return AttributeWay(steps)


def _parts(key: str) -> list[str]:
    parts: list[str] = []
    at = 0
    while at < len(key) and len(parts) < STEPS_MAX and (match := _STEP.match(key, at)):
        parts.append(match[1].strip())
        at = match.end()
    if at < len(key) or key.endswith(".") or not all(parts) or not parts:
        raise UnknownKey(
            f"{_cut(key)!r} is not an attribute",
            "Write a keyword such as Modality, a tag such as '00100020', or "
            "'(0019,\"SIEMENS MR HEADER\",0a)'; dots lead into sequences",
        )
    return parts


def _attribute(part: str) -> Attribute:
    if private := _PRIVATE.fullmatch(part):
        tag = int(private[1] + "00" + private[3], 16)
        return Attribute(part, tag, private[2].strip())
    if pair := _TAG.fullmatch(part):
        return _by_tag(part, int(pair[1] + pair[2], 16))
    tag_of_keyword = dictionary.tag_of(part)
    if tag_of_keyword is not None:
        return _by_tag(part, tag_of_keyword)
    if _DIGITS.fullmatch(part):
        return _by_tag(part, int(part, 16))
    raise UnknownKey(f"there is no attribute or fact {_cut(part)!r}", suggestion(part))


def _by_tag(key: str, tag: int) -> Attribute:
    if tag & 0x10000:
        raise UnknownKey(
            f"{key} is private: its block is another one in each data set (PS3.5 §7.8.1)",
            f"Name its creator, as in '({tag >> 16:04x},\"SIEMENS MR HEADER\",{tag & 0xFF:02x})'",
        )
    found = dictionary.entry(tag)
    return Attribute(key, tag, vr=found.vr if found else "")


def _refuse_out_of_reach(first: Attribute, *, in_item: bool) -> None:
    """Turn down what is in no data set, or behind what routes read of it."""
    if in_item:
        return
    if first.tag >> 16 <= 2:
        raise UnknownKey(
            f"{first.key} is not part of a data set; it is known before",
            suggestion(first.key) or f"There are {', '.join(ARRIVAL_KEYS)}",
        )
    if first.tag in PIXEL_TAGS or first.tag > max(PIXEL_TAGS):
        raise UnknownKey(f"{first.key} is pixels, or behind them: routes read what is before")


def suggestion(word: str) -> str:
    """Say what `word` was probably meant to be; "" when nothing is near."""
    if len(word) > 64:
        return ""  # no keyword is as long, and comparing takes its time
    known = _known()
    folded = word.lower().replace("-", "_").replace(" ", "")
    plain = folded.replace("_", "")
    also = _ALSO_CALLED.get(folded) or _ALSO_CALLED.get(plain)
    if also:
        return f"Did you mean {also}?"
    exact = known.get(folded) or known.get(plain)
    near = exact or next(
        (known[one] for one in get_close_matches(plain, known, n=1, cutoff=0.75)), None
    )
    return f"Did you mean {near}?" if near else ""


@cache
def _known() -> dict[str, str]:
    words = (*dictionary.keywords(), *ARRIVAL_KEYS, *COMBINING_KEYS)
    return {word.lower(): word for word in words}


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
