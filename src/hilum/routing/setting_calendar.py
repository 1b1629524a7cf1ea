"""A calendar as a setting: one text or a list of texts, read once."""

from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from hilum.routing.calendar import Calendar, parse_calendar


def _read(value: object) -> Calendar:
    if isinstance(value, Calendar):
        return value
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(one, str) for one in texts):
        raise ValueError('a calendar is a text or a list of texts, such as "mon-fri 07:00-19:00"')
    return parse_calendar(texts)


def _texts(calendar: Calendar) -> list[str]:
    return list(calendar.texts)


_TEXT = {"type": "string", "format": "calendar"}

CalendarSetting = Annotated[
    Calendar,
    PlainValidator(_read),
    PlainSerializer(_texts, list[str]),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}),
]
