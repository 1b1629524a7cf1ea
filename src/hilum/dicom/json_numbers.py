"""Decimal texts as JSON: a number where that says the same, else the text (PS3.18 §F.2.2)."""

import math
import re
from json.encoder import encode_basestring
from typing import Final

# Whole numbers that every reader of JSON has exactly, and digits that a double never changes.
INTEGER_MAX: Final = 2**53
DIGITS_MAX: Final = 15
_EXPONENT_MAX: Final = 290

_DECIMAL: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?")

_quoted = encode_basestring


def decimal_literal(text: str) -> str:
    """Give an IS or DS value as JSON.

    The digits stay as they stand; what is no number, or would not survive as a double, is a text.
    """
    if len(text) <= DIGITS_MAX and text.isdecimal() and text.isascii() and text[0] != "0":
        return text
    match = _DECIMAL.fullmatch(text)
    if match is None or not text.isascii():
        return _quoted(text)
    sign, whole, fraction, exponent = match.groups(default="")
    whole_digits = whole.lstrip("0")
    digits = (whole_digits + fraction).strip("0")
    is_number = whole or fraction
    if not is_number or abs(int(exponent or "0")) + len(whole) > _EXPONENT_MAX:
        return _quoted(text)
    if len(digits) > DIGITS_MAX and not _is_small_integer(whole_digits, fraction, exponent):
        return _quoted(text)
    literal = ("-" if sign == "-" else "") + (whole_digits or "0")
    if fraction:
        literal += "." + fraction
    return literal + ("e" + exponent if exponent else "")


def _is_small_integer(whole: str, fraction: str, exponent: str) -> bool:
    return not fraction and not exponent and int(whole) <= INTEGER_MAX


def float_literal(value: float) -> str:
    """Give an FL or FD value as JSON, which has no word for what is not finite: a text."""
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


def integer_literal(value: int) -> str:
    """Give a binary whole number as JSON; SV and UV beyond 2^53 are texts."""
    return str(value) if -INTEGER_MAX <= value <= INTEGER_MAX else f'"{value}"'
