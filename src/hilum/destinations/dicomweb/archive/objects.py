"""Objects of a search's answer as data sets; what cannot be read of one is left out, not all of it.

Servers pass on what they were given: a decimal that is none must not hide a study.
"""

import json

from hilum.dicom.dataset import DataSet
from hilum.dicom.json_reader import BadJson, read_json, read_some


def data_set_of(content: bytes, only: frozenset[str] | None = None) -> DataSet:
    """Read one object; `only`: the tags that are of use, None: all.

    Raises:
        BadJson: it is not one.
    """
    try:
        return read_json(content)[0] if only is None else read_some(content, only)
    except BadJson:
        return _attribute_by_attribute(content)


def _attribute_by_attribute(content: bytes) -> DataSet:
    """Read what can be read of an object whose attributes are not all right."""
    try:
        parsed = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadJson(f"it is not JSON ({type(error).__name__})") from error
    if not isinstance(parsed, dict):
        raise BadJson("it is not an object")
    good = {name: value for name, value in parsed.items() if _is_readable(name, value)}
    return read_json(json.dumps(good).encode())[0]


def _is_readable(name: str, value: object) -> bool:
    try:
        read_json(json.dumps({name: value}).encode())
    except BadJson:
        return False
    return True
